"""The composition root of the functions that media engines call.

A separate module: HTTP functions need none of this. Each part is made at its first use.
"""

import time
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from tapedeck.adapters.clock import monotonic_clock
from tapedeck.adapters.dynamodb.client import DynamoDBTable
from tapedeck.adapters.dynamodb.engine_registry import EngineRegistryTable
from tapedeck.bootstrap.environment import Environment, current_environment
from tapedeck.bootstrap.http import build_api_services, make_media_store
from tapedeck.domain.identity import new_id
from tapedeck.http.engine_endpoint import EngineEndpoint
from tapedeck.observability import CanonicalLog
from tapedeck.operations.engine_authentication import EngineAuthenticator
from tapedeck.ports.clock import Clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from tapedeck.background.document_requests import DocumentRequests
    from tapedeck.background.event_batches import EventBatches
    from tapedeck.background.session_requests import SessionRequests
    from tapedeck.operations.uploads import Uploads


@dataclass(frozen=True, slots=True)
class EngineServices:
    """The dependencies of the functions that media engines call."""

    log: CanonicalLog
    clock: Clock
    authenticator: EngineAuthenticator
    make_event_batches: "Callable[[], EventBatches]"
    make_session_requests: "Callable[[], SessionRequests]"
    make_uploads: "Callable[[], Uploads]"
    make_document_requests: "Callable[[], DocumentRequests]"

    @property
    def event_batches(self) -> "EventBatches":
        """Takes the events that engines report."""
        return self.make_event_batches()

    @property
    def session_requests(self) -> "SessionRequests":
        """Opens the sessions of engines."""
        return self.make_session_requests()

    @property
    def uploads(self) -> "Uploads":
        """Opens uploads of captures."""
        return self.make_uploads()

    @property
    def document_requests(self) -> "DocumentRequests":
        """Requests documents from applications."""
        return self.make_document_requests()


def build_engine_services(environment: Environment) -> EngineServices:
    """Build the services of engine functions; what few of them need is made at first use."""
    settings, clock = environment.read_settings(), environment.clock
    registry = EngineRegistryTable(
        DynamoDBTable(environment.make_client("dynamodb"), settings.credentials_table, time.sleep)
    )
    log = environment.cached(build_api_services).log

    def make_event_batches() -> "EventBatches":
        from tapedeck.background.event_batches import EventBatches  # noqa: PLC0415
        from tapedeck.bootstrap.background import build_background_services  # noqa: PLC0415

        background = environment.cached(build_background_services)
        sessions = background.make_engine_sessions()
        return EventBatches(background.engine_events, sessions, log, clock, monotonic_clock)

    def make_session_requests() -> "SessionRequests":
        from tapedeck.background.session_requests import SessionRequests  # noqa: PLC0415
        from tapedeck.bootstrap.background import build_background_services  # noqa: PLC0415

        sessions = environment.cached(build_background_services).make_engine_sessions()
        if environment.make_credentials_lender is not None:
            return SessionRequests(sessions, environment.make_credentials_lender(), clock, log)
        from tapedeck.adapters.sts import StsLender  # noqa: PLC0415

        lender = StsLender(environment.make_client("sts"), settings.engine_role, settings.engine_queue_prefix)
        return SessionRequests(sessions, lender, clock, log)

    def make_uploads() -> "Uploads":
        from tapedeck.adapters.dynamodb.resources import ResourceTable  # noqa: PLC0415
        from tapedeck.operations.uploads import Uploads  # noqa: PLC0415

        table = DynamoDBTable(environment.make_client("dynamodb"), settings.recordings_table, time.sleep)
        return Uploads(ResourceTable(table), make_media_store(environment), clock, settings.late_audio_days)

    def make_document_requests() -> "DocumentRequests":
        from tapedeck.adapters.dynamodb.credentials import CredentialsTable  # noqa: PLC0415
        from tapedeck.adapters.dynamodb.resources import ResourceTable  # noqa: PLC0415
        from tapedeck.adapters.remembered_keys import RememberingDecryptor  # noqa: PLC0415
        from tapedeck.adapters.webhooks.instructions import ApplicationClient  # noqa: PLC0415
        from tapedeck.background.document_requests import DocumentRequests  # noqa: PLC0415
        from tapedeck.bootstrap.background import aws_outbound_clients  # noqa: PLC0415

        clients = (environment.make_outbound_clients or aws_outbound_clients)(environment, settings)
        dynamodb = environment.make_client("dynamodb")
        client = clients.instruction_client or ApplicationClient(
            clients.sleep,
            allowed_hosts=settings.callback_allowed_hosts,
            host_map=dict(settings.callback_host_map),
            clock=clock,
        )
        return DocumentRequests(
            ResourceTable(DynamoDBTable(dynamodb, settings.recordings_table, clients.sleep)),
            CredentialsTable(DynamoDBTable(dynamodb, settings.credentials_table, clients.sleep)),
            RememberingDecryptor(clients.decryptor, clock),
            client,
            settings.public_url,
            clock,
            lambda: new_id(clock()),
        )

    return EngineServices(
        log=log,
        clock=clock,
        authenticator=EngineAuthenticator(
            registry, clock, settings.credential_cache_seconds, settings.refused_secrets, monotonic_clock
        ),
        make_event_batches=cache(make_event_batches),
        make_session_requests=cache(make_session_requests),
        make_uploads=cache(make_uploads),
        make_document_requests=cache(make_document_requests),
    )


def get_engine_services() -> EngineServices:
    """Return the services of engine functions in the current environment."""
    return current_environment().cached(build_engine_services)


engine_endpoint = EngineEndpoint(get_engine_services)
