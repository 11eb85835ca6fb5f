"""The built project in Lambda's containers, as an operator's first deployment would find it."""

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

# A container for each function takes its time to start where the machine has other things to do.
pytestmark = [pytest.mark.containers, pytest.mark.timeout(900)]

ASK_THE_BUCKET: Final = frozenset(
    {
        "get_recording.signalwire.size_of_wav",
        "get_recording.twilio.part_of_wav",
        "redrive_failed_changes.told",
        *(
            f"{operation}.{dialect}.deleted"
            for operation in ("delete_recording", "delete_call_recording", "delete_conference_recording")
            for dialect in ("signalwire", "twilio")
        ),
    }
)
"""The sample events that need more than tables."""

FUNCTIONS: Final = {operation: function for function, operation in TEMPLATE.operations.items()}


@pytest.fixture(scope="module")
def sample_sam(sam: Sam) -> Iterator[tuple[Sam, Callable[[], None]]]:
    """`sam local` over tables of the sample events' own, and what brings these to where the events begin."""
    with own_tables() as variables:
        yield sam.telling(variables), make_seeding()


@pytest.fixture
def client(api: str, account: TestAccount) -> Client:
    """Twilio's SDK, pointed at the containers."""
    return _make_client(api, account, account.token)


@pytest.fixture
def call_sid(account: TestAccount) -> str:
    """A call in progress."""
    call = api_bootstrap.get_api_services().calls.register(
        account.id, to="+15550100", from_="+15550101", direction="inbound"
    )
    return TWILIO.format_sid(ResourceType.CALL, call.id)


def test_twilios_sdk_takes_a_recording_through_its_life(client: Client, call_sid: str) -> None:
    """A recording is created, paused with its pause skipped, resumed by `Twilio.CURRENT` and stopped."""
    recordings = client.calls(call_sid).recordings
    created = recordings.create()
    assert created.sid is not None
    paused = recordings(created.sid).update(status="paused", pause_behavior="skip")
    resumed = recordings("Twilio.CURRENT").update(status="in-progress")
    stopped = recordings(created.sid).update(status="stopped")
    assert [created.call_sid, paused.sid, resumed.sid, stopped.sid] == [call_sid, *[created.sid] * 3]
    assert [moment.status for moment in (created, paused, resumed, stopped)] == [
        "in-progress", "paused", "in-progress", "stopped",
    ]  # fmt: skip


def test_a_wrong_token_opens_nothing(api: str, account: TestAccount, call_sid: str) -> None:
    """Another token than the account's is answered with 401 and 20003."""
    client = _make_client(api, account, "0" * 32)
    with pytest.raises(TwilioRestException) as raised:
        client.calls(call_sid).recordings.create()
    assert (raised.value.status, raised.value.code) == (401, 20003)


def test_an_unknown_path_is_told_in_the_dialect(api: str) -> None:
    """What no route takes is answered by `$default`, with 404 as JSON."""
    answer = requests.get(f"{api}/2010-04-01/Nothing.json", timeout=30)
    body = answer.json()
    assert (answer.status_code, body["status"], body["code"]) == (404, 404, 20404)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.stem)
def test_a_container_gives_a_sample_event_its_answer(
    sample_sam: tuple[Sam, Callable[[], None]], reachable_aws: ReachableAws, event: Path
) -> None:
    """`sam local invoke` with an event file gets the answer that is written down beside it, the whole of it."""
    if event.stem in ASK_THE_BUCKET and not reachable_aws.has_buckets:
        pytest.skip("containers know this machine by name only, and a bucket's name before it would lead nowhere")
    sam, seeding = sample_sam
    seeding()
    answer = readable(sam.invoke(FUNCTIONS[operation_of(event)], event))
    expected = read(EXPECTED / event.name)
    assert mask(answer, expected) == expected


def _make_client(api: str, account: TestAccount, token: str) -> Client:
    client = Client(TWILIO.format_sid(ResourceType.ACCOUNT, account.id), token)
    client.api.base_url = api
    return client
