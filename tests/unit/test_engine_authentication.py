"""Tests of `operations/engine_authentication.py`: which tokens of engines are accepted, and for how long."""

import re
from collections.abc import Callable
from hashlib import sha256

import pytest

from dynamodb_memory.client import MemoryDynamoDB
from tapedeck.adapters.dynamodb.client import DynamoDBTable
from tapedeck.adapters.dynamodb.engine_registry import EngineRegistryTable
from tapedeck.domain.engine import MediaEngine
from tapedeck.domain.errors import NotAuthenticated
from tapedeck.operations.engine_authentication import EngineAuthenticator, make_engine_token
from tapedeck.ports.engines import RegisteredEngine
from tapedeck.settings import STANDIN_ENGINE_TOKEN, Settings
from tests.client import TEMPLATE
from tests.functions.stage import Clock

ACCOUNT = "720796a08ee9435083bd2d07a3121f1e"
FIRST = "tdk_ast1_" + "A" * 43
SECOND = "tdk_ast1_" + "b-_" * 14 + "9"


class CountedRegistry(EngineRegistryTable):
    """A registry that counts the engines that were read."""

    reads = 0

    def get_engine(self, name: str) -> RegisteredEngine | None:
        """Count the read."""
        self.reads += 1
        return super().get_engine(name)


def digest(token: str) -> str:
    """Return the SHA-256 of a token in hex."""
    return sha256(token.encode()).hexdigest()


@pytest.fixture
def registry() -> CountedRegistry:
    """A registry with one engine: `ast1`, of one account, with the token `FIRST`."""
    memory = MemoryDynamoDB()
    table = TEMPLATE.create_tables(memory)["CredentialsTable"]
    found = CountedRegistry(DynamoDBTable(memory, table, lambda _seconds: None))
    assert found.put_engine(RegisteredEngine(MediaEngine("ast1", frozenset({ACCOUNT})), (digest(FIRST),), 1))
    return found


@pytest.fixture
def clock() -> Clock:
    """The wall clock."""
    return Clock()


@pytest.fixture
def authenticator(registry: CountedRegistry, clock: Clock) -> EngineAuthenticator:
    """An authenticator that caches successes for 60 seconds."""
    return EngineAuthenticator(registry, clock, 60)


def is_accepted(authenticator: EngineAuthenticator, token: str) -> bool:
    """Return whether a token is accepted."""
    try:
        authenticator.verify(token)
    except NotAuthenticated:
        return False
    return True


def test_returns_the_engine_of_a_token(authenticator: EngineAuthenticator) -> None:
    """A valid token is that of its engine, with the accounts that it works for."""
    assert authenticator.verify(FIRST) == MediaEngine("ast1", frozenset({ACCOUNT}))


@pytest.mark.parametrize(
    "token",
    [
        "", "tdk", "ast1", "tdk_ast1", "tdk_ast1_", FIRST[:-1], FIRST + "A", FIRST + "\n", " " + FIRST,
        "TDK" + FIRST[3:],
        FIRST.replace("ast1", "Ast1"), FIRST.replace("ast1", ""), FIRST.replace("ast1", "1ast"),
        FIRST.replace("ast1", "a" * 33), FIRST.replace("ast1", "as_t"), FIRST.replace("ast1", "ast#"),
        FIRST[:-1] + "=", FIRST[:-1] + "+", FIRST[:-1] + "é", FIRST[:-1] + "\ud800",
    ],
)  # fmt: skip
def test_a_malformed_token_is_refused_unread(
    authenticator: EngineAuthenticator, registry: CountedRegistry, token: str
) -> None:
    """A token without the exact form is refused, and the table is not read."""
    assert not is_accepted(authenticator, token)
    assert registry.reads == 0


def test_a_wrong_token_is_refused_each_time(authenticator: EngineAuthenticator, registry: CountedRegistry) -> None:
    """A wrong token and that of an unknown engine are refused; a failure is never cached."""
    for token in (SECOND, FIRST.replace("ast1", "ast2")):
        assert not is_accepted(authenticator, token)
        assert not is_accepted(authenticator, token)
    assert registry.reads == 4


def test_a_success_is_cached_for_a_minute(
    authenticator: EngineAuthenticator, registry: CountedRegistry, clock: Clock
) -> None:
    """Within 60 seconds of a success the token is verified without a read, then again with one."""
    for _ in range(3):
        assert is_accepted(authenticator, FIRST)
    clock.step(59.999)
    assert is_accepted(authenticator, FIRST)
    assert registry.reads == 1
    clock.step(0.001)
    assert is_accepted(authenticator, FIRST)
    assert registry.reads == 2


