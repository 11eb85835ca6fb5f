"""Fixtures of the function tests: API services with a test clock, and clients that record their AWS requests."""

import io
import json
import logging
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest

from tapedeck.adapters.clients import make_client
from tapedeck.adapters.dynamodb.client import DynamoDBTable
from tapedeck.adapters.dynamodb.credentials import CredentialsTable
from tapedeck.admin.endpoint import AdminServices
from tapedeck.bootstrap import http as api_bootstrap
from tapedeck.bootstrap.environment import Environment, installed
from tapedeck.domain.account import ConfirmUpdates
from tapedeck.http.services import ApiServices
from tapedeck.operations.authentication import Authenticator
from tapedeck.settings import Settings
from tests.client import DIALECTS, FunctionClient, forward_in_process
from tests.conftest import TestAccount
from tests.functions.admin import operator, uncached_credentials  # noqa: F401 - fixtures
from tests.functions.background_world import ORIGIN, World, build_world
from tests.functions.databases import Database, open_database
from tests.functions.engine_admin import engine_operator  # noqa: F401 - a fixture
from tests.functions.literal import api, example, example_account, fix_new_ids  # noqa: F401 - fixtures
from tests.functions.objects import Objects
from tests.functions.operations import OPERATIONS, Operation
from tests.functions.reported_events import applied, ignored, parent, retried  # noqa: F401 - fixtures
from tests.functions.stage import Clock, Shelf, Stage, Wire

ON_DYNAMODB_LOCAL = re.compile(
    "test_(?:(?:create|delete|issue|list|remove|revoke|rotate|set|update)_(?!callbacks).*|get_participant|paging|requests)"
)
"""Modules that also run on DynamoDB Local, because they depend on its conditions, transactions, orders and limits."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Drop tests that request an operation in a dialect that lacks it; mark tests that also run on DynamoDB Local."""
    for item in items:
        if item.path.parent == Path(__file__).parent and ON_DYNAMODB_LOCAL.fullmatch(item.path.stem):
            item.add_marker("dynamodb_local")
    items[:] = [item for item in items if not _is_foreign(getattr(getattr(item, "callspec", None), "params", {}))]


def _is_foreign(params: dict[str, Any]) -> bool:
    named = params.get("operation") or getattr(params.get("route"), "operation", None)
    operation = named if isinstance(named, Operation) else OPERATIONS.get(str(named))
    return operation is not None and operation.only not in {None, params.get("dialect", operation.only)}


@pytest.fixture(scope="session")
def database(aws: None) -> Database:
    """The database of the tests in this folder."""
    del aws  # only needs to be set up
    return open_database()


@pytest.fixture(scope="session")
def shelves(database: Database) -> Callable[[str], Shelf]:
    """Opens a table by name for direct access, without requests of the functions' client."""
    return database.shelf


def settings_without_waits() -> Settings:
    """Return the settings of the environment; updates of recordings do not wait, because no media engine runs."""
    return replace(Settings.read(), confirm_updates=ConfirmUpdates.NONE)


@pytest.fixture(scope="session")
def shared_environment(database: Database) -> Environment:
    """The environment of the tests that install no other. Its requests are not counted."""
    dynamodb = database.client()
    return Environment(
        settings_without_waits,
        make_client=lambda name: dynamodb if name == "dynamodb" else make_client(name),
        default_engine="standin",
    )


@pytest.fixture(scope="module", autouse=True)
def install_shared_environment(shared_environment: Environment) -> Iterator[None]:
    """Make the functions use the database of the tests in this folder."""
    with installed(shared_environment):
        yield


@pytest.fixture(scope="session")
def counted(database: Database) -> tuple[Any, Wire]:
    """The functions' DynamoDB client, and the record of every request that it sends."""
    client = database.functions_client()
    wire = Wire(os.environ["RECORDINGS_TABLE"])
    # First: the database answers in this event too, and botocore skips the handlers after the one that answers.
    client.meta.events.register_first("before-send.dynamodb", wire.see)
    client.meta.events.register("after-call.dynamodb", wire.answered)
    return client, wire


