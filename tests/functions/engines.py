"""Register media engines in the tables of a test."""

from tapedeck.adapters.dynamodb.client import DynamoDBTable
from tapedeck.adapters.dynamodb.engine_registry import EngineRegistryTable
from tapedeck.bootstrap.environment import Environment
from tapedeck.domain.engine import MediaEngine
from tapedeck.operations.authentication import hash_secret
from tapedeck.ports.engines import RegisteredEngine


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
