"""A simulated deployment whose pauses are confirmed by an unreliable engine, and two clients in both dialects.

The clients' requests run through the functions. While a request waits, everything else goes on: commands and events
travel, the engine works, and the other client sends requests of its own.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import pairwise
from math import inf
from typing import Any, Final, Self

from tapedeck.background.session_requests import SessionRequests
from tapedeck.background.urgent_commands import UrgentCommands
from tapedeck.bootstrap import background as background_bootstrap
from tapedeck.bootstrap import engines as engines_bootstrap
from tapedeck.bootstrap.environment import Environment, installed
from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain import identity
from tapedeck.domain.account import ConfirmUpdates
from tapedeck.domain.errors import StoreUnavailable
from tapedeck.observability import CanonicalLog
from tapedeck.operations.confirmations import Confirmations
from tapedeck.ports.engines import PresenceStore, QueueAccess
from tapedeck.ports.stores import Store
from tapedeck.settings import STANDIN_ENGINE_TOKEN, Settings
from tapedeck_standin.aws.function_loader import load_handler
from tests.client import DIALECTS, ROOT, Answer, FunctionClient, make_event
from tests.simulation.engine_actor import EngineActor, Faults
from tests.simulation.history import History, Image
from tests.simulation.ports import ENGINE, Crash
from tests.simulation.schedule import Schedule
from tests.simulation.world import AUTH_TOKEN, World

WITHIN_MS: Final = 2_500
RUN_MS: Final = 10_000
"""How long the clients send requests."""

SETTLING_MINUTES: Final = 3
"""The reconciler repeats a command after 30 and after 60 seconds."""

DAY_MS: Final = 86_400_000
OPERATIONS: Final = {"sessions": "open_engine_session", "events": "take_engine_events"}
FAULT_RATES: Final[Mapping[str, float]] = {
    "urgent copy lost": 0.3,
    "urgent copy refused": 0.15,
    "net copy lost": 0.3,
    "copy late": 0.2,
    "copy repeated": 0.2,
    "slow stream": 0.3,
    "slow engine": 0.1,
    "event lost": 0.15,
    "event request lost": 0.15,
    "event answer lost": 0.15,
    "event repeated": 0.5,
    "client gone": 0.03,
}
"""The highest probability of each fault; each seed has a share of it."""


@dataclass
class PauseRequest:
    """One request for a pause, as its client saw it; times in milliseconds. `stalled`: while another request ran."""

    recording: str
    started: int
    stalled: int = 0
    answered: int = 0
    status: int = 0


@dataclass(frozen=True)
class Exchange:
    """A request of a client and its answer, None if the client got none; times in ticks, 1,000 in a millisecond."""

    client: int
    kind: str
    recording: str | None
    invoked: int
    returned: int
    answer: Answer | None


@dataclass(frozen=True)
class Change:
    """A new status of a recording in the table, and what caused it."""

    at: int
    version: int
    status: str
    effective: int
    cause: str


class RecordedHistory(History):
    """Keeps every version of every recording; `cause` is what runs now."""

    def __init__(self, clock: Callable[[], int]) -> None:
        super().__init__()
        self.cause = "request"
        self.changes: dict[str, list[Change]] = {}
        self._clock = clock

    def note(self, before: Image | None, after: Image | None) -> None:
        """Read one record."""
        super().note(before, after)
        if after is None or not after["SK"]["S"].startswith("REC#") or "version" not in after:
            return
        name = after["SK"]["S"].removeprefix("REC#")
        effective = int(after["effective"]["N"]) if "effective" in after else 0
        changes = self.changes.setdefault(name, [])
        if changes and effective < changes[-1].effective:
            self.wrong.append(f"I4: the effective version of {name} fell from {changes[-1].effective} to {effective}")
        changes.append(Change(self._clock(), int(after["version"]["N"]), after["status"]["S"], effective, self.cause))


class CommandChannel:
    """Takes commands to the engine, late, twice or never: the copies of the requests, and those of the stream."""

    def __init__(self, schedule: Schedule, faults: Faults, deliver: Callable[[Mapping[str, Any]], object]) -> None:
        self._schedule = schedule
        self._faults = faults
        self._deliver = deliver

    def send(self, engine: str, messages: Sequence[Mapping[str, Any]]) -> bool:
        """Send what the stream or the reconciler sends (`ports.engines.EngineQueues`)."""
        assert engine == ENGINE
        for message in messages:
            if not self._faults.strike("net copy lost"):
                self._carry(message)
        return True

    def send_urgent(self, message: Mapping[str, Any]) -> None:
        """Send the copy of a request that waits."""
        if self._faults.strike("urgent copy refused"):
            raise StoreUnavailable
        if not self._faults.strike("urgent copy lost"):
            self._carry(message)

    def _carry(self, message: Mapping[str, Any]) -> None:
        random_source, body = self._faults.random_source, json.loads(json.dumps(message))
        for _ in range(2 if self._faults.strike("copy repeated") else 1):
            is_late = self._faults.strike("copy late")
            delay = random_source.randint(500, 8_000) if is_late else random_source.randint(3, 60)
            self._schedule.after(delay, lambda: self._deliver(body))


class UrgentQueues:
    """`background.urgent_commands.UrgentQueues` over the channel."""

    def __init__(self, channel: CommandChannel) -> None:
        self._channel = channel

    def send(self, engine: str, message: Mapping[str, Any]) -> None:
        """Send a command to the engine."""
        assert engine == ENGINE
        self._channel.send_urgent(message)


class Lender:
    """Lends credentials that nothing checks."""

    def lend(self, engine: str) -> QueueAccess:
        """Return them."""
        return QueueAccess(f"https://queues.example/{engine}", "us-east-1", "key", "secret", "", 2 * 10**12)


class ConfirmingWorld(World):
    """A deployment that confirms pauses, one engine, and two clients.

    Args:
        seed: seeds every random choice.
        reconciles: whether the reconciler runs.
        only_commands: whether the engine does nothing by itself, and loses nothing.
        rates: the probabilities of all faults; None chooses them by the seed.
    """

    ACTOR: type[EngineActor] = EngineActor
    CONFIRMATIONS: type[Confirmations] = Confirmations

    def __init__(
        self,
        seed: int,
        *,
        reconciles: bool = True,
        rates: Mapping[str, float] | None = None,
        only_commands: bool = False,
    ) -> None:
        super().__init__(seed, event_fault_rate=0.02)
        random_source = self.random_source
        share = random_source.choice((0.0, 0.1, 0.4, 1.0))
        if rates is None:
            rates = {name: rate * share for name, rate in FAULT_RATES.items()}
        self._acts_by_itself = not only_commands and random_source.random() < 0.5
        if self._acts_by_itself:
            # A report that is never delivered breaks the protocol. A repetition of the command repairs it only if the
            # engine has not changed the recording by itself since.
            rates = {**rates, "event lost": 0.0}
        self.history: RecordedHistory = RecordedHistory(self.clock)
        self.schedule = Schedule(self.clock)
        self.faults = Faults(random_source, rates)
        skew = random_source.choice(
            (0, 0, random_source.randint(-3_000, 3_000), random_source.randint(-40, 40) * DAY_MS)
        )
        self.actor = self.ACTOR(self.schedule, random_source, self.faults, self._post, skew)
        self.channel = CommandChannel(
            self.schedule, self.faults, lambda body: self._do("command", self.actor.receive, body)
        )
        self.commands = self.channel  # type: ignore[assignment] # what the stream and the reconciler send to
        self.pauses: list[PauseRequest] = []
        self.exchanges: list[Exchange] = []
        self.counted: Counter[str] = Counter()
        self.given_up: dict[str, int] = {}
        """When the engine was given up with a recording: nothing may be captured from then on."""
        self.counted["clocks ahead by days"] += skew >= DAY_MS
        self.counted["clocks behind by days"] += skew <= -DAY_MS
        self._reconciles = reconciles
        self._only_commands = only_commands
        self._last_tick = 0
        self._running: list[PauseRequest] = []

    def __enter__(self) -> Self:
        """Install the services of the API and of the engine's functions."""
        super().__enter__()
        self.clients = [FunctionClient(dialect, self.account, AUTH_TOKEN) for dialect in DIALECTS.values()]
        requests = SessionRequests(self.sessions, Lender(), self.clock, CanonicalLog("simulation"))
        settings = Settings(
            "simulation", self._recordings_table, self._credentials_table, 60, "key", False,
            confirm_updates=ConfirmUpdates.PAUSE,
        )  # fmt: skip
        environment = Environment(
            read_settings=lambda: settings,
            clock=self.clock,
            make_client=lambda _service: self.dynamodb,
            make_log=lambda _settings: self.log,
            make_confirmations=self._make_confirmations,
            prebuilt={
                background_bootstrap.build_background_services: self.background,
                engines_bootstrap.build_engine_services: replace(
                    self.engine_services, make_session_requests=lambda: requests
                ),
            },
        )
        self._patches.enter_context(installed(environment))
        return self

    def _make_confirmations(self, store: Store, presences: PresenceStore) -> Confirmations:
        sender = UrgentCommands(UrgentQueues(self.channel), self.clock)
        return self.CONFIRMATIONS(store, sender, presences, self, WITHIN_MS, self.clock, self.clock)

    # Time.

    def pause(self, milliseconds: int) -> None:
        """Let time pass for a request that waits (`ports.confirmations.Patience`)."""
        self.observe()
        request, until = self._running[-1], self.clock() + milliseconds
        if self.faults.strike("client gone"):
            raise Crash
        with self._cause("other"):
            self.schedule.run_until(until)
        request.stalled += self.clock() - until

    def _do(self, cause: str, action: Callable[..., object], *args: object) -> None:
        with self._cause(cause):
            action(*args)

    @contextmanager
    def _cause(self, cause: str) -> Iterator[None]:
        """Attribute all writes within the context to this cause."""
        before, self.history.cause = self.history.cause, cause
        try:
            yield
        finally:
            self.observe()
            self.history.cause = before

    def observe(self) -> None:
        """Read the new stream records; the publisher reads them later."""
        super().observe()
        if self._unread and not self._is_publishing_later:
            self._is_publishing_later = True
            slow = self.faults.strike("slow stream")
            self.schedule.after(self.random_source.randint(*((1_000, 6_000) if slow else (100, 550))), self._publish)

    _is_publishing_later = False

    def _publish(self) -> None:
        self._is_publishing_later = False
        self._do("stream", self.publish.run_once)

    # The engine.

    def _post(self, route: str, body: Mapping[str, Any]) -> tuple[int, Any]:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {STANDIN_ENGINE_TOKEN}"}
        request = make_event(
            "POST", f"/engine/v2/{route}", headers=headers, body=json.dumps(body).encode(), gateway="api-gateway"
        )
        with self._cause("event" if route == "events" else "session"):
            answer = load_handler(ROOT, OPERATIONS[route])(request, None)
        for recording, changes in self.history.changes.items():
            before, last = changes[-2:] if len(changes) > 1 else (changes[0], changes[0])
            if before.status != last.status == "stopped" and last.cause in {"session", "monitor"}:
                self.given_up.setdefault(recording, last.at)
        return answer["statusCode"], json.loads(answer["body"])

    # The run.

    def run_clients(self) -> None:
        """Record a call or a conference; let the clients pause, resume and stop until the time is over, then settle."""
        random_source, schedule = self.random_source, self.schedule
        self.actor.start()
        call, parent = identity.new_id(self.clock()), {"type": "call"}
        self.actor.call_comes_in(self.account, call)
        if random_source.random() < 0.3:
            conference = identity.new_id(self.clock())
            self.actor.conference_starts(self.account, conference, call)
            parent = {"type": "conference", "id": conference}
        else:
            parent = {"type": "call", "id": call}
        self.parent, self.call = parent, call
        schedule.run_until(self.clock() + 1_000)
        if parent["type"] == "conference" or random_source.random() < 0.3:
            self.actor.record(self.account, parent, identity.new_id(self.clock()))
            schedule.run_until(self.clock() + random_source.randint(0, 400))
        else:
            self._request(0, "start")
        ends_at = self.clock() + RUN_MS
        for number in (0, 1):
            self._think(number, ends_at)
        self._plan_mishaps()
        schedule.run_until(ends_at + WITHIN_MS)
        self._settle()

    def _plan_mishaps(self) -> None:
        random_source, schedule, actor = self.random_source, self.schedule, self.actor
        for _ in range(random_source.choice((2, 5, 8)) if self._acts_by_itself else 0):
            schedule.after(random_source.randint(0, RUN_MS), actor.change_by_itself)
        drawn, at = random_source.random(), random_source.randint(500, RUN_MS)
        away = random_source.choice((200, 2_000, 10_000, 60_000))
        if drawn < 0.25:
            self.counted["connector crashes"] += 1
            schedule.after(at, lambda: actor.crash(away))
        elif drawn < 0.35 and not self._only_commands:
            self.counted["disk losses"] += 1
            schedule.after(at, lambda: actor.crash(max(away, 2_000), loses_disk=True))
        elif drawn < 0.45 and not self._only_commands:
            self.counted["host losses"] += 1
            schedule.after(at, lambda: actor.crash(away, loses_host=True))
        elif drawn < 0.55 and not self._only_commands:
            self.counted["hang-ups"] += 1
            schedule.after(at, lambda: actor.hang_up(self.call))

    def _settle(self) -> None:
        """Let no further fault happen; while something is not confirmed, let the reconciler repeat it."""
        self.faults.stop()
        self.schedule.run_until(self.clock() + 10_000)
        for _ in range(SETTLING_MINUTES):
            if not self._is_pending():
                return
            self.schedule.run_until(self.clock() + 60_000)
            if self._reconciles:
                self._do("monitor", self.reconcile)
        self.schedule.run_until(self.clock() + 5_000)

    def _is_pending(self) -> bool:
        """Whether a command is not confirmed, or the connector is away."""
        unconfirmed = (
            int(image["version"]["N"]) > int(image["confirmed"]["N"]) if "confirmed" in image else True
            for _, image in self.history.recordings()
        )
        return any(unconfirmed) or not self.actor.is_up

    # Clients.

    def _think(self, number: int, ends_at: int) -> None:
        """Send a request, and the next one some time later, until the call is over."""

        def act() -> None:
            if self.clock() < ends_at and self.call in self.history.live("CALL"):
                kinds = self._likely_requests()
                self._request(number, self.random_source.choices(list(kinds), list(kinds.values()))[0])
                self._think(number, ends_at)

        self.schedule.after(
            self.random_source.choice((5, 60, 400, 1_000, 2_500)) + self.random_source.randint(0, 300), act
        )

    def _likely_requests(self) -> Mapping[str, int]:
        """Return the kinds of requests that make sense now, with their weights.

        A pause during the wait of the other client delays the answer to that one, so it is rare.
        """
        changes = list(self.history.changes.values())
        status = changes[-1][-1].status if changes else "stopped"
        if self._running:
            return {"resume": 20, "pause": 6, "stop": 1, "hang up": 1}
        if status == "in-progress":
            return {"pause": 32, "resume": 2, "stop": 1, "hang up": 1}
        return {"resume": 24, "pause": 8, "stop": 1, "hang up": 1} if status == "paused" else {"start": 4, "pause": 1}

    def _request(self, number: int, kind: str) -> None:
        client = self.clients[number]
        known = list(self.history.changes)
        if kind == "start" or not known:
            if self.parent["type"] == "call":
                call = client.sid_of_call(self.call)
                self._send(number, "start", None, lambda: client.post("Calls", call, "Recordings", form={}))
            return
        recording = known[-1]
        if kind == "hang up":
            form = {"Status": "completed"}
            self._send(number, kind, None, lambda: client.post("Calls", client.sid_of_call(self.call), form=form))
        elif kind == "pause":
            self._pause(number, recording)
        else:
            status = {"resume": "in-progress", "stop": "stopped"}[kind]
            self.counted["resumes during a wait"] += bool(self._running) and kind == "resume"
            self._send(number, kind, recording, lambda: self._update(client, recording, status))

    def _pause(self, number: int, recording: str) -> None:
        self.counted["pauses at the same time"] += bool(self._running)
        request = PauseRequest(recording, self.clock())
        self._running.append(request)
        try:
            answer = self._send(
                number, "pause", recording, lambda: self._update(self.clients[number], recording, "paused")
            )
        finally:
            self._running.pop()
        if answer is not None:
            request.answered, request.status = self.clock(), answer.status
            self.pauses.append(request)
            self.counted[f"pauses: {request.status}"] += 1
            self._judge(request)

    def _send(self, number: int, kind: str, recording: str | None, send: Callable[[], Answer]) -> Answer | None:
        """Send a request; return the answer, None if the client goes away before."""
        invoked, answer = self._tick(), None
        with self._cause("request"), suppress(Crash):
            answer = send()
        self.counted["requests"] += 1
        self.exchanges.append(Exchange(number, kind, recording, invoked, self._tick(), answer))
        return answer

    def _tick(self) -> int:
        """Return the time in thousandths of a millisecond; each call returns a later one."""
        self._last_tick = max(self._last_tick + 1, self.clock() * 1_000)
        return self._last_tick

    def _update(self, client: FunctionClient, recording: str, status: str) -> Answer:
        is_of_call = self.parent["type"] == "call"
        collection, kind = ("Calls", ResourceType.CALL) if is_of_call else ("Conferences", ResourceType.CONFERENCE)
        sids = client.sid(kind, self.parent["id"]), client.sid(ResourceType.RECORDING, recording)
        return client.post(collection, sids[0], "Recordings", sids[1], form={"Status": status})

    # Invariants.

    def _judge(self, request: PauseRequest) -> None:
        """Check at the moment of an answer what can be checked now."""
        name, waited = request.recording, request.answered - request.started - request.stalled
        wrong = self.history.wrong
        if waited > WITHIN_MS + 100:
            wrong.append(f"I3: {request} was answered after {waited} ms")
        last = self.history.changes[name][-1]
        if request.status in {408, 503} and last.status != "paused" and last.cause == "request":
            later = [each for each in self.history.changes[name] if each.at >= request.started]
            if not any(each.status == last.status for each in later):
                wrong.append(f"I2: after {request} the recording is {last}")

    def violations(self) -> list[str]:
        """List every violated invariant of a run that has settled."""
        self.counted["changes by the engine"] += sum(map(len, self.actor.log.own_changes.values()))
        found = [*self.history.wrong, *self.unexpected_errors]
        log = self.actor.log
        for request in self.pauses:
            if request.status == 200:
                until = self._resumed_after(request)
                if log.captured_within(request.recording, request.answered, until):
                    found.append(f"I1: {request} promised that nothing is captured until {until}")
        for recording, changes in self.history.changes.items():
            last = changes[-1].status
            is_capturing = log.is_capturing(recording)
            if is_capturing != (last == "in-progress"):
                found.append(f"I2: {recording} is {last}, captured: {is_capturing}")
            found += self._unexplained(recording, changes)
        for recording, at in self.given_up.items():
            if log.captured_within(recording, at, inf):
                found.append(f"I5: {recording} was captured after the engine was given up at {at}")
        return found

    def _resumed_after(self, request: PauseRequest) -> float:
        """Return when a request resumed the recording after a pause was answered."""
        changes = pairwise(self.history.changes[request.recording])
        steps = [new for old, new in changes if (old.status, new.status) == ("paused", "in-progress")]
        resumed = [step.at for step in steps if step.cause == "request"]
        return min((at for at in resumed if at >= request.answered), default=inf)

    def _unexplained(self, recording: str, changes: Sequence[Change]) -> Iterator[str]:
        """Each status that an event brought about is one that the engine took by itself, each time once."""
        own = Counter(status for _, status in self.actor.log.own_changes[recording])
        taken = Counter(
            new.status
            for old, new in pairwise(changes)
            if new.cause == "event" and new.status != old.status and new.status in {"paused", "in-progress"}
        )
        for status, number in taken.items():
            if number > own[status]:
                yield f"I2: {number} events made {recording} {status}, but the engine did so {own[status]} times"
