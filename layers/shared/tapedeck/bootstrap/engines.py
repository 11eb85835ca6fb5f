"""The composition root of the functions that media engines call.

A separate module: HTTP functions need none of this. Each part is made at its first use.
"""

import time
from dataclasses import dataclass

from tapedeck.adapters.clock import monotonic_clock
from tapedeck.adapters.dynamodb.client import DynamoDBTable
from tapedeck.adapters.dynamodb.engine_registry import EngineRegistryTable
from tapedeck.bootstrap.environment import Environment, current_environment
from tapedeck.bootstrap.http import build_api_services
from tapedeck.http.engine_endpoint import EngineEndpoint
from tapedeck.observability import CanonicalLog
from tapedeck.operations.engine_authentication import EngineAuthenticator
from tapedeck.ports.clock import Clock


@dataclass(frozen=True, slots=True)
class EngineServices:
    """The dependencies of the functions that media engines call."""

    log: CanonicalLog
    clock: Clock
    authenticator: EngineAuthenticator


def build_engine_services(environment: Environment) -> EngineServices:
    """Build the services of engine functions; what few of them need is made at first use."""
    settings, clock = environment.read_settings(), environment.clock
    registry = EngineRegistryTable(
        DynamoDBTable(environment.make_client("dynamodb"), settings.credentials_table, time.sleep)
    )
    return EngineServices(
        log=environment.cached(build_api_services).log,
        clock=clock,
        authenticator=EngineAuthenticator(
            registry, clock, settings.credential_cache_seconds, settings.refused_secrets, monotonic_clock
        ),
    )


def get_engine_services() -> EngineServices:
    """Return the services of engine functions in the current environment."""
    return current_environment().cached(build_engine_services)


engine_endpoint = EngineEndpoint(get_engine_services)
