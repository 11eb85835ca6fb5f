"""A caller, an application and the stand-in between them."""

import re
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from twilio.request_validator import RequestValidator
from twilio.twiml.voice_response import VoiceResponse

from tests.standin.http_client import ControlClient, HttpFunctionClient
from tests.standin.receiver import Document, ReceivedCallback, Receiver

CALLER: Final = "+12025550143"
_PLACE: Final = {"City": "SAN FRANCISCO", "Country": "US", "State": "CA", "Zip": "94105"}
_TIMESTAMP: Final = re.compile(r"[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} \+0000\Z")

Request = tuple[str, str, dict[str, str]]
"""Method, path and the fields besides those that each request has."""


@dataclass
class Scene:
    """An account with a number, the application that answers for it, and who calls.

    Attributes:
        key: what the account's requests are signed with.
        number: the account's number.
        children: the dialed calls that `child` has found: the call that dialed each, and the number that it dialed.
    """

    dialect: str
    control: ControlClient
    api: HttpFunctionClient
    app: Receiver
    key: str
    number: str
    children: dict[str, tuple[str, str]] = field(default_factory=dict)

    def add_number(self) -> None:
        """Give the account its number, with instructions at `/voice` and a status callback at `/status`."""
        body = {
            "phone_number": self.number, "voice_url": self.app.url("/voice"),
            "status_callback": self.app.url("/status"),
        }  # fmt: skip
        assert self.control.post("/numbers", body).status == 201

    def answer(self, path: str, document: Document | VoiceResponse) -> None:
        """Let the application answer this at a path."""
        self.app.documents[path] = str(document) if isinstance(document, VoiceResponse) else document

    # What the caller does

    def call_in(self, **body: Any) -> str:
        """Call the number; return the sid of the call, which rings."""
        made = self.control.post("/calls", {"from": CALLER, "to": self.number, **body})
        assert (made.status, made.body["status"]) == (201, "ringing")
        return str(made.body["sid"][self.dialect])

    def act(self, call: str, what: str, /, **body: Any) -> Any:
        """Let the caller do something; return the answer's body."""
        answer = self.control.post(f"/calls/{call}/{what}", body)
        assert answer.status == 200, answer.body
        return answer.body

    def child(self, parent: str, to: str) -> str:
        """Return the sid of the call that a call has dialed to this address."""
        (found,) = [each for each in self.dialed(parent) if each["to"] == to]
        direction = "outbound-dial" if self.dialect == "twilio" else "outbound"
        assert (found["direction"], found["from"], found["parent_call_sid"]) == (direction, CALLER, parent)
        sid = str(found["sid"])
        self.children[sid] = (parent, to)
        return sid

    def dialed(self, parent: str) -> list[dict[str, Any]]:
        """Return the calls that a call has dialed, as the API shows them, newest first."""
        found: list[dict[str, Any]] = self.api.get("Calls", ParentCallSid=parent).body["calls"]
        return found

    # Time

    def until(self, call: str, what: str, at_most: float = 3_600) -> Any:
        """Advance the clock to a verb of a call, or to its end; return the position."""
        answer = self.control.post("/clock", {"until": what, "call": call, "at_most": at_most})
        assert answer.status == 200, answer.body
        self.rest()
        return answer.body["position"]

    def advance(self, seconds: float) -> None:
        """Advance the clock."""
        assert self.control.post("/clock", {"advance": seconds}).status == 200
        self.rest()

    def rest(self) -> None:
        """Wait until everything that is due is done."""
        answer = self.control.post("/wait-until-idle", {"timeout": 60})
        assert (answer.status, answer.body) == (200, {"left": []})

    # What there is to see

    def spoken_texts(self, call: str) -> list[str]:
        """Return what was said and played to the caller, in order."""
        played = self.control.get(f"/calls/{call}").body["played"]
        return [each.get("text") or each.get("url") or each["digits"] for each in played]

    def ending(self, call: str) -> tuple[str, str]:
        """Return status and duration of a call, as the API shows them."""
        shown = self.api.get("Calls", call).body
        return shown["status"], str(shown["duration"])

    def warnings(self, call: str) -> list[tuple[str, int, int | None, int | None]]:
        """Return level, code, line and column of each warning and error of a call."""
        found = self.control.get("/warnings", call=call).body["warnings"]
        return [(each["level"], each["code"], each["line"], each["column"]) for each in found]

    def kinds(self, call: str) -> list[str]:
        """Return the kinds of the requests for instructions of a call."""
        return [each["kind"] for each in self.control.get("/webhooks", call=call).body["webhooks"]]

    def requests(self, *calls: str) -> list[Request]:
        """Return what has arrived about these calls, in order.

        Checks of each request that it has a valid signature, and all fields of its kind with their values.
        """
        found = [(each.fields.get("CallSid", ""), each) for each in list(self.app.arrived)]
        return [self._checked(call, each) for call, each in found if call in calls]

    def _checked(self, call: str, request: ReceivedCallback) -> Request:
        header = "x-twilio-signature" if self.dialect == "twilio" else "x-signalwire-signature"
        form = request.fields if request.method == "POST" else {}
        assert RequestValidator(self.key).validate(request.url, form, request.headers[header])
        common = self._recording_fields(call, request) if "RecordingStatus" in request.fields else self._fields(call)
        assert {name: request.fields.get(name) for name in common} == common
        rest = {name: value for name, value in request.fields.items() if name not in common}
        if "CallbackSource" in rest:
            assert (rest.pop("CallbackSource"), bool(_TIMESTAMP.match(rest.pop("Timestamp")))) == (
                "call-progress-events", True,
            )  # fmt: skip
        return request.method, urlsplit(request.url).path, rest

    def _fields(self, call: str) -> dict[str, str]:
        parent, to = self.children.get(call, ("", self.number))
        shared = {
            "AccountSid": self.control.account or "", "ApiVersion": "2010-04-01", "CallSid": call,
            "Direction": "outbound-dial" if parent else "inbound", "From": CALLER, "To": to,
            **({"ParentCallSid": parent} if parent else {}),
        }  # fmt: skip
        if self.dialect == "signalwire":
            return shared
        sides = ("From", "Caller", *(("To", "Called") if to.startswith("+") else ()))
        places = {f"{side}{name}": value for side in sides for name, value in _PLACE.items()}
        return {**shared, "Called": to, "Caller": CALLER, **places}

    def _recording_fields(self, call: str, request: ReceivedCallback) -> dict[str, str]:
        (recording,) = self.api.get("Calls", call, "Recordings").body["recordings"]
        account, sid = self.control.account, recording["sid"]
        base = self.api.dialect.account_uri(self.api.account)
        port = self.control.standin.port
        return {
            "AccountSid": account or "", "CallSid": call, "RecordingSid": sid,
            "RecordingUrl": f"http://127.0.0.1:{port}{base}/Recordings/{sid}",
            **({"RecordingStartTime": request.fields["RecordingStartTime"]} if self.dialect == "twilio" else {}),
        }  # fmt: skip


def with_sid(request: Request, *names: str) -> Request:
    """Return a request without the fields that name a recording, which must be there."""
    method, path, fields = request
    assert set(names) <= fields.keys()
    return method, path, {name: value for name, value in fields.items() if name not in names}
