"""A simulated deployment in which two workers run at once, indexes are late, and receivers are slow or hang.

The second worker runs in the middle of the first one, between two of its port calls, as another process would.
"""

from collections import Counter, deque
from http import HTTPStatus
from typing import Any, Final

from dynamodb_memory.client import MemoryDynamoDB
from tapedeck.ports.messaging import WebhookRequest, WebhookResult
from tests.simulation.ports import FaultInjector, RandomSource, SimulatedClock
from tests.simulation.receivers import TOKEN, Receiver, ReceiverNetwork
from tests.simulation.workload import FAULT_PROBABILITY, Workload
from tests.simulation.world import World

MEANWHILE_PROBABILITY: Final = 0.3
"""Probability that a second worker runs in the middle of a step."""

MAX_POINTS: Final = 40
"""The second worker runs after at most so many injection points."""

INDEX_LAGS: Final = ((0.0, 12), (0.3, 4), (3.0, 2), (60.0, 1))
"""Seconds by which indexes are late, and the weight of each."""

LEASE_MILLISECONDS: Final = 60_000
"""For so long a worker has a callback to itself."""

Images = tuple[str, Any, Any]
"""A table, and an item before and after a write."""


class LateIndexDynamoDB(MemoryDynamoDB):
    """A database whose indexes show a write only after a while; the items of a table are always current.

    Args:
        clock: the simulated clock.
        fault_injector: gets the injection points.
        random_source: chooses how late the index shows a write.
    """

    def __init__(self, clock: SimulatedClock, fault_injector: FaultInjector, random_source: RandomSource) -> None:
        super().__init__(clock, fault_injector.pass_database_point)
        self.late_answers = 0
        """Queries of an index with another answer than an index without delay gives."""
        self._now = clock
        self._random_source = random_source
        self._shown = MemoryDynamoDB(clock)
        """The tables as the indexes show them."""
        self._waiting: deque[tuple[int, Images]] = deque()

    def create_table(self, **request: object) -> dict[str, Any]:
        """Create a table, and the copy that its indexes show."""
        self._shown.create_table(**request)
        return super().create_table(**request)

    def take_images(self, table: str) -> list[Any]:
        """Remove and return the stream records; the indexes will show them, in this order."""
        records = super().take_images(table)
        for _, _, before, after, _ in records:
            lags, weights = zip(*INDEX_LAGS, strict=True)
            due = self._now() + round(1_000 * self._random_source.choices(lags, weights)[0])
            earliest = self._waiting[-1][0] if self._waiting else 0
            self._waiting.append((max(due, earliest), (table, before, after)))
        return records

    def query(self, **request: object) -> dict[str, Any]:
        """Read a page; that of an index is late."""
        answer: dict[str, Any] = super().query(**request)
        if "IndexName" not in request:
            return answer
        self._show_what_is_due()
        late: dict[str, Any] = self._shown.query(**request)
        self.late_answers += late["Items"] != answer["Items"]
        return late

    def _show_what_is_due(self) -> None:
        while self._waiting and self._waiting[0][0] <= self._now():
            _, (table, before, after) = self._waiting.popleft()
            if after is not None:
                self._shown.put_item(TableName=table, Item=after)
            else:
                self._shown.delete_item(TableName=table, Key={name: before[name] for name in ("PK", "SK")})


class CountingNetwork(ReceiverNetwork):
    """Receivers, and by token how many attempts of each callback the sender knows to be accepted."""

    def __init__(self, clock: SimulatedClock, random_source: RandomSource) -> None:
        super().__init__(clock, random_source)
        self.accepted: Counter[str] = Counter()

    def send(self, request: WebhookRequest) -> WebhookResult:
        """Make one attempt."""
        result = super().send(request)
        if result.status == HTTPStatus.OK and TOKEN in request.headers:
            self.accepted[request.headers[TOKEN]] += 1
        return result


class BusyWorld(World):
    """A world with late indexes, where in the middle of a step another worker may run.

    The publisher does not run twice at once: a stream has one reader for each shard.
    """

    def __init__(self, seed: int, *, hours: int) -> None:
        super().__init__(seed, hours=hours)
        self.database = LateIndexDynamoDB(self.clock, self.fault_injector, self.random_source)
        self.dynamodb = self.database
        self.accepting = CountingNetwork(self.clock, self.random_source)
        self.network = self.accepting
        self.ran_meanwhile: Counter[str] = Counter()
        """By name, the second workers that ran in the middle of a step."""
        self.max_delay = 0
        """The most milliseconds that a worker waited while another one ran."""
        self._is_publisher_running = False
        self._is_second = False

    def run(self, action: Any, *args: object, **kwargs: object) -> Any:
        """Run one step, and perhaps another worker in the middle of it."""
        if self._is_second or self.random_source.random() >= MEANWHILE_PROBABILITY:
            return self._run(action, *args, **kwargs)
        points = self.random_source.randint(1, MAX_POINTS)
        self.fault_injector.run_meanwhile(points, self._run_another)
        try:
            return self._run(action, *args, **kwargs)
        finally:
            self.fault_injector.cancel_meanwhile()

    @property
    def may_send_again(self) -> bool:
        """Whether a worker failed, or waited for so long that another one could take its callback."""
        return self.fault_injector.injected > 0 or self.max_delay > LEASE_MILLISECONDS

    def sent_again(self) -> list[str]:
        """Tokens of callbacks that were sent again although an attempt was known to be accepted, without need."""
        if self.may_send_again:
            return []
        return [token for token, number in self.accepting.accepted.items() if number > 1]

    def _run(self, action: Any, *args: object, **kwargs: object) -> Any:
        is_publisher = action == self.publish.run_once
        if is_publisher and self._is_publisher_running:
            return None
        self._is_publisher_running |= is_publisher
        try:
            return super().run(action, *args, **kwargs)
        finally:
            self._is_publisher_running &= not is_publisher

    def _run_another(self) -> None:
        workers = {
            "publish": lambda: self.run(self.publish.run_once),
            "deliver": lambda: self.run(self.deliver.run_once),
            "deliver retries": lambda: self.run(self.deliver_retries.run_once),
            "finish": lambda: self.run(self.finish.run_once),
            "take events": lambda: self.run(self.ingest.run_once),
            "reconcile": self.reconcile,
        }
        name = self.random_source.choice(list(workers))
        began = self.clock()
        self._is_second = True
        try:
            workers[name]()
        finally:
            self._is_second = False
        self.max_delay = max(self.max_delay, self.clock() - began)
        self.ran_meanwhile[name] += 1


class BusyWorkload(Workload):
    """A workload whose callbacks go to receivers that are slow, hang, or answer after the limit of an attempt.

    Args:
        world: the deployment.
        has_faults: whether ports fail and processes crash as well.
    """

    def __init__(self, world: BusyWorld, *, has_faults: bool) -> None:
        super().__init__(world)
        self.fault_probability = FAULT_PROBABILITY if has_faults else 0.0
        self.hosts = {"reliable": 3, "flaky": 2, "gone": 1, "slow": 4, "hanging": 2, "overdue": 2}
        world.network.receivers |= {
            "slow.example": Receiver({"200 in 4": 2, "200 in 14": 2, "500 in 9": 1}),
            "hanging.example": Receiver({"hangs": 30, "200": 1}),
            # Accepts each callback, but answers when the attempt has ended.
            "overdue.example": Receiver({"200 in 20": 3, "200": 1}),
        }