def test_two_tokens_are_valid_until_the_old_one_is_revoked(
    authenticator: EngineAuthenticator, registry: CountedRegistry, clock: Clock
) -> None:
    """A rotation has no outage: both tokens are valid; a revoked one stops working after at most 60 seconds."""
    assert is_accepted(authenticator, FIRST)
    assert registry.add_engine_token("ast1", digest(SECOND))
    assert is_accepted(authenticator, SECOND)
    assert is_accepted(authenticator, FIRST)
    assert registry.remove_old_engine_token("ast1")
    assert not is_accepted(EngineAuthenticator(registry, clock, 60), FIRST)
    clock.step(60)
    assert not is_accepted(authenticator, FIRST)
    assert is_accepted(authenticator, SECOND)


@pytest.mark.parametrize("change", [EngineRegistryTable.disable_engine, EngineRegistryTable.delete_engine])
def test_a_disabled_or_deleted_engine_is_refused(
    registry: CountedRegistry,
    authenticator: EngineAuthenticator,
    clock: Clock,
    change: Callable[[EngineRegistryTable, str], bool],
) -> None:
    """No token of a disabled or deleted engine is accepted once the cache has expired."""
    assert is_accepted(authenticator, FIRST)
    assert change(registry, "ast1")
    assert is_accepted(authenticator, FIRST)
    clock.step(60)
    assert not is_accepted(authenticator, FIRST)


@pytest.mark.parametrize("seconds", [-3600, -0.001])
def test_a_clock_set_back_does_not_extend_the_cache(
    authenticator: EngineAuthenticator, registry: CountedRegistry, clock: Clock, seconds: float
) -> None:
    """If the clock is set back, a cached token is verified again."""
    assert is_accepted(authenticator, FIRST)
    clock.step(seconds)
    assert is_accepted(authenticator, FIRST)
    assert registry.reads == 2


def test_the_cache_expires_by_the_monotonic_clock_too(registry: CountedRegistry, clock: Clock) -> None:
    """A success expires after 60 seconds of the monotonic clock, even if the wall clock has not moved."""
    monotonic = Clock()
    authenticator = EngineAuthenticator(registry, clock, 60, monotonic_clock=monotonic)
    assert is_accepted(authenticator, FIRST)
    monotonic.step(60)
    assert is_accepted(authenticator, FIRST)
    assert registry.reads == 2


def test_tokens_are_not_interchangeable(authenticator: EngineAuthenticator, registry: CountedRegistry) -> None:
    """A token is that of the engine in its name only, although another engine has the same random part."""
    other = FIRST.replace("ast1", "ast2")
    assert registry.put_engine(RegisteredEngine(MediaEngine("ast2"), (digest(SECOND),), 1))
    assert not is_accepted(authenticator, other)
    assert not is_accepted(authenticator, SECOND)
    assert authenticator.verify(FIRST).name == "ast1"


def test_a_deployment_refuses_the_token_of_the_stand_in(registry: CountedRegistry, clock: Clock) -> None:
    """The stand-in's fixed token is that of the engine `standin`; a deployment refuses it even if it is stored."""
    standin = RegisteredEngine(MediaEngine("standin"), (digest(STANDIN_ENGINE_TOKEN),), 1)
    assert registry.put_engine(standin)
    assert EngineAuthenticator(registry, clock, 60).verify(STANDIN_ENGINE_TOKEN) == MediaEngine("standin")
    deployed = Settings.read({"RECORDINGS_TABLE": "r", "CREDENTIALS_TABLE": "c"}).refused_secrets
    assert not is_accepted(EngineAuthenticator(registry, clock, 60, deployed), STANDIN_ENGINE_TOKEN)


def test_new_tokens_are_accepted_and_differ(authenticator: EngineAuthenticator, registry: CountedRegistry) -> None:
    """A new token has 43 random letters of base64url after the name, and is accepted once its hash is stored."""
    tokens = {make_engine_token("ast2") for _ in range(100)}
    assert len(tokens) == 100
    assert all(re.fullmatch(r"tdk_ast2_[A-Za-z0-9_-]{43}", token) for token in tokens)
    token = tokens.pop()
    assert registry.put_engine(RegisteredEngine(MediaEngine("ast2"), (digest(token),), 1))
    assert is_accepted(authenticator, token)
