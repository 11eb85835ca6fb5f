"""A service of each test's own, over a client that tells what it asks of DynamoDB."""

# ruff: noqa: E402 - what asserts for tests must be named before it is imported

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

pytest.register_assert_rewrite("tests.functions.stage", "tests.functions.rules", "tests.functions.living")

from tapedeck.adapters.clients import make_client
from tapedeck.adapters.dynamodb.client import DynamoDBTable
from tapedeck.adapters.dynamodb.credentials import CredentialsTable
from tapedeck.bootstrap import http as api_bootstrap
from tapedeck.bootstrap.environment import Environment
from tapedeck.http.endpoint import ApiServices
from tapedeck.operations.authentication import Authenticator
from tapedeck.settings import Settings
from tests.client import DIALECTS, FunctionClient
from tests.conftest import DYNAMODB_URL, TestAccount
from tests.functions.living import ORIGIN, World, make_world
from tests.functions.objects import Objects
from tests.functions.operations import OPERATIONS, Operation
from tests.functions.stage import Clock, MotoShelf, RemoteShelf, Shelf, Stage, Wire

ON_DYNAMODB_LOCAL = re.compile("test_(?:(?:create|delete|list|remove|update)_.*|get_participant|paging|requests)")
"""Modules that run there as well: where conditions, transactions, orders and limits of the database are met."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what asks a dialect for an operation that only the other one has; mark what runs twice."""
    for item in items:
        if item.path.parent == Path(__file__).parent and ON_DYNAMODB_LOCAL.fullmatch(item.path.stem):
            item.add_marker("dynamodb_local")
    items[:] = [item for item in items if not _is_foreign(getattr(getattr(item, "callspec", None), "params", {}))]


def _is_foreign(params: dict[str, Any]) -> bool:
    asked = params.get("operation") or getattr(params.get("route"), "operation", None)
    operation = asked if isinstance(asked, Operation) else OPERATIONS.get(str(asked))
    return operation is not None and operation.only not in {None, params.get("dialect", operation.only)}


def moto_tables() -> dict[str, Any]:
    """Moto's own tables, by name."""
    from moto.dynamodb.models import dynamodb_backends

    (backends,) = dynamodb_backends.values()
    tables: dict[str, Any] = backends[os.environ["AWS_DEFAULT_REGION"]].tables
    return tables


@pytest.fixture(scope="session")
def shelves(aws: None) -> Callable[[str], Shelf]:
    """Opens a table past the functions."""
    del aws  # only has to be there
    if not DYNAMODB_URL:
        return lambda table: MotoShelf(moto_tables()[table])
    import botocore.session

    client = botocore.session.get_session().create_client("dynamodb")
    return lambda table: RemoteShelf(client, table)


@pytest.fixture(scope="session")
def counted(aws: None) -> tuple[Any, Wire]:
    """The functions' client, and all that it sends."""
    del aws  # only has to be there
    client = make_client("dynamodb")
    wire = Wire(os.environ["RECORDINGS_TABLE"])
    # First, for moto answers there too, and whoever comes after it is not asked.
    client.meta.events.register_first("before-send.dynamodb", wire.see)
    client.meta.events.register("after-call.dynamodb", wire.answered)
    return client, wire


@pytest.fixture(scope="session")
def account(aws: None) -> TestAccount:
    """The account of all tests here: no two share a resource, and each clears up behind itself."""
    del aws  # only has to be there
    made = api_bootstrap.get_admin_services().accounts.create()
    return TestAccount(made.account, made.auth_token)


@pytest.fixture(autouse=True)
def reconciled(account: TestAccount, shelves: Callable[[str], Shelf]) -> Iterator[None]:
    """Afterwards the tables hold what they held before: all tests have one account, and lists show all of it.

    Moreover, a query in moto looks through the whole table.
    """
    del account  # it stays
    if DYNAMODB_URL:
        yield
        # Nothing lies there before the first test; accounts are in the other table, and each is another.
        shelf = shelves(os.environ["RECORDINGS_TABLE"])
        assert isinstance(shelf, RemoteShelf)
        shelf.clear()
        return
    tables = list(moto_tables().values())
    before = [(table, set(table.items), len(table.stream_shard.items) if table.stream_shard else 0) for table in tables]
    yield
    for table, partitions, records in before:
        for partition in set(table.items) - partitions:
            del table.items[partition]
        if table.stream_shard:
            del table.stream_shard.items[records:]


@pytest.fixture
def wire(counted: tuple[Any, Wire], service: ApiServices) -> Wire:
    """What this test's requests ask of DynamoDB, from now on."""
    del service  # what makes them
    wire = counted[1]
    wire.all.clear()
    return wire


@pytest.fixture(scope="session")
def bucket(aws: None) -> Objects:
    """The functions' bucket, and all that they ask of it."""
    del aws  # only has to be there
    return Objects(make_client("s3"), os.environ["MEDIA_BUCKET"])


