"""The composition root of the admin functions for media engines.

A separate module: no other function creates or deletes queues.
"""

import time

from tapedeck.adapters.dynamodb.client import DynamoDBTable
from tapedeck.adapters.dynamodb.engine_registry import EngineRegistryTable
from tapedeck.adapters.dynamodb.engine_resources import EngineResourceTable
from tapedeck.admin.endpoint import AdminEndpoint
from tapedeck.admin.engines import ENGINE_MESSAGES, EngineAdminServices
from tapedeck.bootstrap.environment import Environment, current_environment
from tapedeck.bootstrap.http import build_api_services
from tapedeck.operations.engine_registration import EngineRegistration
from tapedeck.ports.engine_administration import EngineQueueAdmin


def build_engine_admin_services(environment: Environment) -> EngineAdminServices:
    """Build the services of the admin functions for media engines; the SQS client is made at its first use."""
    settings, dynamodb = environment.read_settings(), environment.make_client("dynamodb")

    def make_queue_admin() -> EngineQueueAdmin:
        from tapedeck.adapters.engine_queue_admin import SqsEngineQueueAdmin  # noqa: PLC0415

        return SqsEngineQueueAdmin(
            lambda: environment.make_client("sqs"), settings.service, settings.engine_commands_dead_letter_queue
        )

    registration = EngineRegistration(
        EngineRegistryTable(DynamoDBTable(dynamodb, settings.credentials_table, time.sleep)),
        (environment.make_engine_queue_admin or make_queue_admin)(),
        EngineResourceTable(DynamoDBTable(dynamodb, settings.recordings_table, time.sleep)),
        environment.engine_clock,
        settings.refused_secrets,
    )
    return EngineAdminServices(registration, environment.cached(build_api_services).log)


def get_engine_admin_services() -> EngineAdminServices:
    """Return the services of the admin functions for media engines in the current environment."""
    return current_environment().cached(build_engine_admin_services)


engine_admin_function = AdminEndpoint(get_engine_admin_services, ENGINE_MESSAGES)
