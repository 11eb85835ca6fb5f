"""Callbacks to URLs in other spellings: what is signed is what arrives."""

import pytest
from twilio.request_validator import RequestValidator

from tapedeck.dialects.dialect import ResourceType
from tapedeck.settings import STANDIN_SIGNING_KEY
from tests.client import DIALECTS
from tests.standin.http_client import ControlClient, HttpFunctionClient, StandIn
from tests.standin.receiver import Receiver


@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize(
    ("sent", "arrives"),
    [
        ("/caf\u00e9/%C3%A9?name=J\u00fcrgen&x=%20", "/caf%C3%A9/%C3%A9?name=J%C3%BCrgen&x=%20"),
        ("?name=J\u00fcrgen", "/?name=J%C3%BCrgen"),
    ],
)
def test_the_url_that_arrives_is_signed(
    standin: StandIn, dialect: str, receiver: Receiver, method: str, sent: str, arrives: str
) -> None:
    """A URL with capitals in its scheme, letters beyond ASCII, no path or an empty fragment is called as it is signed.

    A receiver verifies the URL that arrives.
    """
    given = receiver.url(sent).replace("http://", "HTTP://") + "#"
    stored = receiver.url(arrives)
    api = HttpFunctionClient(DIALECTS[dialect], standin.account, standin.token, standin=standin)
    control = ControlClient(standin, api.sid(ResourceType.ACCOUNT, standin.account))
    call = control.post("/calls").body["sid"][dialect]
    form = {"RecordingStatusCallback": given, "RecordingStatusCallbackMethod": method}
    recording = api.post("Calls", call, "Recordings", form=form).body["sid"]
    control.post("/clock", {"advance": 5})
    control.post(f"/calls/{call}/hangup")
    control.post("/clock", {"advance": 2})
    (callback,) = receiver.wait_for(1)
    assert (callback.method, callback.fields["RecordingSid"]) == (method, recording)
    assert callback.url.startswith(stored if method == "POST" else f"{stored}&AccountSid=")
    assert (callback.url == stored) is (method == "POST")
    key = {"twilio": standin.token, "signalwire": STANDIN_SIGNING_KEY}[dialect]
    signature = RequestValidator(key).compute_signature(callback.url, callback.fields if method == "POST" else {})
    assert callback.headers["x-twilio-signature"] == signature
    control.post("/wait-until-idle", {"timeout": 60})
    (entry,) = [each for each in control.get("/callbacks").body["callbacks"] if each["url"].startswith(stored)]
    assert (entry["signature"], entry["signed"].startswith(callback.url)) == (signature, True)
