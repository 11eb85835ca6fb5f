"""Tests of `operations/engine_registration.py`: fixed tokens, races, and what holds after any failures."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dynamodb_memory.client import MemoryDynamoDB
from tapedeck.adapters.dynamodb.client import DynamoDBTable
from tapedeck.adapters.dynamodb.engine_registry import EngineRegistryTable
from tapedeck.adapters.dynamodb.engine_resources import EngineResourceTable
from tapedeck.adapters.dynamodb.resources import ResourceTable
from tapedeck.domain.call import Call, CallStatus
from tapedeck.domain.engine import MediaEngine
from tapedeck.domain.errors import (
    EngineHasLiveResources,
    EngineNameTaken,
    InvalidState,
    NotAuthenticated,
    NotFound,
    TapedeckError,
)
from tapedeck.operations.engine_authentication import EngineAuthenticator
from tapedeck.operations.engine_registration import EngineRegistration, TokenChoice
from tapedeck.ports.engines import RegisteredEngine
from tapedeck.settings import STANDIN_ENGINE_TOKEN, Settings
from tapedeck_standin.aws.standard_queue import MemoryEngineQueues
from tests.client import TEMPLATE
from tests.functions.stage import Clock
from tests.thoroughness import scaled

NAMES = ("ast1", "ast2")


class Crash(BaseException):
    """The function stops at this point."""


@dataclass
class Queues:
    """The queues of engines in memory; each change is a step at which the function may crash."""

    memory: MemoryEngineQueues
    step: Callable[[], None]

    def create(self, engine: str) -> None:
        """Create a queue."""
        self.step()
        self.memory.create(engine)
        self.step()

    def delete(self, engine: str) -> None:
        """Delete a queue."""
        self.step()
        self.memory.delete(engine)
        self.step()


@dataclass
class Stack:
    """A deployment in memory; `crash_at` is the number of steps after which the function crashes, None for never.

    A step is the moment before or after a write to a table or a change of a queue.
    """

    clock: Clock = field(default_factory=Clock)
    crash_at: int | None = None

    def __post_init__(self) -> None:
        memory = MemoryDynamoDB(self.clock, self._on_request)
        tables = TEMPLATE.create_tables(memory)
        self.registry = EngineRegistryTable(DynamoDBTable(memory, tables["CredentialsTable"], lambda _seconds: None))
        self.recordings = DynamoDBTable(memory, tables["RecordingsTable"], lambda _seconds: None)
        resources = EngineResourceTable(self.recordings)
        self.queues = MemoryEngineQueues(self.clock)
        self.engines = EngineRegistration(self.registry, Queues(self.queues, self._step), resources, self.clock)

    def _on_request(self, _when: str, operation: str, _request: Mapping[str, Any]) -> None:
        if operation in {"TransactWriteItems", "UpdateItem"}:
            self._step()

    def _step(self) -> None:
        if self.crash_at is not None:
            self.crash_at -= 1
            if self.crash_at < 0:
                self.crash_at = None
                raise Crash

    def accepts(self, token: str) -> bool:
        """Return whether a token is accepted."""
        try:
            EngineAuthenticator(self.registry, self.clock, 0).verify(token)
        except NotAuthenticated:
            return False
        return True


@pytest.fixture
def stack() -> Stack:
    """A deployment without engines."""
    return Stack()


def test_a_fixed_token_is_for_the_stand_in_only(stack: Stack) -> None:
    """The stand-in registers an engine with its public token; a deployment does not."""
    deployed = Settings.read({"RECORDINGS_TABLE": "r", "CREDENTIALS_TABLE": "c"}).refused_secrets
    refusing = EngineRegistration(stack.registry, stack.queues, stack.engines._resources, stack.clock, deployed)
    with pytest.raises(InvalidState):
        refusing.create("standin", token=STANDIN_ENGINE_TOKEN)
    assert list(stack.queues) == []
    assert stack.engines.create("standin", token=STANDIN_ENGINE_TOKEN).token == STANDIN_ENGINE_TOKEN
    assert stack.accepts(STANDIN_ENGINE_TOKEN)


def test_the_stand_ins_engine_takes_over_what_a_kept_database_has(stack: Stack) -> None:
    """A live call of its name does not keep the stand-in from starting; a deployed engine of such a name is refused."""
    store = ResourceTable(stack.recordings)
    for number, engine in enumerate(("standin", "ast1")):
        call = Call("a" * 32, f"{number}" * 32, CallStatus.IN_PROGRESS, 1, to="", from_="", direction="inbound")
        assert store.put_call(replace(call, engine=engine))
    stack.engines.create("standin", token=STANDIN_ENGINE_TOKEN)
    with pytest.raises(EngineHasLiveResources):
        stack.engines.create("ast1")
    assert list(stack.queues) == ["standin"]


def test_a_name_that_another_run_takes_meanwhile_keeps_its_queue(stack: Stack) -> None:
    """Of two runs for one name at the same time, one is refused, and the other one's queue stays."""

    class Racing(Queues):
        def create(self, engine: str) -> None:
            super().create(engine)
            assert stack.registry.put_engine(RegisteredEngine(MediaEngine(engine), ("a" * 64,), 1))

    racing = EngineRegistration(
        stack.registry, Racing(stack.queues, lambda: None), stack.engines._resources, stack.clock
    )
    with pytest.raises(EngineNameTaken):
        racing.create("ast1")
    assert list(stack.queues) == ["ast1"]


