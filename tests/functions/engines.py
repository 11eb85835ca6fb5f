"""Register media engines in the tables of a test, and report events as they do."""

import json
from dataclasses import dataclass
from typing import Any

from tapedeck.adapters.dynamodb.client import DynamoDBTable
from tapedeck.adapters.dynamodb.engine_registry import EngineRegistryTable
from tapedeck.bootstrap.environment import Environment, current_environment
from tapedeck.domain.engine import MediaEngine
from tapedeck.domain.identity import new_id
from tapedeck.operations.authentication import hash_secret
from tapedeck.ports.engines import RegisteredEngine
from tests.functions.background_world import World


def open_registry(environment: Environment) -> EngineRegistryTable:
    """Return the registry of engines in the tables of an environment."""
    table = environment.read_settings().credentials_table
    return EngineRegistryTable(DynamoDBTable(environment.make_client("dynamodb"), table, lambda _seconds: None))


def register_engine(
    environment: Environment, name: str, token: str, accounts: frozenset[str] | None = None
) -> MediaEngine:
    """Register an engine with this token, in place of an earlier one."""
    engine, registry = MediaEngine(name, accounts), open_registry(environment)
    registry.delete_engine(name)
    assert registry.put_engine(RegisteredEngine(engine, (hash_secret(token),), 1_537_916_400))
    return engine


BOOT = "01972b5cee00700080000000000000b1"


@dataclass
class EngineClient:
    """A media engine that reports to a world over HTTP; its sequence numbers rise with each event that it makes.

    `has_session`: its session is open, so that no answer requests one.
    """

    world: World
    token: str
    name: str = "ast1"
    boot: str = BOOT
    seq: int = 0
    has_session: bool = False

    def event(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Make an event of now about the world's account."""
        self.seq += 1
        now = self.world.clock()
        return {
            "id": new_id(now), "type": kind, "seq": self.seq, "at": now, "account": self.world.account.account,
            **fields,
        }  # fmt: skip

    def report(self, *events: Any, sent_at: int | None = None) -> list[dict[str, Any]]:
        """Report events in one request; return their results without the ids, which are checked."""
        envelope = {
            "protocol": 2, "boot": self.boot, "sent_at": self.world.clock() if sent_at is None else sent_at,
            "events": list(events),
        }  # fmt: skip
        status, answer = self.post(json.dumps(envelope).encode())
        assert status == 200
        assert answer.keys() == {"now", "results", "resync", "superseded"}
        now, needs_session = self.world.clock(), not self.has_session
        assert (answer["now"], answer["resync"], answer["superseded"]) == (now, needs_session, False)
        ids = [event.get("id") if isinstance(event, dict) else None for event in events]
        assert [result.pop("id") for result in answer["results"]] == ids
        results: list[dict[str, Any]] = answer["results"]
        return results

    def outcomes(self, *events: Any) -> list[str]:
        """Report events in one request; return their outcomes."""
        return [result["outcome"] for result in self.report(*events)]

    def post(self, body: bytes, authorization: str | None = None) -> tuple[int, dict[str, Any]]:
        """Send a body; return the status and the answer."""
        given = f"Bearer {self.token}" if authorization is None else authorization
        return self.world.post_events(body, given)


def engine_of(world: World, name: str = "ast1", accounts: frozenset[str] | None = None) -> EngineClient:
    """Register an engine in a world's tables; return a client with its token."""
    token = f"tdk_{name}_{name[-1] * 43}"
    register_engine(current_environment(), name, token, accounts)
    return EngineClient(world, token, name)
