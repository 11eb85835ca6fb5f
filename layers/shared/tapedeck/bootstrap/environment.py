"""What the composition roots need from outside: settings, time, clients, and wrappers that observe calls.

A deployment uses the defaults. The stand-in and the tests install an `Environment` of their own.
"""

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from tapedeck.adapters.clock import system_clock
from tapedeck.adapters.forwarding import forward_over_https
from tapedeck.observability import CanonicalLog
from tapedeck.settings import Settings

if TYPE_CHECKING:
    from tapedeck.operations.confirmations import Confirmations
    from tapedeck.ports.clock import Clock
    from tapedeck.ports.credentials import Encryptor
    from tapedeck.ports.engine_administration import EngineQueueAdmin
    from tapedeck.ports.engines import CredentialsLender, EngineQueues, PresenceStore
    from tapedeck.ports.forwarding import Forwarder
    from tapedeck.ports.instructions import InstructionClient
    from tapedeck.ports.media import Codec, MediaStore
    from tapedeck.ports.messaging import Bus, Decryptor, Queue, WebhookClient
    from tapedeck.ports.stores import Store

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class OutboundClients:
    """The clients through which background functions send, deliver and publish.

    Without a `bus`, no domain events are published. `sleep` takes seconds; `random_float` returns a number from 0 to 1.
    `monotonic_clock` measures the duration of callback attempts in milliseconds; None uses the environment's clock.
    `instruction_client` requests documents from applications; None: one is made where it is needed.
    """

    commands: "EngineQueues"
    callbacks: "Queue"
    callback_retries: "Queue"
    finishing: "Queue"
    bus: "Bus | None"
    webhook_client: "WebhookClient"
    decryptor: "Decryptor"
    sleep: Callable[[float], None] = time.sleep
    random_float: Callable[[], float] = random.random
    monotonic_clock: "Clock | None" = None
    instruction_client: "InstructionClient | None" = None


def _make_client(service: str) -> Any:  # noqa: ANN401 - botocore creates its classes at run time
    # Imported here: an environment with clients of its own need not have botocore.
    from tapedeck.adapters.clients import make_client  # noqa: PLC0415

    return make_client(service)


def _default_log(settings: Settings) -> CanonicalLog:
    return CanonicalLog(settings.service)


def _unwrapped(dependency: Any) -> Any:  # noqa: ANN401 - any dependency
    return dependency


@dataclass(frozen=True, slots=True, eq=False)
class Environment:
    """What services are built from. `cached` builds each of them once per environment.

    read_settings: reads the settings.
    clock: milliseconds since the epoch.
    make_client: creates the client of an AWS service, by botocore's name of the service.
    forwarder: forwards a request to the API of this deployment.
    make_log: creates the log.
    make_outbound_clients: creates the outbound clients of background functions; None for those of a deployment.
    make_credentials_lender: creates what lends engines credentials for their queues; None for that of a deployment.
    make_engine_queue_admin: makes what creates and deletes the queues of media engines; None for SQS.
    make_media_store: makes the store of media; None for S3.
    make_codec: makes what reads and converts audio; None for `WavCodec`.
    make_encryptor: makes what encrypts signing keys; None for KMS.
    make_confirmations: makes what waits for media engines, from the recordings table and the presences of engines; None
        for what a deployment uses.
    wrap_delivery_dependency: wraps each store and client that callback delivery uses.
    wrap_work_store: wraps each store in which the reconciler and the monitor of engines look for work.
    wrap_api_log: wraps the log of HTTP functions, which gets the outcome and the warnings of each request.
    wrap_engine_events: wraps what applies the events of media engines.
    wrap_background_log: wraps the log of background functions.
    default_engine: the media engine of resources whose engine is unknown, and of new conferences; None, as in a
        deployment: commands about such resources are not sent, and a live engine is chosen for new conferences.
    presence_clock: the clock of media engines' presence, in milliseconds since the epoch; None: `clock`.
    prebuilt: results of `cached` by builder; such a builder is not called.
    """

    # --8<-- [start:environment]
    read_settings: Callable[[], Settings] = Settings.read
    clock: "Clock" = system_clock
    make_client: Callable[[str], Any] = _make_client
    forwarder: "Forwarder" = forward_over_https
    make_log: Callable[[Settings], CanonicalLog] = _default_log
    make_outbound_clients: "Callable[[Environment, Settings], OutboundClients] | None" = None
    make_credentials_lender: "Callable[[], CredentialsLender] | None" = None
    make_engine_queue_admin: "Callable[[], EngineQueueAdmin] | None" = None
    make_media_store: "Callable[[], MediaStore] | None" = None
    make_codec: "Callable[[], Codec] | None" = None
    make_encryptor: "Callable[[], Encryptor] | None" = None
    make_confirmations: "Callable[[Store, PresenceStore], Confirmations] | None" = None
    wrap_delivery_dependency: Callable[[Any], Any] = _unwrapped
    wrap_work_store: Callable[[Any], Any] = _unwrapped
    wrap_api_log: Callable[[Any], Any] = _unwrapped
    wrap_engine_events: Callable[[Any], Any] = _unwrapped
    wrap_background_log: Callable[[Any], Any] = _unwrapped
    default_engine: str | None = None
    presence_clock: "Clock | None" = None
    prebuilt: Mapping[Any, Any] = field(default_factory=dict)
    _built: dict[Any, Any] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        """Use the prebuilt services."""
        self._built.update(self.prebuilt)

    @property
    def engine_clock(self) -> "Clock":
        """The clock of media engines' presence."""
        return self.presence_clock or self.clock

    def cached(self, build: "Callable[[Environment], T]") -> T:
        """Return the result of `build` for this environment; only the first call builds it."""
        if build not in self._built:
            self._built[build] = build(self)
        built: T = self._built[build]
        return built

    # --8<-- [end:environment]


class _Installed:
    environment = Environment()


def current_environment() -> Environment:
    """Return the environment that the functions of this process use."""
    return _Installed.environment


def install(environment: Environment) -> Environment:
    """Make all functions of this process use this environment; return the previous one."""
    previous, _Installed.environment = _Installed.environment, environment
    return previous


@contextmanager
def installed(environment: Environment) -> Iterator[Environment]:
    """Install an environment while the context is open."""
    previous = install(environment)
    try:
        yield environment
    finally:
        install(previous)


@contextmanager
def rebuilt_services() -> Iterator[Environment]:
    """Build all services again, from settings that have changed, while the context is open."""
    with installed(replace(current_environment())) as environment:
        yield environment