@pytest.fixture(scope="session")
def administration(shared_environment: Environment) -> AdminServices:
    """The services of account administration."""
    return shared_environment.cached(api_bootstrap.build_admin_services)


@pytest.fixture(scope="session")
def account(administration: AdminServices) -> TestAccount:
    """The one account of all tests in this folder; each test deletes its own resources."""
    made = administration.accounts.create()
    return TestAccount(made.account, made.auth_token)


@pytest.fixture(scope="session")
def credentials_shelf(administration: AdminServices, database: Database) -> Shelf:
    """The table of the accounts of the tests in this folder; some modules have other tables of their own."""
    return database.shelf(administration.accounts._credentials._database._table)  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def reconciled(account: TestAccount, database: Database, credentials_shelf: Shelf) -> Iterator[None]:
    """Restore the tables after each test: all tests share one account, and lists show all of its resources.

    The account is created before the snapshot, so that the cleanup keeps it, with the tokens and keys of before.
    """
    names = (f"ACCOUNT#{account.id}", f"SIGNING#{account.id}")
    before = {name: credentials_shelf.partition(name) for name in names}
    with database.restored():
        yield
    for name, items in before.items():
        if credentials_shelf.partition(name) != items:
            credentials_shelf.put(items[0])


@pytest.fixture
def wire(counted: tuple[Any, Wire], service: ApiServices) -> Wire:
    """The DynamoDB requests that this test causes, from now on."""
    del service  # its requests are recorded; setting it up is not part of the record
    wire = counted[1]
    wire.all.clear()
    return wire


@pytest.fixture(scope="session")
def bucket(aws: None) -> Objects:
    """The functions' media bucket, and the record of every S3 request that they send."""
    del aws  # only needs to be set up
    return Objects(make_client("s3"), os.environ["MEDIA_BUCKET"])


@pytest.fixture
def objects(bucket: Objects, service: ApiServices) -> Iterator[Objects]:
    """The S3 requests that this test causes, from now on; they succeed unless the test sets a fault."""
    del service  # its requests are recorded; setting it up is not part of the record
    bucket.forget()
    yield bucket
    bucket.forget()


@pytest.fixture
def clock() -> Clock:
    """The clock of this test's service."""
    return Clock()


@pytest.fixture
def settings(aws: None) -> Settings:
    """The settings of this test's service; updates of recordings do not wait, because no media engine runs."""
    del aws  # it sets the environment
    return settings_without_waits()


@pytest.fixture
def make_service(
    counted: tuple[Any, Wire],
    bucket: Objects,
    clock: Clock,
    install_environment: Callable[[Environment], object],
    administration: AdminServices,
) -> Callable[[Settings], ApiServices]:
    """Builds API services with this test's clock; the functions use the one built last."""
    clients = {"dynamodb": counted[0], "s3": bucket.client}
    # Account administration keeps the client that is not counted.
    prebuilt = {api_bootstrap.build_admin_services: administration}

    def make(settings: Settings) -> ApiServices:
        install_environment(
            Environment(
                lambda: settings,
                clock,
                clients.__getitem__,
                forward_in_process,
                default_engine="standin",
                prebuilt=prebuilt,
            )
        )
        return api_bootstrap.get_api_services()

    return make


@pytest.fixture
def service(make_service: Callable[[Settings], ApiServices], settings: Settings) -> ApiServices:
    """The API services that the functions use: an empty credential cache and this test's clock."""
    return make_service(settings)


@pytest.fixture
def make_stage(
    service: ApiServices, clock: Clock, shelves: Callable[[str], Shelf], settings: Settings
) -> Callable[[str], Stage]:
    """Makes stages: writers of test data for one account."""
    shelf = shelves(settings.recordings_table)
    return lambda account: Stage(account, service, clock, shelf)


@pytest.fixture
def stage(make_stage: Callable[[str], Stage], account: TestAccount) -> Stage:
    """Writes test data for this test's account."""
    return make_stage(account.id)


