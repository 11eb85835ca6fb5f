"""Real clients, SDKs and public applications send these requests: tests/wire/data/client_requests."""

import pytest

from tests.client import FunctionClient
from tests.conftest import DYNAMODB_URL
from tests.functions.cases import check, make_sids
from tests.functions.objects import Objects
from tests.functions.stage import Stage, Wire
from tests.wire.facts import ClientRequests, load

pytestmark = pytest.mark.skipif(bool(DYNAMODB_URL), reason="these requests do not depend on the database")

REQUESTS = [(dialect, requests) for requests in load().client_requests for dialect in requests.dialects]
IDS = [f"{dialect}-{requests.name}" for dialect, requests in REQUESTS]


@pytest.mark.parametrize(("dialect", "requests"), REQUESTS, ids=IDS)
def test_clients_get_the_right_answers(
    client: FunctionClient, stage: Stage, objects: Objects, wire: Wire, requests: ClientRequests
) -> None:
    """The API answers what clients send, and requests close to it, as the vendor does."""
    sids = make_sids(client, stage, objects)
    for case in (*requests.cases, *requests.neighbours):
        if client.dialect.name in (case.dialects or requests.dialects):
            check(client, wire, case, sids)


def test_each_kind_of_request_has_neighbours() -> None:
    """Each file states at least three requests that are close to those of real clients."""
    assert [requests.name for requests in load().client_requests if len(requests.neighbours) < 3] == []
