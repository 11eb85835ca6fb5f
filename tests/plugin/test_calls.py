"""The calls of the pytest plugin, through a real stand-in."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from pytest_tapedeck.client import Call, CallElsewhere, Refused, Tapedeck, WebhookMissing
from pytest_tapedeck.server import Server, running_server

MENU = '<Response><Say>Press one</Say><Gather numDigits="1" timeout="30" action="/menu"/></Response>'
VOICEMAIL = '<Response><Record timeout="2" action="/done"/></Response>'
DIAL = "<Response><Dial>+12025550144</Dial><Say>Bye</Say></Response>"
ANSWERS = {"/voice": MENU, "/menu": VOICEMAIL, "/done": "<Response><Say>Thank you</Say></Response>"}


class Application(BaseHTTPRequestHandler):
    """Answers each path with its document."""

    def do_POST(self) -> None:
        """Answer a request for instructions."""
        self.rfile.read(int(self.headers["Content-Length"]))
        body = ANSWERS[self.path].encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Log nothing."""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A stand-in whose clock is frozen."""
    with running_server(("--clock", "frozen")) as started:
        yield started


@pytest.fixture
def tapedeck(server: Server) -> Tapedeck:
    """A client with an account of its own."""
    return Tapedeck.with_fresh_account(server.url)


@contextmanager
def application() -> Iterator[str]:
    """Run the application, and return its URL."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Application) as listening:
        Thread(target=listening.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listening.server_port}"
        listening.shutdown()


def test_a_call_goes_through_a_menu_to_a_voicemail(tapedeck: Tapedeck) -> None:
    """The instructions come from the voice URL of the number; keys, speech and the clock take it to its end."""
    with application() as url:
        number = tapedeck.number("+12025550177", voice_url=f"{url}/voice")
        assert number.startswith("PN")
        call = tapedeck.inbound(from_="+12025550143", to="+12025550177")
        position = call.wait_for("Gather")
        assert position is not None
        assert (position["verb"], position["waits_for"]) == ("Gather", ["digits"])
        assert (call.position, call.course["position"], call.status) == (position, position, "in-progress")
        assert [call.press("1"), call.wait_for("Record") is not None] == [True, True]
        call.speak(3, "billing")
        assert (call.wait_for("ended"), call.status) == (None, "completed")
        assert [each["text"] for each in call.played] == ["Press one", "Thank you"]
        assert [each["kind"] for each in call.webhooks()] == ["voice", "action", "action"]
        assert call.webhooks(kind="action") == tapedeck.webhooks(call.sid)[1:]
        voice = tapedeck.expect_webhook("voice", call.sid)
        assert (voice["url"], voice["parameters"]["From"]) == (f"{url}/voice", "+12025550143")
        assert call.webhooks("action")[1]["parameters"]["RecordingDuration"] == "5"


@pytest.mark.parametrize(
    ("decide", "status"),
    [
        (Call.busy, "busy"), (Call.decline, "busy"), (Call.no_answer, "no-answer"), (Call.fail, "failed"),
    ],
)  # fmt: skip
def test_a_party_decides_what_becomes_of_its_call(
    tapedeck: Tapedeck, decide: Callable[[Call], None], status: str
) -> None:
    """A dialed call that rings gets its outcome from the test, after which the call of its caller goes on."""
    tapedeck.party("+12025550144", outcome="manual")
    call = tapedeck.inbound(twiml=DIAL)
    call.wait_for("Dial")
    (child,) = call.children
    assert (child.status, child.children) == ("ringing", [])
    decide(child)
    call.wait_for("ended")
    assert (child.status, [each["text"] for each in call.played]) == (status, ["Bye"])


def test_a_party_answers_and_hangs_up(tapedeck: Tapedeck) -> None:
    """A dialed call is answered, and ends with a hang-up."""
    tapedeck.party("+12025550144", outcome="manual")
    call = tapedeck.inbound(twiml=DIAL)
    call.wait_for("Dial")
    (child,) = call.children
    child.answer()
    tapedeck.advance(5)
    assert child.status == "in-progress"
    child.hang_up()
    assert child.status == "completed"
    with pytest.raises(Refused) as raised:
        child.hang_up()
    assert raised.value.status == 409


def test_a_rule_of_the_caller_counts(tapedeck: Tapedeck) -> None:
    """`party` says what the caller does, and `parameters` are in its requests."""
    with application() as url:
        call = tapedeck.inbound(url=f"{url}/voice", party={"hangup_after": 3}, parameters={"Tariff": "gold"})
        call.wait_for("ended")
        assert call.status == "completed"
        assert call.webhooks("voice")[0]["parameters"]["Tariff"] == "gold"


def test_the_fallback_is_requested(tapedeck: Tapedeck) -> None:
    """If nothing answers at the URL, the fallback is requested, and the error is among the warnings of the call."""
    with application() as url:
        call = tapedeck.inbound(url="http://127.0.0.1:9/voice", fallback_url=f"{url}/done")
        call.wait_for("ended")
        assert [each["kind"] for each in call.webhooks()] == ["voice", "fallback"]
        assert [each["text"] for each in call.played] == ["Thank you"]
        assert [each["level"] for each in call.warnings()] == ["error"]
        assert call.warnings(code=12100) == []


def test_a_stream_is_closed(tapedeck: Tapedeck) -> None:
    """A call whose `<Connect>` waits for a stream goes on when the stream is closed."""
    call = tapedeck.inbound(twiml='<Response><Connect><Stream url="wss://x/y" name="s"/></Connect></Response>')
    call.wait_for("Connect")
    call.close_stream("s")
    call.wait_for("ended")
    assert call.status == "completed"


def test_a_call_of_the_application_is_found(tapedeck: Tapedeck) -> None:
    """`call` with a sid in either format returns the call; an unknown one, and fields besides, are errors."""
    made = tapedeck.inbound(twiml=MENU)
    assert tapedeck.call(made.sid) == tapedeck.call(made.id) == made
    with pytest.raises(Refused) as raised:
        tapedeck.call("CA" + "0" * 32)
    assert raised.value.status == 404
    with pytest.raises(TypeError, match="either a sid, to find a call, or fields"):
        tapedeck.call(made.sid, status="ringing")


def test_a_browser_calls_an_application(tapedeck: Tapedeck) -> None:
    """The instructions of a call to `app:` and the sid of an application come from its voice URL."""
    with application() as url:
        made = tapedeck.application(voice_url=f"{url}/done")
        call = tapedeck.inbound(from_="client:ann", to=f"app:{made}")
        call.wait_for("ended")
        assert [each["url"] for each in call.webhooks()] == [f"{url}/done"]


def test_a_call_that_does_not_come_there_is_explained(tapedeck: Tapedeck) -> None:
    """The error says where the call is; `where` is named in that of an unknown verb, and what is missing in others."""
    call = tapedeck.inbound(twiml=MENU)
    call.wait_for("Gather")
    with pytest.raises(CallElsewhere) as raised:
        call.wait_for("Record", at_most=5)
    assert raised.value.position == call.position
    assert str(raised.value) == (
        f"call {call.sid} has not come to Record within 5 s of its account's clock, or nothing more happens by itself. "
        "It is at Gather, waiting for ['digits']."
    )
    with pytest.raises(WebhookMissing) as missing:
        tapedeck.expect_webhook("voice", call.sid, timeout=0)
    assert missing.value.webhooks == []
    assert f"no request for instructions of kind voice of {call.sid} within 0 s" in str(missing.value)
    with pytest.raises(Refused) as refused:
        call.wait_for("")
    assert '"field":"where"' in str(refused.value)
