"""Fixtures of all tests: AWS in this process, the template's tables, and separate accounts."""

# ruff: noqa: E402 - pytest can rewrite the asserts of a module only if it is registered before its import

import gc
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from zlib import crc32

import pytest

# Before any test or fixture imports these modules: their asserts are rewritten only then.
pytest.register_assert_rewrite(
    "tests.contract.queue_rules", "tests.functions.background_world", "tests.functions.empty_lists",
    "tests.functions.reported_events", "tests.functions.rules", "tests.functions.stage",
)  # fmt: skip

from tests import thoroughness
from tests.client import DIALECTS, TEMPLATE, FunctionClient, Gateway
from tests.wire.callbacks import checked_callbacks
from tests.wire.storage_requests import checked_storage_requests

if TYPE_CHECKING:
    from tapedeck.bootstrap.environment import Environment

DYNAMODB_URL = os.environ.get("TAPEDECK_DYNAMODB_URL", "")

# A developer's own AWS variables could direct a test to a real account or another endpoint.
for name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[name]
os.environ.update(
    AWS_DEFAULT_REGION="us-east-1",
    AWS_ACCESS_KEY_ID="testing",
    AWS_SECRET_ACCESS_KEY="testing",
    SAM_CLI_TELEMETRY="0",
    TAPEDECK_STANDIN="1",
)

# Requests make millions of short-lived objects that reference counting frees; frequent collections only cost time.
gc.set_threshold(200_000, 50, 100)


SLOWEST = (
    "test_families.py", "test_sdk_lists.py", "simulation/", "test_garbage.py",
    "tests/sdk/", "tests/plugin/", "tests/tutorials/",
)  # fmt: skip
"""The slowest tests start first, so that no worker runs one alone at the end."""


CI_ONLY = (
    "tests/docs/test_commands.py", "tests/plugin/", "tests/public_programs/", "tests/sdk/", "tests/tutorials/",
)  # fmt: skip
"""These tests have the marker `ci`: each starts programs of its own."""

ALSO_FAST = (
    "tests/plugin/test_pytest_plugin.py::test_the_",
    "tests/sdk/test_expected.py",
    "tests/sdk/test_recipe_files.py",
    "tests/sdk/test_twilio_python.py::test_recipe",
    "tests/tutorials/test_pages.py::test_every_block",
    "tests/tutorials/test_pages.py::test_names_of",
)
"""Those that `make test` runs as well."""


THINNED = ("tests/contract/", "tests/faults/", "tests/functions/", "tests/standin/", "tests/webhook/")
"""Of a parametrised test below these folders, `make test` runs the first case in Twilio's dialect and the last one in
SignalWire's; without a dialect, both the first and the last case. A test whose only parameter is the dialect runs in
one of the two, chosen by the test's name.

Requests through a handler are slow; all cases of a parser belong to its unit test. The others have the marker `ci`, and
`make test-ci THIRD=auto` runs a third of them, which the commit chooses.
"""


class Order:
    """Runs the slowest tests first and keeps the order of the others; registered so that it runs last."""

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Sort the tests."""
        items.sort(key=lambda item: not any(name in item.nodeid for name in SLOWEST))


def pytest_configure(config: pytest.Config) -> None:
    """Register the order of the tests, and set up the property tests.

    They have no deadline, because a busy machine would exceed it. Their examples are the same in each run, so that no
    run fails by chance; only those of the size `deep` are new each time. The number is for tests that state none.
    """
    from hypothesis import settings

    examples = thoroughness.scaled(deep=500, ci=100, fast=20)
    is_repeatable = thoroughness.SIZE != "deep"
    settings.register_profile("tapedeck", deadline=None, derandomize=is_repeatable, max_examples=examples)
    settings.load_profile("tapedeck")
    config.pluginmanager.register(Order())


def pytest_collection_finish() -> None:
    """Exempt the collected tests from garbage collection, which otherwise traverses them again and again."""
    gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the tests that run in `make test-ci` only, before pytest selects tests by their markers.

    Property tests run there again, with more examples.
    """
    for item in items:
        if isinstance(item, pytest.Function) and getattr(item.obj, "is_hypothesis_test", False):
            item.add_marker("sized")
        if item.nodeid.startswith(CI_ONLY) and not item.nodeid.startswith(ALSO_FAST):
            item.add_marker("ci")
    neighbours: list[pytest.Item] = []
    for dialect, cases in _cases_per_dialect(items):
        kept = {"twilio": cases[:1], "signalwire": cases[-1:]}.get(dialect, [cases[0], cases[-1]])
        neighbours += [item for item in cases if item not in kept]
    for item in neighbours:
        item.add_marker("ci")
    for pair in pairwise(items):
        if _differ_in_the_dialect_only(*pair):
            pair[crc32(pair[0].nodeid.partition("[")[0].encode()) % 2].add_marker("ci")
    if thoroughness.THIRD is not None:
        left_out = {item for item in neighbours if crc32(item.nodeid.encode()) % 3 != thoroughness.THIRD}
        config.hook.pytest_deselected(items=list(left_out))
        items[:] = [item for item in items if item not in left_out]


