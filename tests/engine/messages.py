"""A complete example of every command and event of the engine protocol."""

from typing import Any, Final

NOW: Final = 1_780_000_000_000
ACCOUNT, CALL, CONFERENCE, RECORDING = "a" * 32, "b" * 32, "c" * 32, "d" * 32
SHA256: Final = "e" * 64
PARENT: Final = {"type": "call", "id": CALL}
FETCH: Final = {"url": "https://a.example/x", "method": "GET"}
SUBSCRIPTION: Final = {"url": "https://a.example/", "method": "GET", "events": ["completed"], "dialect": "twilio"}
EVIDENCE: Final = {"n": 5, "head": SHA256}

RECORDING_STATE: Final = {
    "status": "paused", "pause_behavior": "skip", "channels": 2, "track": "both", "max_seconds": 14_400,
    "consent": {"how": "announcement", "at": NOW}, "by": "SK1",
}  # fmt: skip
PARTICIPANT_STATE: Final = {
    "muted": True, "hold": False, "coaching": True, "call_to_coach": "e" * 32, "end_conference_on_exit": False,
    "beep_on_exit": True, "announcement": FETCH, "hold_music": FETCH, "wait_music": FETCH,
}  # fmt: skip
FLOW: Final = {"url": "https://a.example/x", "method": "POST", "fallback": FETCH, "dialect": "twilio"}

COMMANDS_IN_FULL: Final[dict[str, dict[str, Any]]] = {
    **{
        f"recording.{action}": {"parent": PARENT, "recording": RECORDING, "wanted": RECORDING_STATE}
        for action in ("start", "pause", "resume", "stop")
    },
    "media.delete": {
        "parent": {"type": "conference", "id": CONFERENCE}, "recording": RECORDING,
        "wanted": {"status": "deleted", "channels": 1, "track": "both"},
    },
    "call.place": {
        "call": CALL,
        "wanted": {
            "to": "sip:a@example.com", "from": "", "caller_name": "A", "timeout": 60, "time_limit": 14_400,
            "send_digits": "1w2", "flow": {"markup": "<Response/>", "dialect": "signalwire"},
            "record": {"channels": 1, "track": "inbound", "trim": "trim-silence", "callback": SUBSCRIPTION},
            "machine_detection": {"mode": "detect_message_end", "asynchronous": True},
            "sip": {"headers": {"X-A": "b"}, "username": "a"},
        },
    },
    "call.redirect": {"call": CALL, "wanted": {"flow": FLOW, "time_limit": 60}},
    "call.hang_up": {"call": CALL, "wanted": {"status": "canceled"}},
    "call.send_digits": {"call": CALL, "wanted": {"digits": "12#"}},
    "conference.end": {"conference": CONFERENCE, "wanted": {}},
    "conference.announce": {"conference": CONFERENCE, "wanted": {"fetch": FETCH}},
    "participant.add": {
        "conference": CONFERENCE, "call": CALL,
        "wanted": {
            **PARTICIPANT_STATE, "to": "client:a", "from": "b", "label": "A", "start_conference_on_enter": True,
            "options": {"timeout": 30},
        },
    },
    "participant.update": {"conference": CONFERENCE, "call": CALL, "wanted": PARTICIPANT_STATE},
    "participant.announce": {"conference": CONFERENCE, "call": CALL, "wanted": {"fetch": FETCH}},
    "participant.remove": {"conference": CONFERENCE, "call": CALL, "wanted": {}},
    "engine.resync": {"wanted": {}},
    "engine.drain": {"wanted": {"until": NOW}},
}  # fmt: skip
"""What each command has besides the envelope."""

_CAPTURE: Final = {"parent": PARENT, "recording": RECORDING, "evidence": EVIDENCE}

