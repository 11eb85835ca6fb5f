"""The composition root of the function that lists what is unsettled.

A separate module: background functions do not load the list, and the list loads none of their queues and clients.
"""

import time

from tapedeck.adapters.dynamodb.client import DynamoDBTable
from tapedeck.adapters.dynamodb.presence import PresenceTable
from tapedeck.adapters.dynamodb.unsettled import UnsettledIndex
from tapedeck.admin.endpoint import AdminEndpoint
from tapedeck.background.unsettled import UnsettledServices, UnsettledWork
from tapedeck.bootstrap.environment import Environment, current_environment
from tapedeck.bootstrap.http import build_api_services


def build_unsettled_services(environment: Environment) -> UnsettledServices:
    """Build the services of the function."""
    settings, dynamodb = environment.read_settings(), environment.make_client("dynamodb")
    database = DynamoDBTable(dynamodb, settings.recordings_table, time.sleep)
    work = UnsettledWork(
        UnsettledIndex(database),
        PresenceTable(database),
        environment.clock,
        environment.engine_clock,
        environment.default_engine,
    )
    return UnsettledServices(work, environment.cached(build_api_services).log)


def get_unsettled_services() -> UnsettledServices:
    """Return the services of the function in the current environment."""
    return current_environment().cached(build_unsettled_services)


unsettled_admin_function = AdminEndpoint(get_unsettled_services)