def _differ_in_the_dialect_only(first: pytest.Item, second: pytest.Item) -> bool:
    """Return whether two items are the cases of one test below `THINNED` whose only parameter is the dialect."""
    names = [item.nodeid.partition("[") for item in (first, second)]
    return (
        names[0][0] == names[1][0]
        and first.nodeid.startswith(THINNED)
        and {names[0][2], names[1][2]} == {"twilio]", "signalwire]"}
    )


def _cases_per_dialect(items: list[pytest.Item]) -> Iterable[tuple[str, list[pytest.Item]]]:
    """Return the cases of each parametrised test below `THINNED`, in a list per dialect, with the dialect's name."""
    cases: defaultdict[tuple[str, str], list[pytest.Item]] = defaultdict(list)
    for item in items:
        thinned = item.nodeid.startswith(THINNED)
        if thinned and isinstance(item, pytest.Function) and hasattr(item, "callspec"):
            cases[item.nodeid.partition("[")[0], str(item.callspec.params.get("dialect"))].append(item)
    return ((dialect, group) for (_, dialect), group in cases.items())


CALLBACK_FAULTS: list[str] = []
"""The rendered callbacks that do not have the wire format."""


@pytest.fixture(scope="session", autouse=True)
def check_callbacks() -> Iterator[None]:
    """Check every callback that the tests of this process render."""
    with checked_callbacks(CALLBACK_FAULTS.append):
        yield


@pytest.fixture(autouse=True)
def every_callback_has_the_wire_format(check_callbacks: None) -> Iterator[None]:
    """Fails the test if a callback without the wire format was rendered."""
    del check_callbacks
    CALLBACK_FAULTS.clear()
    yield
    assert CALLBACK_FAULTS == []


STORAGE_FAULTS: list[str] = []
"""The weak reads, and the transactions without a token of their own, that the layer has sent to DynamoDB."""


@pytest.fixture(scope="session", autouse=True)
def check_storage_requests() -> Iterator[None]:
    """Check every request that the layer sends to DynamoDB in this process, or to a database in its place."""
    with checked_storage_requests(STORAGE_FAULTS.append):
        yield


@pytest.fixture(autouse=True)
def every_storage_request_is_strict(check_storage_requests: None) -> Iterator[None]:
    """Fails the test if the layer has sent a weak read, or a transaction without a token of its own (REL-29)."""
    del check_storage_requests
    STORAGE_FAULTS.clear()
    yield
    assert STORAGE_FAULTS == []


@pytest.fixture(scope="session")
def aws() -> Iterator[None]:
    """Moto with the template's buckets and key; its DynamoDB is the one in memory, or DynamoDB Local."""
    import botocore.session
    from moto import mock_aws

    from tapedeck.bootstrap.environment import Environment, installed
    from tests.functions.databases import answering_dynamodb

    prefix = ""
    if DYNAMODB_URL:
        os.environ["AWS_ENDPOINT_URL_DYNAMODB"] = DYNAMODB_URL
        prefix = f"t{os.getpid()}-"
    # Moto intercepts requests to AWS's own hosts only, so DynamoDB Local stays reachable.
    with mock_aws(), answering_dynamodb():
        session = botocore.session.get_session()
        tables = TEMPLATE.create_tables(session.create_client("dynamodb"), prefix)
        kms: Any = session.create_client("kms")
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        buckets = TEMPLATE.create_buckets(session.create_client("s3"))
        os.environ.update(TEMPLATE.environment({**tables, **buckets, "SigningKey": key}))
        with installed(Environment(default_engine="standin")):
            yield


@pytest.fixture
def install_environment(aws: None) -> Iterator[Callable[["Environment"], object]]:
    """Make the functions use an environment until the test ends."""
    del aws  # only has to be there
    from tapedeck.bootstrap.environment import current_environment, install

    previous = current_environment()
    yield install
    install(previous)


@dataclass(frozen=True)
class TestAccount:
    """A new account: its id (32 hex digits) and its auth token."""

    __test__ = False

    id: str
    token: str


@pytest.fixture
def make_account(aws: None) -> Callable[[], TestAccount]:
    """Creates accounts that no other test uses."""
    del aws  # only needs to be set up
    from tapedeck.bootstrap import http as api_bootstrap

    def make() -> TestAccount:
        made = api_bootstrap.get_admin_services().accounts.create()
        return TestAccount(made.account, made.auth_token)

    return make


@pytest.fixture
def account(make_account: Callable[[], TestAccount]) -> TestAccount:
    """The account of this test."""
    return make_account()


@pytest.fixture(params=list(DIALECTS))
def dialect(request: pytest.FixtureRequest) -> str:
    """The dialect's name; each test runs once per dialect."""
    return str(request.param)


@pytest.fixture
def client(dialect: str, account: TestAccount) -> FunctionClient:
    """A client of the test's dialect and account."""
    return FunctionClient(DIALECTS[dialect], account.id, account.token)


@pytest.fixture(params=["api-gateway", "sam"])
def gateway(request: pytest.FixtureRequest) -> Gateway:
    """The gateway whose event format is used; each test runs once per gateway."""
    return "sam" if request.param == "sam" else "api-gateway"
