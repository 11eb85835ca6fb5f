"""The expected trace of the SDK scenario, by vendor.

Sids are written as `CA1`, `RE2` and so on: equal names are equal sids, different names different ones.
"""

import json
import re
from typing import Any, Final

Trace = dict[str, Any]

_TWILIO_SID: Final = re.compile(r"\b(AC|CA|CF|RE)(?:[0-9a-f]{32}|[0-9])\b")
_SIGNALWIRE_SID: Final = re.compile(
    r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b|\b(?:AC|CA|CF|RE)[0-9]\b"
)

# HTTP status and error code, of Twilio and of SignalWire.
_ERRORS: Final[dict[str, tuple[list[int], list[int]]]] = {
    "wrong token": ([401, 20003], [401, 20003]),
    "unknown recording": ([404, 20404], [404, 20404]),
    "unknown call": ([404, 20404], [404, 20404]),
    "unknown conference": ([404, 20404], [404, 20404]),
    "another account": ([404, 20404], [404, 20404]),
    "another account's call": ([404, 20404], [404, 20404]),
    "another call's recording": ([404, 20404], [404, 20404]),
    "invalid status": ([400, 20001], [422, 10000]),
    "missing status": ([400, 20001], [422, 10000]),
    "invalid pause behavior": ([400, 20001], [422, 10000]),
    "invalid status of a conference": ([400, 20001], [422, 21475]),
    "recording an ended call": ([400, 21220], [400, 21220]),
    "update after the stop": ([400, 21220], [400, 21220]),
    "no current recording": ([400, 21220], [404, 20404]),
}


def with_named_sids(vendor: str, text: str) -> str:
    """Return the text with every sid or its name replaced by a number in order of appearance."""
    names: dict[str, str] = {}
    if vendor == "twilio":
        return _TWILIO_SID.sub(lambda sid: names.setdefault(sid[0], f"{sid[1]}:{len(names)}"), text)
    return _SIGNALWIRE_SID.sub(lambda sid: names.setdefault(sid[0], f"uuid:{len(names)}"), text)


_READ_AFTER_THE_END: Final = ("read after the stop", "last conference recording")
"""Steps whose response depends on the client's speed: a recording is finished one second after its end."""


def _is_finished(recording: Trace) -> bool:
    status, error, duration = (recording[name] for name in ("status", "error_code", "duration"))
    if status == "absent":
        return (int(error), int(duration)) == (16101, 0)
    return status == "completed" and error is None and int(duration) >= 1


def comparable(vendor: str, trace: Trace) -> Trace:
    """Return a trace without the differences that two correct runs may have.

    These are the choice of sids, and whether a recording that is read after its end is already finished.
    """
    unfinished = (
        {"status": "processing", "duration": None} if vendor == "twilio" else {"status": "stopped", "duration": 0}
    )
    for name in _READ_AFTER_THE_END:
        if _is_finished(trace[name]):
            trace = {**trace, name: {**trace[name], **unfinished, "error_code": None}}
    named: Trace = json.loads(with_named_sids(vendor, json.dumps(trace, sort_keys=True)))
    return named


def expected_trace(vendor: str, *, code_of_bare_errors: int | None = None) -> Trace:
    """Return the expected trace of the whole scenario.

    Args:
        vendor: `twilio` or `signalwire`.
        code_of_bare_errors: the code that the SDK reports for SignalWire's `{"errors": […]}`, which has none.
    """
    is_twilio = vendor == "twilio"
    account = "/2010-04-01/Accounts/AC1" if is_twilio else "/api/laml/2010-04-01/Accounts/AC1"

    def recording(sid: str, status: str, *, read: bool = False, **fields: object) -> Trace:
        return {
            "account_sid": "AC1",
            "call_sid": "CA1",
            "conference_sid": None,
            "sid": sid,
            # Twilio shows the detailed status in responses to changes only.
            "status": "processing" if is_twilio and read else status,
            "source": "StartCallRecordingAPI" if is_twilio else "StartCallRecordingApi",
            "channels": 1,
            "duration": None if is_twilio else 0,
            "price": None,
            "error_code": None,
            "uri": f"{account}/Calls/CA1/Recordings/{sid}.json" if is_twilio else f"{account}/Recordings/{sid}.json",
            "is dated": True,
            **fields,
        }

    def conference_recording(sid: str, status: str, *, read: bool = False) -> Trace:
        return recording(
            sid,
            status,
            read=read,
            call_sid="CA2" if is_twilio else None,
            conference_sid="CF1",
            source="Conference",
            uri=f"{account}/Conferences/CF1/Recordings/{sid}.json",
        )

    def conference(status: str, reason: str | None) -> Trace:
        return {
            "account_sid": "AC1",
            "sid": "CF1",
            "status": status,
            "reason_conference_ended": reason if is_twilio else None,
            "call_sid_ending_conference": None,
            "uri": f"{account}/Conferences/CF1.json",
            "is dated": True,
        }

    errors: Trace = {name: statuses[0 if is_twilio else 1] for name, statuses in _ERRORS.items()}
    for name in ("invalid status of a conference recording", "missing status of a conference recording"):
        errors[name] = [400, 20001] if is_twilio else [422, code_of_bare_errors]
    if not is_twilio:
        errors["current recording"] = [404, 20404]
    return {
        "account": "AC1",
        "other account": "AC2",
        "call sid": "CA1",
        "created": recording("RE1", "in-progress"),
        "created again": recording("RE1", "in-progress"),
        "paused": recording("RE1", "paused"),
        "read while paused": recording("RE1", "paused", read=True),
        "resumed": recording("RE1", "in-progress"),
        "stopped": recording("RE1", "stopped"),
        "read after the stop": recording("RE1", "stopped", read=True),
        "second start": recording("RE2", "in-progress"),
        "second stop": recording("RE2", "stopped"),
        "call": {
            "account_sid": "AC1",
            "sid": "CA1",
            "status": "in-progress",
            "to": "+12025550123",
            "direction": "inbound",
            "uri": f"{account}/Calls/CA1.json",
            "is dated": True,
        },
        "conference sid": "CF1",
        "conference recording sid": "RE3",
        "conference recording paused": conference_recording("RE3", "paused"),
        "conference recording stopped": conference_recording("RE3", "stopped"),
        "last conference recording sid": "RE4",
        "conference": conference("in-progress", None),
        "conference ended": conference("completed", "conference-ended-via-api"),
        "last conference recording": conference_recording("RE4", "stopped", read=True),
        **errors,
        "untouched": "processing" if is_twilio else "in-progress",
    }


def expected_output(vendor: str) -> str:
    """Return the output of every recipe in `examples/`."""
    output = """\
call CA1 is in progress
recording RE1: in-progress
recording RE1: paused
recording RE1: in-progress
recording RE1: stopped
"""
    return with_named_sids(vendor, output)
