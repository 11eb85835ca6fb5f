"""The built project runs in Lambda's containers."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
import requests
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from tapedeck.bootstrap import http as api_bootstrap
from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.selection import TWILIO
from tapedeck_standin.samples.replay import make_seeding, operation_of, readable
from tests.client import TEMPLATE
from tests.conftest import TestAccount
from tests.functions.test_events import EVENTS, EXPECTED, mask, own_tables, read
from tests.sam.conftest import ReachableAws, Sam

# Starting a container per function is slow on a busy machine.
pytestmark = [pytest.mark.containers, pytest.mark.timeout(900)]

NEED_BUCKETS: Final = frozenset(
    {
        "get_recording.signalwire.size_of_wav",
        "get_recording.twilio.part_of_wav",
        "redrive_failed_changes.published",
        *(
            f"{operation}.{dialect}.deleted"
            for operation in ("delete_recording", "delete_call_recording", "delete_conference_recording")
            for dialect in ("signalwire", "twilio")
        ),
    }
)
"""The sample events that need a bucket."""

FUNCTIONS: Final = {operation: function for function, operation in TEMPLATE.operations.items()}


@pytest.fixture(scope="module")
def sample_sam(sam: Sam) -> Iterator[tuple[Sam, Callable[[], None]]]:
    """Yield `sam local` with separate tables for the sample events, and a function that seeds them."""
    with own_tables() as variables:
        yield sam.with_variables(variables), make_seeding()


@pytest.fixture
def client(api: str, account: TestAccount) -> Client:
    """Return a client of Twilio's SDK that calls the containers."""
    return _make_client(api, account, account.token)


@pytest.fixture
def call_sid(account: TestAccount) -> str:
    """Register a call in progress; return its sid."""
    call = api_bootstrap.get_api_services().calls.register(
        account.id, to="+15550100", from_="+15550101", direction="inbound"
    )
    return TWILIO.format_sid(ResourceType.CALL, call.id)


def test_twilios_sdk_controls_a_recording(client: Client, call_sid: str) -> None:
    """A recording is created, paused with `skip`, resumed by `Twilio.CURRENT` and stopped."""
    recordings = client.calls(call_sid).recordings
    created = recordings.create()
    assert created.sid is not None
    paused = recordings(created.sid).update(status="paused", pause_behavior="skip")
    resumed = recordings("Twilio.CURRENT").update(status="in-progress")
    stopped = recordings(created.sid).update(status="stopped")
    assert [created.call_sid, paused.sid, resumed.sid, stopped.sid] == [call_sid, *[created.sid] * 3]
    assert [response.status for response in (created, paused, resumed, stopped)] == [
        "in-progress", "paused", "in-progress", "stopped",
    ]  # fmt: skip


def test_a_wrong_token_is_rejected(api: str, account: TestAccount, call_sid: str) -> None:
    """A wrong auth token is answered with 401 and code 20003."""
    client = _make_client(api, account, "0" * 32)
    with pytest.raises(TwilioRestException) as raised:
        client.calls(call_sid).recordings.create()
    assert (raised.value.status, raised.value.code) == (401, 20003)


def test_an_unknown_path_is_not_found(api: str) -> None:
    """A path without a route is answered by `$default` with 404 as JSON."""
    answer = requests.get(f"{api}/2010-04-01/Nothing.json", timeout=30)
    body = answer.json()
    assert (answer.status_code, body["status"], body["code"]) == (404, 404, 20404)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.stem)
def test_a_sample_event_gets_its_expected_result(
    sample_sam: tuple[Sam, Callable[[], None]], reachable_aws: ReachableAws, event: Path
) -> None:
    """`sam local invoke` with an event file returns exactly the stored result."""
    if event.stem in NEED_BUCKETS and not reachable_aws.has_buckets:
        pytest.skip("containers reach this machine by name only, which a bucket prefix would make unresolvable")
    sam, seeding = sample_sam
    seeding()
    answer = readable(sam.invoke(FUNCTIONS[operation_of(event)], event))
    expected = read(EXPECTED / event.name)
    assert mask(answer, expected) == expected


def _make_client(api: str, account: TestAccount, token: str) -> Client:
    client = Client(TWILIO.format_sid(ResourceType.ACCOUNT, account.id), token)
    client.api.base_url = api
    return client