def test_a_new_engine_does_not_show_its_token(stack: Stack) -> None:
    """The representation of a new engine, as in a log or an error, has no token."""
    made = stack.engines.create("ast1")
    assert made.token not in repr(made)


@dataclass
class Operator:
    """An operator who knows only the tokens whose answers arrived, in the order of their creation."""

    stack: Stack
    known: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in NAMES})
    revoked: list[str] = field(default_factory=list)

    def run(self, action: str, name: str, crash_at: int | None, *, is_lost: bool) -> None:
        """Invoke a function that may crash, and whose answer may be lost."""
        self.stack.crash_at = crash_at
        engines = self.stack.engines
        with suppress(Crash, TapedeckError):
            if action == "create":
                self._learn(name, engines.create(name).token, is_lost=is_lost)
            elif action == "rotate":
                self._learn(name, engines.rotate_token(name), is_lost=is_lost)
            elif action == "delete":
                engines.delete(name)
                self.revoked += self.known[name]
                self.known[name] = []
            else:
                engines.revoke_token(name, TokenChoice(action))
        self.stack.crash_at = None

    def _learn(self, name: str, token: str, *, is_lost: bool) -> None:
        if not is_lost:
            self.known[name].append(token)

    def get_a_valid_token(self, name: str) -> str:
        """Follow the guide for an engine of which no token may be known."""
        engines = self.stack.engines
        try:
            token = engines.rotate_token(name)
        except InvalidState:
            engines.revoke_token(name, TokenChoice.NEWER)
            token = engines.rotate_token(name)
        engines.revoke_token(name)
        return token


RUNS = st.tuples(
    st.sampled_from(["create", "rotate", "older", "newer", "delete"]),
    st.sampled_from(NAMES),
    st.none() | st.integers(0, 7),
    st.booleans(),
)


@pytest.mark.sized
@settings(max_examples=scaled(deep=5_000, ci=300, fast=25))
@given(st.lists(RUNS, max_size=12))
def test_any_failure_leaves_a_state_from_which_the_operator_can_go_on(runs: list[tuple[Any, ...]]) -> None:
    """After any runs, with crashes at any step and lost answers, these rules hold.

    An engine that accepts a token has a queue and is listed. A deleted engine accepts none of its tokens. The operator
    can delete each engine, or get the only valid token of each engine that is not partly deleted.
    """
    stack = Stack()
    operator = Operator(stack)
    for action, name, crash_at, is_lost in runs:
        operator.run(action, name, crash_at, is_lost=is_lost)
        listed = {each.registered.engine.name: each.registered for each in stack.engines.list()}
        for engine, tokens in operator.known.items():
            if any(map(stack.accepts, tokens)):
                assert engine in listed
                assert engine in stack.queues
        assert not any(map(stack.accepts, operator.revoked))
        assert all(1 <= len(registered.token_hashes) <= 2 for registered in listed.values())
    for engine, registered in listed.items() if runs else ():
        if registered.is_disabled:
            continue
        token = operator.get_a_valid_token(engine)
        assert [each for each in (*operator.known[engine], token) if stack.accepts(each)] == [token]
    for engine in NAMES:
        with suppress(NotFound):
            stack.engines.delete(engine)
    assert stack.engines.list() == []
    assert not any(stack.accepts(token) for tokens in operator.known.values() for token in tokens)
    for engine in NAMES:
        assert stack.accepts(stack.engines.create(engine).token)
        assert engine in stack.queues