@pytest.fixture
def make_world(
    clock: Clock, settings: Settings, bucket: Objects, install_environment: Callable[[Environment], object]
) -> Callable[[int], World]:
    """Makes background worlds with this callback retry window in hours; the functions use the one made last."""
    bucket.forget()
    known = replace(settings, public_url=ORIGIN, max_call_hours=1_000_000)
    return lambda hours: build_world(
        replace(known, callback_retry_hours=hours), clock, bucket.client, install_environment
    )


@pytest.fixture
def world(make_world: Callable[[int], World]) -> World:
    """The services of the background functions: in memory, except for the media bucket.

    The clock is at 23:00:00.250 UTC on 25 September 2018: second 1537916400.
    """
    return make_world(72)


@pytest.fixture(scope="session")
def known(account: TestAccount, counted: tuple[Any, Wire]) -> dict[str, Any]:
    """The credential cache of a service that verified the account once, at the start time of the test clock."""
    credentials = CredentialsTable(DynamoDBTable(counted[0], os.environ["CREDENTIALS_TABLE"], lambda _seconds: None))
    authenticator = Authenticator(credentials, Clock(), 60)
    authenticator.verify_account(account.id, account.token)
    return dict(authenticator._remembered)


def remember(authenticator: Authenticator, known: dict[str, Any], account: str) -> None:
    """Put the credentials into the cache of a service, with the rules of the account, as their verification does."""
    authenticator._remembered.update(known)
    for _, at, monotonic_at in known.values():
        authenticator._remembered_rules[account] = (authenticator._defaults, at, monotonic_at)


@pytest.fixture
def client(dialect: str, account: TestAccount, service: ApiServices, known: dict[str, Any]) -> FunctionClient:
    """A client of the test's dialect and account, whose credentials are already cached by this test's service."""
    remember(service.authenticator, known, account.id)
    return FunctionClient(DIALECTS[dialect], account.id, account.token)


@pytest.fixture
def make_twilio(account: TestAccount, service: ApiServices, known: dict[str, Any]) -> Callable[[], FunctionClient]:
    """Makes clients of Twilio's dialect, for features that only Twilio has."""
    remember(service.authenticator, known, account.id)
    return lambda: FunctionClient(DIALECTS["twilio"], account.id, account.token)


@pytest.fixture
def make_owner(make_account: Callable[[], TestAccount], service: ApiServices) -> Callable[[], FunctionClient]:
    """Makes clients of Twilio's dialect, each with an account of its own and an auth token."""
    del service  # it must exist

    def make() -> FunctionClient:
        account = make_account()
        return FunctionClient(DIALECTS["twilio"], account.id, account.token)

    return make


@pytest.fixture
def owner(make_owner: Callable[[], FunctionClient]) -> FunctionClient:
    """A client of Twilio's dialect with an account of its own: API keys are not deleted after a test."""
    return make_owner()


@pytest.fixture
def other(client: FunctionClient) -> FunctionClient:
    """A client of the other dialect, for the same account."""
    name = "signalwire" if client.dialect.name == "twilio" else "twilio"
    return replace(client, dialect=DIALECTS[name], answers=[])


@pytest.fixture
def log(service: ApiServices, make_service: Callable[[Settings], ApiServices], settings: Settings) -> io.StringIO:
    """The log output from now on; the functions use a service with its own log stream."""
    del service  # built first: if it were built later, it would replace the service made here
    name = f"test-{token_hex(4)}"
    make_service(replace(settings, service=name))
    stream = io.StringIO()
    for handler in logging.getLogger(name).handlers:
        assert isinstance(handler, logging.StreamHandler)
        handler.setStream(stream)
    return stream


@pytest.fixture
def log_lines(log: io.StringIO) -> Callable[[], list[dict[str, Any]]]:
    """Returns the JSON log lines since the previous call."""

    def take() -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in log.getvalue().splitlines()]
        log.seek(0)
        log.truncate()
        return lines

    return take
