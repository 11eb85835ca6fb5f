"""`read_report`: from an event of the protocol to the domain's report, or to the reason why it cannot be read."""

import json
from typing import Any, Final

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tapedeck.background.event_reports import ParsedEvent, UnreadableEvent, read_report
from tapedeck.domain.call import CallStatus
from tapedeck.domain.conference import EndReason
from tapedeck.domain.engine_report import (
    AnnouncementReport,
    CallConfirmation,
    CallEndReport,
    CallProgressReport,
    CaptureAbsenceReport,
    CaptureCompletionReport,
    CaptureStartReport,
    CaptureTransitionReport,
    ConferenceEndReport,
    ConferenceStartReport,
    NewCall,
    NewRecording,
    ParticipantChangeReport,
    ParticipantJoinReport,
    ParticipantLeaveReport,
    RefusalReport,
    Report,
    SpeakingReport,
    TranscriptionReport,
)
from tapedeck.domain.recording import EvidenceHead, Parent, ParentKind, RecordingStatus, Source
from tapedeck.domain.subscription import CallbackSubscription
from tapedeck_protocol.events import CallFlow, EngineAlive
from tests.engine.messages import (
    ACCOUNT,
    CALL,
    CONFERENCE,
    EVENTS_IN_FULL,
    NOW,
    PARENT,
    RECORDING,
    SHA256,
    SUBSCRIPTION,
    event,
)
from tests.engine.test_protocol_models import published
from tests.thoroughness import scaled

OTHER: Final = "e" * 32
OF_CALL: Final = Parent(ACCOUNT, ParentKind.CALL, CALL)
HEAD: Final = EvidenceHead(5, SHA256)
CALLBACK: Final = CallbackSubscription("https://a.example/", "GET", ("completed",), "twilio")
PLAYED: Final = AnnouncementReport(CONFERENCE)

REPORTS: Final[dict[str, Report]] = {
    "call.ringing": CallProgressReport(CALL, CallStatus.RINGING, NewCall("client:a", "", "inbound", OTHER, CALLBACK)),
    "call.answered": CallProgressReport(CALL, CallStatus.IN_PROGRESS),
    "call.ended": CallEndReport(
        CALL, CallStatus.BUSY, NewCall("client:a", "b", "outbound-dial", OTHER, CALLBACK), sip_status=486
    ),
    "call.redirected": CallConfirmation(CALL),
    "call.digits_sent": CallConfirmation(CALL),
    "conference.started": ConferenceStartReport(CONFERENCE, "Room", record=True, callback=CALLBACK),
    "conference.ended": ConferenceEndReport(CONFERENCE, EndReason.END_ON_EXIT_LEFT, CALL),
    "conference.announced": PLAYED,
    "conference.announcement_failed": AnnouncementReport(CONFERENCE, has_failed=True),
    "participant.joined": ParticipantJoinReport(
        CONFERENCE, CALL, start_conference_on_enter=False, end_conference_on_exit=True, muted=True, hold=True, label="A"
    ),
    "participant.changed": ParticipantChangeReport(
        CONFERENCE, CALL, muted=True, hold=False, coaching=True, call_to_coach=OTHER, end_conference_on_exit=True,
        beep_on_exit=False,
    ),
    "participant.left": ParticipantLeaveReport(CONFERENCE, CALL),
    "participant.announced": AnnouncementReport(CONFERENCE, CALL),
    "participant.announcement_failed": AnnouncementReport(CONFERENCE, CALL, has_failed=True),
    "participant.speaking": SpeakingReport(CONFERENCE, CALL, is_speaking=True),
    "recording.started": CaptureStartReport(
        OF_CALL, RECORDING, 2, "inbound", is_paused=True,
        new=NewRecording(Source.DIAL_VERB, CALL, "trim-silence", CALLBACK), evidence=HEAD,
    ),
    "recording.paused": CaptureTransitionReport(OF_CALL, RECORDING, RecordingStatus.PAUSED, "skip", None, HEAD),
    "recording.resumed": CaptureTransitionReport(
        OF_CALL, RECORDING, RecordingStatus.IN_PROGRESS, "silence", None, HEAD
    ),
    "recording.stopped": CaptureTransitionReport(
        OF_CALL, RECORDING, RecordingStatus.STOPPED, "silence", "hangup", HEAD
    ),
    "recording.completed": CaptureCompletionReport(OF_CALL, RECORDING, "t", 44, SHA256, HEAD),
    "recording.absent": CaptureAbsenceReport(OF_CALL, RECORDING, "only_silence", HEAD),
    "transcription.completed": TranscriptionReport(RECORDING, "f" * 32, "Hello.", 3),
    "command.refused": RefusalReport("gone", True, CALL, CONFERENCE, OF_CALL, RECORDING),
}  # fmt: skip
"""The report of each example; that of `engine.alive` and of `call.flow` is the message itself."""


