"""The side of the suite that a connector does not see: clients of the public API, the control API and the queue."""

import base64
import json
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from tapedeck_standin.telephony.sqs_wire import SQS_ACCOUNT, SQS_PATH

_TIMEOUT_SECONDS: Final = 30
_TAKE_SECONDS: Final = 5
_LOOK_SECONDS: Final = 0.02


class RequestFailed(Exception):
    """The stand-in refused a request of the suite; the text has the status and the body."""


class StandInClient:
    """Uses the stand-in as a customer, as an operator, and as the sender of commands.

    Args:
        url: URL of the stand-in.
        account: id of the account.
        token: its auth token.
        engine: name of the engine.
    """

    def __init__(self, url: str, account: str, token: str, engine: str) -> None:
        self._url = url
        self._engine = engine
        self._api = f"/2010-04-01/Accounts/AC{account}"
        credentials = base64.b64encode(f"AC{account}:{token}".encode()).decode()
        self._authorization = f"Basic {credentials}"

    def create_engine(self, name: str) -> str:
        """Register a further engine; return its token."""
        return str(self._control("POST", "engines", {"name": name})["token"])

    def create_call(self) -> str:
        """Create a call that is in progress and belongs to the engine; return its id."""
        return self._id(self._control("POST", "calls", {"engine": self._engine}))

    def end_call(self, call: str) -> None:
        """End a call as its engine does; nothing happens if it has ended."""
        with suppress(RequestFailed):
            self._control("POST", f"calls/CA{call}/hangup", {})

    def hang_up(self, call: str) -> None:
        """Request the end of a call, as a customer; nothing happens if it has ended."""
        with suppress(RequestFailed):
            self._send("POST", f"{self._api}/Calls/CA{call}.json", form={"Status": "completed"})

    def presence(self) -> str:
        """Return the presence of the engine, such as `alive`."""
        engines = self._control("GET", "engines")["engines"]
        return next((str(each["presence"]) for each in engines if each["name"] == self._engine), "unknown")

    def start_recording(self, call: str) -> str:
        """Request a recording of a call, as a customer; return its id."""
        made = self._send("POST", f"{self._api}/Calls/CA{call}/Recordings.json", form={})
        return str(made["sid"])[2:]

    def update_recording(self, call: str, recording: str, status: str) -> None:
        """Request another status of a recording, as a customer."""
        form = {"Status": status, **({"PauseBehavior": "silence"} if status == "paused" else {})}
        self._send("POST", f"{self._api}/Calls/CA{call}/Recordings/RE{recording}.json", form=form)

    def delete_recording(self, recording: str) -> None:
        """Delete a recording, as a customer."""
        self._send("DELETE", f"{self._api}/Recordings/RE{recording}.json")

    def status_of(self, recording: str) -> str:
        """Return the status of a recording, as a customer sees it."""
        return str(self._send("GET", f"{self._api}/Recordings/RE{recording}.json")["status"])

    def send(self, body: str) -> str:
        """Send a message to the engine's queue; return its message id."""
        sent: str = self._sqs("SendMessage", MessageBody=body)["MessageId"]
        return sent

    def take(self, recording: str, count: int) -> Sequence[Mapping[str, Any]]:
        """Take this many commands of a recording out of the queue; those of others stay there."""
        taken: list[Mapping[str, Any]] = []
        others: list[str] = []
        deadline = time.monotonic() + _TAKE_SECONDS
        while len(taken) < count and time.monotonic() < deadline:
            for message in self._sqs("ReceiveMessage", MaxNumberOfMessages=10).get("Messages", ()):
                self._sqs("DeleteMessage", ReceiptHandle=message["ReceiptHandle"])
                content = json.loads(message["Body"])
                if content.get("recording") == recording:
                    taken.append(content)
                else:
                    others.append(message["Body"])
            time.sleep(_LOOK_SECONDS)
        for body in others:
            self.send(body)
        return taken

    def open_session(self, token: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Open a session of the engine, as another connector."""
        return self._send("POST", "/engine/v2/sessions", body, authorization=f"Bearer {token}")

    def _control(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        return self._send(method, f"/_standin/{path}", body)

    def _sqs(self, operation: str, **parameters: Any) -> Mapping[str, Any]:  # noqa: ANN401 - JSON
        url = f"{self._url}{SQS_PATH}/{SQS_ACCOUNT}/engine-{self._engine}"
        return self._send("POST", SQS_PATH, {"QueueUrl": url, **parameters}, target=f"AmazonSQS.{operation}")

    def _send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        form: Mapping[str, str] | None = None,
        target: str = "",
        authorization: str = "",
    ) -> Mapping[str, Any]:
        headers = {"Authorization": authorization or self._authorization}
        data = json.dumps(body).encode() if body is not None else None
        if data is not None:
            headers["Content-Type"] = "application/json"
        if form is not None:
            data, headers["Content-Type"] = urlencode(form).encode(), "application/x-www-form-urlencoded"
        if target:
            headers["X-Amz-Target"] = target
        request = Request(f"{self._url}{path}", data, headers, method=method)  # noqa: S310 - the stand-in's URL
        try:
            with urlopen(request, timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310 - as above
                content = answer.read()
        except HTTPError as error:
            raise RequestFailed(f"{method} {path}: {error.code} {error.read().decode(errors='replace')}") from error
        return json.loads(content) if content else {}

    def _id(self, made: Mapping[str, Any]) -> str:
        return str(made["sid"]["twilio"])[2:]