EVENTS_IN_FULL: Final[dict[str, dict[str, Any]]] = {
    "call.ringing": {
        "call": CALL, "to": "client:a", "from": "", "direction": "inbound", "parent_call": "e" * 32,
        "callback": SUBSCRIPTION, "sip_call_id": "x@example.com",
    },
    "call.answered": {"call": CALL},
    "call.ended": {
        "call": CALL, "to": "client:a", "from": "b", "direction": "outbound-dial", "parent_call": "e" * 32,
        "callback": SUBSCRIPTION, "status": "busy", "sip_status": 486, "cause": 17,
    },
    "call.redirected": {"call": CALL, "version": 2},
    "call.digits_sent": {"call": CALL, "version": 3},
    "call.flow": {"call": CALL, "verb": "Dial"},
    "conference.started": {"conference": CONFERENCE, "name": "Room", "record": True, "callback": SUBSCRIPTION},
    "conference.ended": {
        "conference": CONFERENCE, "reason": "participant-with-end-conference-on-exit-left", "ending_call": CALL,
    },
    "conference.announced": {"conference": CONFERENCE, "command": "x-2-conference.announce", "version": 2},
    "conference.announcement_failed": {"conference": CONFERENCE, "command": "x-2-conference.announce", "version": 2},
    "participant.joined": {
        "conference": CONFERENCE, "call": CALL, "start_conference_on_enter": False, "end_conference_on_exit": True,
        "muted": True, "hold": True, "label": "A",
    },
    "participant.changed": {
        "conference": CONFERENCE, "call": CALL, "version": 4, "muted": True, "hold": False, "coaching": True,
        "call_to_coach": "e" * 32, "end_conference_on_exit": True, "beep_on_exit": False,
    },
    "participant.left": {"conference": CONFERENCE, "call": CALL},
    "participant.announced": {"conference": CONFERENCE, "call": CALL, "version": 5, "command": "x-5"},
    "participant.announcement_failed": {"conference": CONFERENCE, "call": CALL},
    "participant.speaking": {"conference": CONFERENCE, "call": CALL, "speaking": True},
    "recording.started": {
        **_CAPTURE, "source": "DialVerb", "call": CALL, "channels": 2, "track": "inbound", "trim": "trim-silence",
        "callback": SUBSCRIPTION, "rate": 8000, "legs": 2, "paused": True,
    },
    "recording.paused": {
        **_CAPTURE, "pause_behavior": "skip", "version": 2, "done_at": NOW, "legs": 2,
        "offset": {"samples": 201_344, "rate": 8000},
    },
    "recording.resumed": {**_CAPTURE, "pause_behavior": "silence"},
    "recording.stopped": {**_CAPTURE, "reason": "hangup", "lost_ms": 20},
    "recording.completed": {
        **_CAPTURE, "ticket": "t", "bytes": 44, "sha256": SHA256, "samples": 0, "rate": 16_000, "channels": 1,
        "evidence_entries": [{"n": 1, "type": "started"}], "recovered": True, "lost_ms": 0,
    },
    "recording.absent": {**_CAPTURE, "reason": "only_silence", "detail": "The file has zeros only."},
    "transcription.completed": {"recording": RECORDING, "transcription": "f" * 32, "text": "Hello.", "duration": 3},
    "engine.alive": {
        "live": {"calls": 3, "conferences": 1, "recordings": 2}, "capacity": {"max_calls": 100}, "draining": False,
        "disk_free_mb": 2_000, "load1": 0.5, "outbox": {"waiting": 1, "oldest_ms": 20, "parked": 0, "dead": 0},
        "uploads": {"waiting": 1, "oldest_ms": 90}, "commands_unreadable": 0, "media": {"gaps": 0, "lost_ms": 0},
    },
    "command.refused": {
        "parent": PARENT, "recording": RECORDING, "command": "x-4-recording.pause", "version": 4, "code": "gone",
        "final": True, "detail": "The capture has ended.", "call": CALL, "conference": CONFERENCE,
    },
}  # fmt: skip
"""What each event has besides the envelope, and the version if it answers a command."""

WITHOUT_ACCOUNT: Final = frozenset({"engine.alive", "engine.resync", "engine.drain"})
"""Types of messages about the engine itself."""


def command(kind: str, **more: Any) -> dict[str, Any]:
    """Return a complete command of this type."""
    envelope = {"protocol": 2, "id": f"x-4-{kind}", "type": kind, "issued_at": NOW, "not_after": NOW + 120_000}
    subject = {} if kind in WITHOUT_ACCOUNT else {"account": ACCOUNT, "version": 4}
    return {**envelope, **subject, **COMMANDS_IN_FULL[kind], **more}


def event(kind: str, **more: Any) -> dict[str, Any]:
    """Return a complete event of this type."""
    account = {} if kind in WITHOUT_ACCOUNT else {"account": ACCOUNT}
    return {"id": "0" * 32, "type": kind, "seq": 90_817, "at": NOW, **account, **EVENTS_IN_FULL[kind], **more}