@pytest.mark.parametrize("kind", REPORTS)
def test_reads_the_report_of_every_event(kind: str) -> None:
    """An event becomes its envelope and the domain's report."""
    written = event(kind)
    version = written.get("version")
    assert read_report(written) == ParsedEvent("0" * 32, kind, 90_817, NOW, ACCOUNT, version, REPORTS[kind])


def test_two_messages_are_their_own_reports() -> None:
    """`engine.alive` has no account; `call.flow` changes nothing. Both are passed on as messages."""
    alive, flow = read_report(event("engine.alive")), read_report(event("call.flow"))
    assert (alive.account, alive.version, type(alive.report)) == (None, None, EngineAlive)
    assert (flow.account, flow.version, type(flow.report)) == (ACCOUNT, None, CallFlow)
    assert set(EVENTS_IN_FULL) == {*REPORTS, "engine.alive", "call.flow"}


def test_a_recording_of_a_conference() -> None:
    """The parent of a recording may be a conference."""
    parent = {"type": "conference", "id": CONFERENCE}
    report = read_report(event("recording.stopped", parent=parent)).report
    assert isinstance(report, CaptureTransitionReport)
    assert report.parent == Parent(ACCOUNT, ParentKind.CONFERENCE, CONFERENCE)


@pytest.mark.parametrize("missing", ["to", "from"])
def test_a_call_is_described_by_both_numbers(missing: str) -> None:
    """Without `to` or `from` the event does not describe a new call; an empty `from` is a withheld number."""
    written = {kind: event(kind) for kind in ("call.ringing", "call.ended")}
    for each in written.values():
        del each[missing]
    assert read_report(written["call.ringing"]).report == CallProgressReport(CALL, CallStatus.RINGING)
    assert read_report(written["call.ended"]).report == CallEndReport(CALL, CallStatus.BUSY, sip_status=486)


