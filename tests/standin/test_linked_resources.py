"""Twilio's SDK and plain HTTP clients follow the links of calls and recordings."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import requests
from twilio.rest import Client

from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.selection import TWILIO
from tests.conftest import TestAccount
from tests.standin.http_client import ControlClient, StandIn


@pytest.fixture
def sdk(standin: StandIn, account: TestAccount) -> Iterator[Client]:
    """Twilio's SDK, pointed at the stand-in."""
    client = Client(TWILIO.format_sid(ResourceType.ACCOUNT, account.id), account.token)
    client.api.base_url = f"http://127.0.0.1:{standin.port}"
    yield client
    client.http_client.session.close()


def test_the_sdk_reads_every_linked_list(sdk: Client, control: ControlClient) -> None:
    """The lists that the SDK has below calls and recordings can be read; those without items are empty."""
    call = sdk.calls(control.post("/calls").body["sid"]["twilio"])
    recording = call.recordings.create()
    assert call.notifications.list(log=1, limit=5) == []
    assert call.events.list(limit=5) == []
    assert [each.sid for each in call.recordings.list()] == [recording.sid]
    assert sdk.recordings(recording.sid).add_on_results.list() == []
    assert sdk.recordings(recording.sid).transcriptions.list() == []


def test_clients_replace_the_suffix_of_a_recording(
    sdk: Client, standin: StandIn, account: TestAccount, control: ControlClient
) -> None:
    """`uri` with `.mp3` in place of `.json` is the audio, at each address of a recording, with credentials."""
    call = sdk.calls(control.post("/calls").body["sid"]["twilio"])
    recording = call.recordings.create()
    assert control.post("/clock", {"advance": 5}).status == 200
    call.update(status="completed")
    assert control.post("/clock", {"advance": 5}).status == 200
    assert control.post("/wait-until-idle", {"timeout": 60}).status == 200

    nested = call.recordings(recording.sid).fetch().uri
    of_account = urlsplit(sdk.recordings(recording.sid).fetch().media_url).path + ".json"
    assert nested != of_account
    auth = (TWILIO.format_sid(ResourceType.ACCOUNT, account.id), account.token)
    contents = []
    for uri in (nested, of_account):
        answer = requests.get(f"http://127.0.0.1:{standin.port}{uri.replace('.json', '.mp3')}", auth=auth, timeout=60)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "audio/mpeg")
        contents.append(answer.content)
    assert contents[0] == contents[1]
