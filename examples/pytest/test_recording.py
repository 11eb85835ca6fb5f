"""Tests of an application that uses Twilio's SDK, with the fixture of `pytest-tapedeck`."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qsl

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from pytest_tapedeck import Tapedeck


@pytest.fixture
def client(tapedeck_client: Client) -> Client:
    """Twilio's client, configured for the stand-in."""
    return tapedeck_client


class Receiver(ThreadingHTTPServer):
    """The application's webhook server: stores the fields of each callback with a valid signature."""

    def __init__(self, auth_token: str) -> None:
        """Listen on a free port."""
        super().__init__(("127.0.0.1", 0), CallbackRequest)
        self.validator = RequestValidator(auth_token)
        self.callbacks: list[dict[str, str]] = []
        self.url = f"http://127.0.0.1:{self.server_port}/recordings"


class CallbackRequest(BaseHTTPRequestHandler):
    """Handles one callback."""

    server: Receiver

    def do_POST(self) -> None:
        """Reject a callback that the account did not sign."""
        fields = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        valid = self.server.validator.validate(self.server.url, fields, self.headers["X-Twilio-Signature"])
        if valid:
            self.server.callbacks.append(fields)
        self.send_response(204 if valid else 403)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's name
        """Log nothing."""


@pytest.fixture
def receiver(tapedeck: Tapedeck) -> Iterator[Receiver]:
    """A webhook server that runs during the test."""
    server = Receiver(tapedeck.auth_token)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_card_number_is_not_recorded(tapedeck: Tapedeck, client: Client) -> None:
    """A recording that was paused with `skip` does not contain the time of the pause."""
    call = tapedeck.call()
    recording = client.calls(call.sid).recordings.create()
    tapedeck.advance(20)
    client.calls(call.sid).recordings("Twilio.CURRENT").update(status="paused", pause_behavior="skip")
    tapedeck.advance(300)
    client.calls(call.sid).recordings("Twilio.CURRENT").update(status="in-progress")
    tapedeck.advance(10)
    tapedeck.hang_up(call.sid)
    tapedeck.settle()
    finished = client.recordings(recording.sid).fetch()
    assert finished.status == "completed"
    assert int(finished.duration) == 30


def test_the_application_receives_a_callback(tapedeck: Tapedeck, client: Client, receiver: Receiver) -> None:
    """A signed callback reports that the recording is completed."""
    call = tapedeck.call()
    recording = client.calls(call.sid).recordings.create(recording_status_callback=receiver.url)
    tapedeck.advance(5)
    tapedeck.hang_up(call.sid)
    tapedeck.settle()
    assert [(each["RecordingSid"], each["RecordingStatus"]) for each in receiver.callbacks] == [
        (recording.sid, "completed")
    ]


# --8<-- [start:failure]
def test_the_application_handles_a_failure(tapedeck: Tapedeck, client: Client) -> None:
    """A pause that fails once raises Twilio's exception, and succeeds when repeated."""
    call = tapedeck.call()
    client.calls(call.sid).recordings.create()
    tapedeck.fail_next("update_call_recording", status=408, code=16114)
    current = client.calls(call.sid).recordings("Twilio.CURRENT")
    with pytest.raises(TwilioRestException) as refused:
        current.update(status="paused")
    assert (refused.value.status, refused.value.code) == (408, 16114)
    assert current.update(status="paused").status == "paused"


# --8<-- [end:failure]


@pytest.mark.parametrize("number", range(8))
def test_tests_are_isolated(tapedeck: Tapedeck, client: Client, number: int) -> None:
    """Each test has its own account, in every worker."""
    calls = [tapedeck.call(to=f"+1202555010{number}", from_="+12025550199").sid for _ in range(3)]
    assert sorted(call.sid for call in client.calls.list()) == sorted(calls)