def test_the_url_of_a_callback_is_normalized() -> None:
    """A callback from the markup is kept in the form that is signed and sent (C-130)."""
    callback = {**SUBSCRIPTION, "url": "HTTPS://A.example/caf\u00e9?q=\u00e9#"}
    report = read_report(event("conference.started", callback=callback)).report
    assert isinstance(report, ConferenceStartReport)
    assert report.callback is not None
    assert report.callback.url == "https://A.example/caf%C3%A9?q=%C3%A9"


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (None, ("unreadable", "", None)),
        ([], ("unreadable", "", None)),
        ("text", ("unreadable", "", None)),
        ({}, ("unreadable", "type", None)),
        ({"id": "0" * 32}, ("unreadable", "type", "0" * 32)),
        (event("call.ended", type=7), ("unreadable", "type", "0" * 32)),
        (event("call.ended", type=["call.ended"]), ("unreadable", "type", "0" * 32)),
        (event("call.ended", type="call.vanished"), ("unknown_type", "type", "0" * 32)),
        (event("call.ended", type="call.vanished", id=7), ("unknown_type", "type", None)),
        (event("call.ended", type="\ud800"), ("unknown_type", "type", "0" * 32)),
        (event("call.ended", id="0" * 31), ("unreadable", "id", None)),
        (event("call.ended", at=1.5), ("unreadable", "at", "0" * 32)),
        (event("call.ended", seq=1 << 53), ("unreadable", "seq", "0" * 32)),
        (event("call.ringing", **{"from": 1}), ("unreadable", "from", "0" * 32)),
        (event("recording.paused", parent={"type": "call"}), ("unreadable", "parent.id", "0" * 32)),
        (
            event("recording.started", callback={**SUBSCRIPTION, "events": ["x", 1]}),
            ("unreadable", "callback.events", "0" * 32),
        ),
        (
            event("recording.completed", evidence_entries=[7]),
            ("unreadable", "evidence_entries", "0" * 32),
        ),
        (
            event("conference.started", callback={**SUBSCRIPTION, "url": "ftp://a.example/"}),
            ("unreadable", "callback.url", "0" * 32),
        ),
        (event("command.refused", parent=None), ("unreadable", "parent", "0" * 32)),
        (event("command.refused", recording=None), ("unreadable", "recording", "0" * 32)),
        (
            event("command.refused", parent=None, recording=None, call=None, conference=None),
            ("unreadable", "call", "0" * 32),
        ),
    ],
)
def test_names_what_cannot_be_read(raw: object, reason: tuple[str, str, str | None]) -> None:
    """An event that is not one of the protocol is refused with its reason and, if it has one, its id."""
    with pytest.raises(UnreadableEvent) as caught:
        read_report(raw)
    assert (str(caught.value.code), caught.value.detail, caught.value.event_id) == reason


# Any text, also text that cannot be encoded, as a JSON parser returns it.
TEXTS: Final = st.text(max_size=5) | st.sampled_from(["\ud800", "0" * 32, "call", *EVENTS_IN_FULL])
SCALARS: Final = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS
NAMES: Final = TEXTS | st.sampled_from(sorted({name for kind in EVENTS_IN_FULL for name in event(kind)}))
SCHEMA: Final = Draft202012Validator(published("engine-events"))
JSON: Final = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=6
)
ALMOST: Final = st.builds(
    lambda kind, change: event(kind) | change,
    st.sampled_from(sorted(EVENTS_IN_FULL)),
    st.dictionaries(NAMES, JSON, max_size=2),
)


@pytest.mark.sized
@settings(max_examples=scaled(deep=20_000, ci=2_000, fast=50), deadline=None)
@given(JSON | ALMOST)
@example(event("recording.stopped", parent=PARENT, evidence={"n": 10**400}))
def test_no_json_value_makes_it_fail(raw: Any) -> None:
    """Every JSON value is either read, or refused as unreadable or of an unknown type; the reason can be sent.

    What is read matches the published schema; an optional field may also be null.
    """
    outcome = _outcome_of(raw)
    if isinstance(outcome, UnreadableEvent):
        assert outcome.code in {"unreadable", "unknown_type"}
        assert outcome.detail.isascii()
        json.dumps([outcome.detail, outcome.event_id]).encode()
    else:
        assert (outcome.id, outcome.seq) == (raw["id"], raw["seq"])
        SCHEMA.validate({name: value for name, value in raw.items() if value is not None})


def _outcome_of(raw: object) -> ParsedEvent | UnreadableEvent:
    try:
        return read_report(raw)
    except UnreadableEvent as unreadable:
        return unreadable


def test_a_deeply_nested_event_is_read() -> None:
    """Unknown fields may be nested to any depth that a JSON parser accepts."""
    deep: Any = 1
    for _ in range(900):
        deep = {"x": [deep]}
    assert read_report(event("call.answered", unknown_field=deep)).type == "call.answered"
