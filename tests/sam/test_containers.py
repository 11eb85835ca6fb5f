"""The functions run in Lambda's containers by the commands that `make sam-local` prints, typed as printed."""

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import pytest
import requests
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.selection import TWILIO
from tapedeck.settings import STANDIN_ACCOUNT, STANDIN_TOKEN
from tapedeck_standin.samples.data import IDLE_CALL
from tapedeck_standin.samples.replay import operation_of, readable
from tests.client import ROOT, TEMPLATE
from tests.functions.test_events import EVENTS, EXPECTED, mask, read
from tests.sam.conftest import SamLocal, Typed, type_command
from tests.thoroughness import share
from tests.wire.validator import check_response

# Starting a container per event is slow on a busy machine, and the first test waits for all reading events.
pytestmark = [pytest.mark.containers, pytest.mark.timeout(1800)]


CHOSEN: Final = share(EVENTS, operation_of)
"""One event file of each function; all of them at the size `deep`."""

READING: Final = [event for event in CHOSEN if event.name.startswith(("default.", "get_", "list_"))]
"""The events that change nothing, so their commands can run at the same time."""


@pytest.fixture(scope="session")
def typed_reading(sam_local: SamLocal) -> Iterator[Mapping[Path, Future[Typed]]]:
    """Reset the data, type the commands of the reading events, two at a time, and yield their outputs."""
    sam_local.reset()
    with ThreadPoolExecutor(2) as pool:
        typed = {event: pool.submit(type_command, sam_local.command_of(event)) for event in READING}
        wait(typed.values())
        yield typed


def check_received(answer: requests.Response, **_: Any) -> None:
    """Check the wire format of a response; also a hook of `requests`."""
    path = unquote(urlsplit(str(answer.request.url)).path)
    method, authorization = str(answer.request.method), answer.request.headers.get("Authorization")
    check_response(method, path, answer.status_code, answer.headers, answer.content, authorization=authorization)


@pytest.fixture
def client(api: str) -> Client:
    """Return a client of Twilio's SDK that calls the containers."""
    return _make_client(api, STANDIN_TOKEN)


@pytest.fixture
def call_sid(seeded: SamLocal) -> str:
    """Reset the data; return the sid of a call in progress that was never recorded."""
    del seeded
    return TWILIO.format_sid(ResourceType.CALL, IDLE_CALL)


@pytest.mark.parametrize("event", READING, ids=lambda event: event.stem)
def test_the_command_of_a_reading_event_prints_the_expected_answer(
    typed_reading: Mapping[Path, Future[Typed]], event: Path
) -> None:
    """The listed command of an event file that changes nothing prints exactly the stored answer."""
    _check(typed_reading[event].result(), event)


@pytest.mark.parametrize("event", [event for event in CHOSEN if event not in READING], ids=lambda event: event.stem)
def test_the_command_of_an_event_file_prints_the_expected_answer(seeded: SamLocal, event: Path) -> None:
    """After `make sam-local-seed`, the listed command of an event file prints exactly the stored answer."""
    _check(type_command(seeded.command_of(event)), event)


def test_each_function_has_a_typed_command() -> None:
    """The typed commands cover every function of the template."""
    assert {operation_of(event) for event in CHOSEN} == set(TEMPLATE.operations.values())


def test_the_printed_example_pauses_a_recording(seeded: SamLocal) -> None:
    """The printed example of `sam local invoke` prints the answer of its event file."""
    event = ROOT / "events" / "update_call_recording.twilio.paused.json"
    command = seeded.starting_with(".venv/bin/sam local invoke")
    assert command == seeded.command_of(event)
    _check(type_command(command), event)


def test_the_printed_request_pauses_a_recording(seeded: SamLocal, api: str) -> None:
    """The printed `curl` line gets the answer of the event file from the printed `sam local start-api`."""
    command = seeded.starting_with("curl")
    assert api in command
    answer = json.loads(type_command(command).output)
    expected = read(EXPECTED / "update_call_recording.twilio.paused.json")["body"]
    assert mask(answer, expected) == expected


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


def test_a_wrong_token_is_rejected(api: str, call_sid: str) -> None:
    """A wrong auth token is answered with 401 and code 20003."""
    client = _make_client(api, "0" * 32)
    with pytest.raises(TwilioRestException) as raised:
        client.calls(call_sid).recordings.create()
    assert (raised.value.status, raised.value.code) == (401, 20003)


def test_an_unknown_path_is_not_found(api: str) -> None:
    """A path without a route is answered by `$default` with 404 as JSON."""
    answer = requests.get(f"{api}/2010-04-01/Nothing.json", timeout=30)
    check_received(answer)
    body = answer.json()
    assert (answer.status_code, body["status"], body["code"]) == (404, 404, 20404)


def _check(typed: Typed, event: Path) -> None:
    expected = read(EXPECTED / event.name)
    answer = readable(typed.answer)
    assert mask(answer, expected) == expected
    # Without it, SAM requests the image's digest from its registry, which fails offline.
    assert "Requested to skip pulling images" in typed.errors


def _make_client(api: str, token: str) -> Client:
    http = TwilioHttpClient(request_hooks={"response": check_received})
    client = Client(TWILIO.format_sid(ResourceType.ACCOUNT, STANDIN_ACCOUNT), token, http_client=http)
    client.api.base_url = api
    return client