@pytest.fixture
def objects(bucket: Objects, service: ApiServices) -> Iterator[Objects]:
    """What this test's requests ask of the bucket, from now on; nothing fails unless the test says so."""
    del service  # what makes them
    bucket.forget()
    yield bucket
    bucket.forget()


@pytest.fixture
def clock() -> Clock:
    """The clock of this test's service."""
    return Clock()


@pytest.fixture
def settings(aws: None) -> Settings:
    """How this test's service is set up."""
    del aws  # it sets the environment
    return Settings.read()


@pytest.fixture
def make_service(
    counted: tuple[Any, Wire],
    bucket: Objects,
    clock: Clock,
    install_environment: Callable[[Environment], object],
) -> Callable[[Settings], ApiServices]:
    """Makes services by this test's clock, and has the functions answer with the last one made."""
    clients = {"dynamodb": counted[0], "s3": bucket.client}
    # Account administration keeps the client that is not counted.
    prebuilt = {api_bootstrap.build_admin_services: api_bootstrap.get_admin_services()}

    def make(settings: Settings) -> ApiServices:
        install_environment(Environment(lambda: settings, clock, clients.__getitem__, prebuilt=prebuilt))
        return api_bootstrap.get_api_services()

    return make


@pytest.fixture
def service(make_service: Callable[[Settings], ApiServices], settings: Settings) -> ApiServices:
    """What the functions answer with: nothing remembered yet, by this test's clock."""
    return make_service(settings)


@pytest.fixture
def make_stage(
    service: ApiServices, clock: Clock, shelves: Callable[[str], Shelf], settings: Settings
) -> Callable[[str], Stage]:
    """Makes stages for accounts."""
    shelf = shelves(settings.recordings_table)
    return lambda account: Stage(account, service, clock, shelf)


@pytest.fixture
def stage(make_stage: Callable[[str], Stage], account: TestAccount) -> Stage:
    """The stage of this test's account."""
    return make_stage(account.id)


@pytest.fixture
def living(
    clock: Clock, settings: Settings, bucket: Objects, install_environment: Callable[[Environment], object]
) -> Callable[[int], World]:
    """Makes worlds in which a callback is tried for so many hours, and has the functions work in the last one made."""
    bucket.forget()
    known = replace(settings, public_url=ORIGIN)
    return lambda hours: make_world(
        replace(known, callback_retry_hours=hours), clock, bucket.client, install_environment
    )


@pytest.fixture
def world(living: Callable[[int], World]) -> World:
    """What the functions that no client calls work with, in memory but for the bucket of media."""
    return living(72)


@pytest.fixture(scope="session")
def known(account: TestAccount, counted: tuple[Any, Wire]) -> dict[str, Any]:
    """What a service remembers that has verified the account once, when its clock began."""
    credentials = CredentialsTable(DynamoDBTable(counted[0], os.environ["CREDENTIALS_TABLE"], lambda _seconds: None))
    authenticator = Authenticator(credentials, Clock(), 60)
    authenticator.verify_account(account.id, account.token)
    return dict(authenticator._remembered)


@pytest.fixture
def client(dialect: str, account: TestAccount, service: ApiServices, known: dict[str, Any]) -> FunctionClient:
    """Speaks the test's dialect for its account, to this test's service, which knows it."""
    service.authenticator._remembered.update(known)
    return FunctionClient(DIALECTS[dialect], account.id, account.token)


@pytest.fixture
def make_twilio(account: TestAccount, service: ApiServices, known: dict[str, Any]) -> Callable[[], FunctionClient]:
    """Makes clients of Twilio's dialect, for what only that knows."""
    service.authenticator._remembered.update(known)
    return lambda: FunctionClient(DIALECTS["twilio"], account.id, account.token)


@pytest.fixture
def other(client: FunctionClient) -> FunctionClient:
    """Speaks the other dialect for the same account."""
    name = "signalwire" if client.dialect.name == "twilio" else "twilio"
    return replace(client, dialect=DIALECTS[name], answers=[])


@pytest.fixture
def log(service: ApiServices, make_service: Callable[[Settings], ApiServices], settings: Settings) -> io.StringIO:
    """What is logged from now on: the functions answer with a service that has a log of this test's own."""
    del service  # it would take this one's place if it were made later
    name = f"test-{token_hex(4)}"
    make_service(replace(settings, service=name))
    stream = io.StringIO()
    for handler in logging.getLogger(name).handlers:
        assert isinstance(handler, logging.StreamHandler)
        handler.setStream(stream)
    return stream


@pytest.fixture
def log_lines(log: io.StringIO) -> Callable[[], list[dict[str, Any]]]:
    """The lines that requests have logged since the last look; each must be JSON."""

    def take() -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in log.getvalue().splitlines()]
        log.seek(0)
        log.truncate()
        return lines

    return take
