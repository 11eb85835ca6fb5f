"""The composition root of the waits for media engines; `bootstrap.http` imports it at its first use."""

from tapedeck.adapters.clock import SleepingPatience, monotonic_clock
from tapedeck.adapters.dynamodb.client import DynamoDBTable
from tapedeck.adapters.dynamodb.presence import PresenceTable
from tapedeck.background.urgent_commands import UrgentCommands
from tapedeck.bootstrap.environment import Environment
from tapedeck.observability import CanonicalLog
from tapedeck.operations.confirmations import Confirmations
from tapedeck.ports.stores import Store


def build_confirmations(
    environment: Environment, database: DynamoDBTable, store: Store, log: CanonicalLog
) -> Confirmations:
    """Build what waits for media engines, from the recordings table."""
    settings, clock, presences = environment.read_settings(), environment.clock, PresenceTable(database)
    if environment.make_confirmations is not None:
        return environment.make_confirmations(store, presences)
    from tapedeck.adapters.urgent_queue import UrgentEngineQueues  # noqa: PLC0415

    return Confirmations(
        store,
        UrgentCommands(UrgentEngineQueues(settings.engine_queue_prefix), clock),
        presences,
        SleepingPatience(),
        settings.confirm_within_ms,
        monotonic_clock,
        environment.engine_clock,
        lambda recording, error: log.unsent_command(recording.parent.account, recording.id, recording.version, error),
    )
