"""What every SDK must get to see in the scenario, by vendor (behaviour.md sections 2 to 6, resources.md 2 and 3).

Sids stand here as `CA1`, `RE2` and so on: equal names are equal sids, different names different ones.
"""

import json
import re
from typing import Any, Final

Trace = dict[str, Any]

_TWILIOS_SID: Final = re.compile(r"\b(AC|CA|CF|RE)(?:[0-9a-f]{32}|[0-9])\b")
_SIGNALWIRES_SID: Final = re.compile(
    r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b|\b(?:AC|CA|CF|RE)[0-9]\b"
)

# Status and code, Twilio's and SignalWire's.
_REFUSALS: Final[dict[str, tuple[list[int], list[int]]]] = {
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
    "no current recording": ([404, 20404], [404, 20404]),
}


def with_named_sids(vendor: str, text: str) -> str:
    """The text with each sid, spelled as the vendor does or named as here, numbered in order of appearance."""
    names: dict[str, str] = {}
    if vendor == "twilio":
        return _TWILIOS_SID.sub(lambda sid: names.setdefault(sid[0], f"{sid[1]}:{len(names)}"), text)
    return _SIGNALWIRES_SID.sub(lambda sid: names.setdefault(sid[0], f"uuid:{len(names)}"), text)


_READ_AFTER_THE_END: Final = ("read after the stop", "last conference recording")
"""Steps whose answer depends on how long the client took: a second after its end a recording is finished."""


def _is_finished(recording: Trace) -> bool:
    status, error, duration = (recording[name] for name in ("status", "error_code", "duration"))
    if status == "absent":
        return (int(error), int(duration)) == (16101, 0)
    return status == "completed" and error is None and int(duration) >= 1


def comparable(vendor: str, trace: Trace) -> Trace:
    """A trace in the form in which two of them are equal if they differ in nothing that is not the vendor's to say.

    That is the choice of sids, and whether a recording that is read after its end is finished yet.
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
    """The scenario's whole trace.

    Args:
        vendor: `twilio` or `signalwire`.
        code_of_bare_errors: what the SDK makes of SignalWire's `{"errors": […]}`, which has no code.
    """
    is_twilio = vendor == "twilio"
    account = "/2010-04-01/Accounts/AC1" if is_twilio else "/api/laml/2010-04-01/Accounts/AC1"

    def recording(sid: str, status: str, *, read: bool = False, **fields: object) -> Trace:
        return {
            "account_sid": "AC1",
            "call_sid": "CA1",
            "conference_sid": None,
            "sid": sid,
            # Twilio tells the finer states in answers to changes only.
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

    refusals: Trace = {name: statuses[0 if is_twilio else 1] for name, statuses in _REFUSALS.items()}
    for name in ("invalid status of a conference recording", "missing status of a conference recording"):
        refusals[name] = [400, 20001] if is_twilio else [422, code_of_bare_errors]
    if not is_twilio:
        refusals["current recording"] = [404, 20404]
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
        **refusals,
        "untouched": "processing" if is_twilio else "in-progress",
    }


def expected_words(vendor: str) -> str:
    """What every recipe in `examples/` prints."""
    words = """\
call CA1 is in progress
recording RE1 of it: in-progress
recording RE1: paused
recording RE1: in-progress
recording RE1: stopped
"""
    return with_named_sids(vendor, words)
