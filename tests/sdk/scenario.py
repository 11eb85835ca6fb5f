"""The scenario: requests through a vendor's Python SDK and a trace of the responses.

Both vendors' clients have one interface; only `Twilio.CURRENT` differs. This module also runs in SignalWire's
environment, so it imports only `requests`, which both SDKs install.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import requests

Trace = dict[str, Any]


@dataclass(frozen=True)
class Place:
    """A stand-in with two accounts: sids in the vendor's format, `vendor` as in the control API."""

    vendor: str
    url: str
    control_url: str
    account: str
    token: str
    other_account: str

    def trigger(self, path: str, account: str = "") -> Any:
        """Trigger a telephony event through the control API; return its response."""
        body = {"account": account or self.account}
        answer = requests.post(f"{self.control_url}/_standin/{path}", json=body, timeout=60)
        answer.raise_for_status()
        return answer.json()

    def create(self, path: str, account: str = "") -> str:
        """Create a resource through the control API; return its sid."""
        sid: str = self.trigger(path, account)["sid"][self.vendor]
        return sid


@dataclass(frozen=True)
class Sdk:
    """A vendor's SDK: its client factory (account, token), its exception, its marker for omitted values."""

    make_client: Callable[[str, str], Any]
    exception: type[Exception]
    unset: object
    has_current: bool

    def error_of(self, request: Callable[[], object]) -> list[Any]:
        """Return status and code of the exception that the request raises."""
        try:
            answer = request()
        except self.exception as error:
            return [vars(error)["status"], vars(error)["code"]]
        raise AssertionError(f"no error: {answer!r}")


def perform(sdk: Sdk, place: Place) -> Trace:
    """Run the whole scenario; return its trace."""
    client = sdk.make_client(place.account, place.token)
    return {
        "account": place.account,
        "other account": place.other_account,
        **_record_a_call(sdk, place, client),
        **_record_a_conference(sdk, place, client),
        **_get_errors(sdk, place, client),
    }


def _record_a_call(sdk: Sdk, place: Place, client: Any) -> Trace:
    call_sid = place.create("calls")
    recordings = client.calls(call_sid).recordings
    created = recordings.create()
    current = "Twilio.CURRENT" if sdk.has_current else created.sid
    trace: Trace = {"call sid": call_sid, "created": _recording(created)}
    trace["created again"] = _recording(recordings.create())
    trace["paused"] = _recording(recordings(created.sid).update(status="paused", pause_behavior="skip"))
    trace["read while paused"] = _recording(recordings(created.sid).fetch())
    trace["resumed"] = _recording(recordings(current).update(status="in-progress"))
    trace["stopped"] = _recording(recordings(created.sid).update(status="stopped"))
    trace["read after the stop"] = _recording(recordings(created.sid).fetch())
    second = recordings.create()
    trace["second start"] = _recording(second)
    # Also through the returned instance.
    trace["second stop"] = _recording(second.update(status="stopped"))
    trace["call"] = _call(client.calls(call_sid).fetch())
    return trace


def _record_a_conference(sdk: Sdk, place: Place, client: Any) -> Trace:
    conference_sid = place.create("conferences")
    recording_sid = place.create(f"conferences/{conference_sid}/recordings")
    conference = client.conferences(conference_sid)
    current = "Twilio.CURRENT" if sdk.has_current else recording_sid
    trace: Trace = {"conference sid": conference_sid, "conference recording sid": recording_sid}
    paused = conference.recordings(current).update(status="paused", pause_behavior="skip")
    trace["conference recording paused"] = _recording(paused)
    stopped = conference.recordings(recording_sid).update(status="stopped")
    trace["conference recording stopped"] = _recording(stopped)
    last_sid = place.create(f"conferences/{conference_sid}/recordings")
    trace["last conference recording sid"] = last_sid
    trace["conference"] = _conference(conference.fetch())
    trace["conference ended"] = _conference(conference.update(status="completed"))
    trace["last conference recording"] = _recording(conference.recordings(last_sid).fetch())
    return trace


def _get_errors(sdk: Sdk, place: Place, client: Any) -> Trace:
    call_sid, ended_sid = place.create("calls"), place.create("calls")
    recordings = client.calls(call_sid).recordings
    stopped_sid = recordings.create().sid
    recordings(stopped_sid).update(status="stopped")
    running_sid = recordings.create().sid
    place.trigger(f"calls/{ended_sid}/hangup")
    foreign_sid = place.create("calls", place.other_account)
    conference_sid = place.create("conferences")
    conference = client.conferences(conference_sid)
    conference_recording_sid = place.create(f"conferences/{conference_sid}/recordings")
    intruder = sdk.make_client(place.account, "not-the-token")
    foreigner = client.api.v2010.accounts(place.other_account)
    unknown_sid = call_sid.replace("CA", "RE")
    requests_by_name: dict[str, Callable[[], object]] = {
        "wrong token": intruder.calls(call_sid).recordings.create,
        "unknown recording": lambda: recordings(unknown_sid).update(status="paused"),
        "unknown call": client.calls(conference_sid.replace("CF", "CA")).recordings.create,
        "unknown conference": lambda: client.conferences(call_sid.replace("CA", "CF")).update(status="completed"),
        "another account": foreigner.calls(foreign_sid).recordings.create,
        "another account's call": client.calls(foreign_sid).fetch,
        "another call's recording": lambda: client.calls(ended_sid).recordings(running_sid).update(status="paused"),
        "invalid status": lambda: recordings(running_sid).update(status="halted"),
        "missing status": lambda: recordings(running_sid).update(status=sdk.unset),
        "invalid pause behavior": lambda: recordings(running_sid).update(status="paused", pause_behavior="hum"),
        "invalid status of a conference recording": lambda: conference.recordings(conference_recording_sid).update(
            status="halted"
        ),
        "missing status of a conference recording": lambda: conference.recordings(conference_recording_sid).update(
            status=sdk.unset
        ),
        "invalid status of a conference": lambda: conference.update(status="halted"),
        "recording an ended call": client.calls(ended_sid).recordings.create,
        "update after the stop": lambda: recordings(stopped_sid).update(status="paused"),
        "no current recording": lambda: client.calls(ended_sid).recordings("Twilio.CURRENT").update(status="paused"),
    }
    if not sdk.has_current:
        requests_by_name["current recording"] = lambda: recordings("Twilio.CURRENT").update(status="paused")
    trace = {name: sdk.error_of(request) for name, request in requests_by_name.items()}
    # None of the failed requests changed anything.
    return {**trace, "untouched": _recording(recordings(running_sid).fetch())["status"]}


def _recording(recording: Any) -> Trace:
    fields = ("account_sid", "call_sid", "conference_sid", "sid", "status", "source", "channels", "duration", "price")
    times = (recording.date_created, recording.date_updated, recording.start_time)
    return {
        **{name: getattr(recording, name) for name in (*fields, "error_code", "uri")},
        "is dated": all(isinstance(time, datetime) for time in times),
    }


def _call(call: Any) -> Trace:
    fields = ("account_sid", "sid", "status", "to", "direction", "uri")
    is_dated = isinstance(call.start_time, datetime) and call.end_time is None
    return {**{name: getattr(call, name) for name in fields}, "is dated": is_dated}


def _conference(conference: Any) -> Trace:
    fields = ("account_sid", "sid", "status", "reason_conference_ended", "call_sid_ending_conference", "uri")
    times = (conference.date_created, conference.date_updated)
    is_dated = all(isinstance(time, datetime) for time in times)
    return {**{name: getattr(conference, name) for name in fields}, "is dated": is_dated}
