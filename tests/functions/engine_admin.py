"""The environment of the tests of the functions for media engines: in-memory tables, and moto's SQS."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import count
from secrets import token_hex
from typing import Any, Final

import pytest

from tapedeck.adapters.clients import make_client
from tapedeck.adapters.dynamodb.client import DynamoDBTable
from tapedeck.adapters.dynamodb.engine_registry import EngineRegistryTable
from tapedeck.adapters.dynamodb.presence import PresenceTable
from tapedeck.bootstrap.environment import Environment, current_environment
from tapedeck.domain.call import Call
from tapedeck.domain.engine import EngineCapabilities
from tapedeck.domain.errors import NotAuthenticated
from tapedeck.domain.identity import new_id
from tapedeck.operations import engine_registration
from tapedeck.operations.engine_authentication import EngineAuthenticator
from tapedeck_standin.samples.moto_aws import make_full_client
from tests.functions.background_world import World

NOW: Final = 1_537_916_400
"""The second of the operator's clock."""

BOOT: Final = "016612f5f27a7b3d8c4f1e2a6d5b9087"

MALFORMED_NAMES: Final[tuple[Any, ...]] = (
    "", "A", "Ast1", "1ast", "-ast", "ast_1", "ast 1", "ast.1", "äst", "a" * 33, "ast1\n", " ast1", 7,
    None, ["ast1"], {},
)  # fmt: skip


def token(name: str, letter: str = "A") -> str:
    """Return the token that an engine gets: the first one of a test ends in A, the second one in B."""
    return f"tdk_{name}_{letter * 43}"


def digest(secret: str) -> str:
    """Return the SHA-256 of a secret in hex."""
    return sha256(secret.encode()).hexdigest()


def engine_item(name: str, *letters: str, **attributes: Any) -> dict[str, Any]:
    """Return the item of an engine with these tokens, in DynamoDB's form."""
    return {
        "PK": {"S": f"ENGINE#{name}"},
        "tokens": {"L": [{"S": digest(token(name, letter))} for letter in letters]},
        "created": {"N": "1537916400"},
        **attributes,
    }


@dataclass
class EngineOperator:
    """An operator of a stack without engines; `failing` are the operations of SQS that fail, by their method."""

    world: World
    stack: str
    sqs: Any
    failing: set[str] = field(default_factory=set)

    def call(self, operation: str, **event: Any) -> dict[str, Any]:
        """Call a function."""
        return self.world.call(operation, event)

    def queues(self) -> list[str]:
        """Return the names of the engines that have a queue."""
        prefix = f"{self.stack}_engine_"
        urls = self.sqs.list_queues(QueueNamePrefix=prefix).get("QueueUrls", [])
        return [url.rpartition("/")[2].removeprefix(prefix) for url in urls]

    def credentials(self) -> list[dict[str, Any]]:
        """Return the items of the credentials table."""
        items: list[dict[str, Any]] = self.world.memory.scan(TableName=self.world.settings.credentials_table)["Items"]
        return sorted(items, key=lambda item: str(item["PK"]))

    @property
    def presences(self) -> PresenceTable:
        """The store of presences."""
        return PresenceTable(DynamoDBTable(self.world.memory, self.world.table, self.world.sleep))

    def open_session(self, engine: str, seconds_ago: int, capabilities: EngineCapabilities | None = None) -> None:
        """Let an engine open a session some seconds ago."""
        self.presences.open_session(engine, BOOT, None, NOW - seconds_ago, capabilities or EngineCapabilities(), None)

    def start_call(self, engine: str) -> Call:
        """Store a call in progress of an engine."""
        call = replace(self.world.stage.call(), id=new_id(self.world.clock()), engine=engine)
        self.world.services.calls._store.put_call(call)
        return call

    def try_to_delete(self, engine: str) -> None:
        """Delete an engine while an operation of SQS fails, so that the function fails."""
        with pytest.raises(ConnectionError):
            self.call("delete_engine", name=engine)

    def accepts(self, secret: str) -> bool:
        """Return whether the API accepts this token, without any cache."""
        database = DynamoDBTable(self.world.memory, self.world.settings.credentials_table, self.world.sleep)
        try:
            EngineAuthenticator(EngineRegistryTable(database), self.world.clock, 0).verify(secret)
        except NotAuthenticated:
            return False
        return True


class FailingSqs:
    """An SQS client; the operations that the operator names fail."""

    def __init__(self, operator: EngineOperator) -> None:
        self._operator = operator
        self._client = make_client("sqs")

    def __getattr__(self, name: str) -> Any:
        """Return an operation."""
        if name in self._operator.failing:
            raise ConnectionError(name)
        return getattr(self._client, name)


@pytest.fixture
def engine_operator(
    operator: World, install_environment: Callable[[Environment], object], monkeypatch: pytest.MonkeyPatch
) -> Iterator[EngineOperator]:
    """An operator of a stack of its own; the clock is at 23:00:00.250 UTC on 25 September 2018."""
    letters = (chr(ord("A") + number) for number in count())
    monkeypatch.setattr(engine_registration, "make_engine_token", lambda name: token(name, next(letters)))
    stack, sqs = f"s{token_hex(4)}", make_full_client("sqs")
    sqs.create_queue(QueueName=f"{stack}-commands-dead")
    dead_letters = f"arn:aws:sqs:us-east-1:123456789012:{stack}-commands-dead"
    made = EngineOperator(operator, stack, sqs)
    settings = replace(operator.settings, service=stack, engine_commands_dead_letter_queue=dead_letters)
    environment = current_environment()
    make: dict[str, Callable[[], Any]] = {
        "dynamodb": lambda: operator.memory,
        "sqs": lambda: FailingSqs(made),
        "s3": lambda: environment.make_client("s3"),
    }
    install_environment(
        replace(environment, read_settings=lambda: settings, make_client=lambda service: make[service]())
    )
    operator.log.drain()
    yield made
    for engine in made.queues():
        sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName=f"{stack}_engine_{engine}")["QueueUrl"])
