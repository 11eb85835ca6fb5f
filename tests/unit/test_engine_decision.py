"""`decide`: one table of situations and reports for each kind of event, with the whole decision."""

from dataclasses import replace
from typing import Any, Final

import pytest

from tapedeck.domain.call import Call, CallStatus
from tapedeck.domain.conference import Conference, ConferenceStatus, EndReason
from tapedeck.domain.engine_decision import decide
from tapedeck.domain.engine_event import EngineEvent, EventOutcome, EventRefusal
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
from tapedeck.domain.engine_situation import (
    Apply,
    Confirm,
    Decision,
    Ignore,
    Later,
    Refuse,
    Situation,
    StateChange,
    Touch,
)
from tapedeck.domain.identity import new_id
from tapedeck.domain.participant import Participant
from tapedeck.domain.recording import Parent, ParentKind, Recording, RecordingStatus, Source

NOW: Final = 1_537_916_400_000
ACCOUNT, CALL, OTHER, ROOM, REC = ("a" * 32, *(new_id(NOW - 1_000) for _ in range(4)))
AHEAD: Final = new_id(NOW + 5_001)
S, C = RecordingStatus, CallStatus

call: Final = Call(ACCOUNT, CALL, C.IN_PROGRESS, 1, engine="one", last_event_seq=5)
ringing: Final = replace(call, status=C.RINGING)
ended: Final = replace(call, status=C.COMPLETED)
hung_up: Final = replace(ended, version=3, requested_version=3, requested_at=NOW // 1000)
placed: Final = replace(
    call, status=C.QUEUED, engine="one", last_event_seq=0, requested_version=1, placement={"timeout": 60}
)
placed_again: Final = replace(placed, version=2, requested_version=2)
redirected: Final = replace(call, version=3, requested_version=3, requested_at=NOW // 1000)
foreign_call: Final = replace(call, engine="two")

room: Final = Conference(ACCOUNT, ROOM, "Room", ConferenceStatus.IN_PROGRESS, 1, engine="one", participants=2)
over: Final = replace(room, status=ConferenceStatus.COMPLETED)
ending: Final = replace(over, version=4, requested_version=4)
announcing: Final = replace(room, version=4, requested_version=4)
foreign_room: Final = replace(room, engine="two")

inside: Final = Participant(CALL, ROOM, 1, last_event_seq=5)
gone: Final = replace(inside, left=2)
muting: Final = replace(inside, version=2, requested_version=2, requested_at=NOW // 1000)
removed: Final = replace(muting, left=2)
crossed: Final = replace(gone, last_event_seq=0)

parent: Final = Parent(ACCOUNT, ParentKind.CALL, CALL)
room_parent: Final = Parent(ACCOUNT, ParentKind.CONFERENCE, ROOM)
running: Final = Recording(
    REC, parent, S.IN_PROGRESS, Source.START_CALL_RECORDING, 1, confirmed_version=1, engine="one", last_event_seq=5
)
unstarted: Final = replace(running, engine=None, confirmed_version=0, last_event_seq=0)
unstarted_pause: Final = replace(unstarted, status=S.PAUSED, version=2)
pausing: Final = replace(running, status=S.PAUSED, version=2)
paused: Final = replace(pausing, confirmed_version=2)
own_pause: Final = replace(paused, own_version=2)
requested_again: Final = replace(pausing, own_version=1)
overtaken: Final = replace(running, version=3)
stopped: Final = replace(running, status=S.STOPPED, version=2, confirmed_version=2)
stopping: Final = replace(stopped, confirmed_version=1)
completed: Final = replace(running, status=S.COMPLETED)
absent: Final = replace(running, status=S.ABSENT)
given_up: Final = replace(absent, given_up_at=9)
deleted: Final = replace(running, status=S.DELETED)
captured: Final = replace(stopped, captured_at=9, capture_size=8, capture_sha256="ab")

new_call: Final = NewCall("+12025550100", "+12025550101", "inbound")
rings: Final = CallProgressReport(CALL, C.RINGING)
answers: Final = CallProgressReport(CALL, C.IN_PROGRESS)
hangs_up: Final = CallEndReport(CALL, C.COMPLETED)
starts_room: Final = ConferenceStartReport(ROOM, "Room")
ends_room: Final = ConferenceEndReport(ROOM, EndReason.LAST_LEFT)
announced: Final = AnnouncementReport(ROOM)
joins: Final = ParticipantJoinReport(ROOM, CALL)
mutes: Final = ParticipantChangeReport(ROOM, CALL, muted=True)
coaches: Final = ParticipantChangeReport(ROOM, CALL, coaching=True, call_to_coach=OTHER)
leaves: Final = ParticipantLeaveReport(ROOM, CALL)
starts: Final = CaptureStartReport(parent, REC)
starts_paused: Final = CaptureStartReport(parent, REC, is_paused=True)
starts_new: Final = CaptureStartReport(parent, REC, new=NewRecording(Source.RECORD_VERB))
starts_in_room: Final = CaptureStartReport(room_parent, REC, new=NewRecording(Source.CONFERENCE))
shows_call: Final = replace(starts_in_room, new=NewRecording(Source.CONFERENCE, CALL))
pauses, resumes, stops = (CaptureTransitionReport(parent, REC, to) for to in (S.PAUSED, S.IN_PROGRESS, S.STOPPED))
uploads: Final = CaptureCompletionReport(parent, REC, "ticket", 8, "ab")
is_absent: Final = CaptureAbsenceReport(parent, REC, "lost")
transcribes: Final = TranscriptionReport(REC, OTHER, "Hello.")


def refuses(code: str, *, final: bool = True, of: str = "recording") -> RefusalReport:
    """Return the refusal of a command to a recording, a call or a conference."""
    subjects: dict[str, dict[str, Any]] = {
        "recording": {"parent": parent, "recording": REC}, "call": {"call": CALL}, "conference": {"conference": ROOM},
    }  # fmt: skip
    return RefusalReport(code, final, **subjects[of])


def at(recording: Recording | None, **more: Any) -> Situation:
    """Return the situation of a recording whose capture has this key and ticket."""
    return Situation(recording=recording, ticket="ticket", **more)


def known(outcome: str) -> tuple[str, str]:
    """Return an ignored event's summary."""
    return ("ignore", outcome)


REPEATED, STALE, TAKEN = known("repeated"), known("stale"), known("taken")
LATER: Final = ("later", "")
NOT_YOURS, WRONG_STATE, BAD_ID = (("refuse", code) for code in ("not_yours", "wrong_state", "bad_id"))

Row = tuple[Situation, Report, dict[str, Any], Decision | tuple[str, str]]
"""A situation, a report, fields of the event (`seq` 6 and no version by default), and the decision or its summary."""

CALLS: Final[list[Row]] = [
    (Situation(), answers, {}, LATER),
    (Situation(), replace(answers, new=new_call), {}, Apply(StateChange.REGISTER_CALL)),
    (Situation(), replace(answers, call=AHEAD, new=new_call), {}, BAD_ID),
    (Situation(call=foreign_call), answers, {}, NOT_YOURS),
    (Situation(call=call), answers, {}, REPEATED),
    (Situation(call=call), rings, {}, STALE),
    (Situation(call=ringing), answers, {}, Apply(StateChange.ADVANCE_CALL)),
    (Situation(call=ringing), answers, {"seq": 5}, REPEATED),
    (Situation(call=ringing), answers, {"seq": 4}, STALE),
    (Situation(call=replace(ringing, engine=None)), answers, {}, Apply(StateChange.ADVANCE_CALL)),
    (Situation(call=ended), answers, {}, WRONG_STATE),
    (Situation(call=ended), answers, {"seq": 4}, STALE),
    (Situation(call=ended), answers, {"seq": 5}, REPEATED),
    (Situation(call=hung_up), answers, {}, STALE),
    (Situation(call=ringing, conference=room, participant=inside), answers, {}, Apply(StateChange.ADVANCE_PARTICIPANT)),
    (
        Situation(call=ringing, conference=room, participant=muting), answers, {"version": 2},
        Apply(StateChange.ADVANCE_PARTICIPANT, 2),
    ),
    (Situation(call=ringing, conference=room, participant=gone), answers, {}, Apply(StateChange.ADVANCE_CALL)),
    (Situation(call=ringing, conference=room), answers, {}, Apply(StateChange.ADVANCE_CALL)),
    (Situation(call=ringing, conference=over, participant=inside), answers, {}, Apply(StateChange.HANG_UP_CALL)),
    (Situation(call=call, conference=room, participant=muting), answers, {"version": 2, "seq": 1}, Confirm(2)),
    (Situation(call=placed), rings, {"version": 1}, Apply(StateChange.ADVANCE_CALL, 1)),
    (Situation(call=placed), answers, {"version": 1}, Apply(StateChange.ADVANCE_CALL, 1)),
    (Situation(call=placed), rings, {}, Apply(StateChange.ADVANCE_CALL)),
    (Situation(call=placed_again), rings, {"version": 1}, Apply(StateChange.ADVANCE_CALL)),
    (Situation(call=replace(placed, status=C.RINGING, last_event_seq=6)), rings, {"version": 1}, Confirm(1)),
    (Situation(call=replace(redirected, requested_version=1)), answers, {"version": 1}, REPEATED),
    (Situation(call=placed), refuses("unsupported", of="call"), {"version": 1}, Apply(StateChange.FAIL_CALL)),
    (Situation(call=placed), refuses("unsupported", of="call", final=False), {"version": 1}, TAKEN),
    (Situation(call=placed), refuses("gone", of="call"), {"version": 1}, TAKEN),
    (Situation(call=replace(placed, status=C.RINGING)), refuses("unsupported", of="call"), {}, TAKEN),
    (Situation(), hangs_up, {}, LATER),
    (Situation(), replace(hangs_up, new=new_call), {}, Apply(StateChange.REGISTER_CALL)),
    (Situation(), replace(hangs_up, call=AHEAD, new=new_call), {}, BAD_ID),
    (Situation(call=foreign_call), hangs_up, {}, NOT_YOURS),
    (Situation(call=call), hangs_up, {"seq": 1}, Apply(StateChange.END_CALL)),
    (Situation(call=hung_up), hangs_up, {}, Confirm(3)),
    (Situation(call=ended, conference=room, participant=removed), hangs_up, {}, Confirm(0)),
    (Situation(call=ended), hangs_up, {}, REPEATED),
    (Situation(), CallConfirmation(CALL), {"version": 3}, LATER),
    (Situation(call=foreign_call), CallConfirmation(CALL), {"version": 3}, NOT_YOURS),
    (Situation(call=redirected), CallConfirmation(CALL), {"version": 3, "seq": 1}, Confirm(3)),
    (Situation(call=redirected), CallConfirmation(CALL), {"version": 2}, STALE),
    (Situation(call=redirected), CallConfirmation(CALL), {"version": 4}, WRONG_STATE),
    (Situation(call=replace(redirected, confirmed_version=3)), CallConfirmation(CALL), {"version": 3}, REPEATED),
    (Situation(), refuses("busy", of="call"), {}, LATER),
    (Situation(call=foreign_call), refuses("busy", of="call"), {}, NOT_YOURS),
    (Situation(call=ringing), refuses("busy", of="call"), {}, Apply(StateChange.FAIL_CALL)),
    (Situation(call=ringing), refuses("bad_request", of="call"), {}, Apply(StateChange.FAIL_CALL)),
    (Situation(call=ringing), refuses("busy", of="call", final=False), {}, TAKEN),
    (Situation(call=ringing), refuses("expired", of="call"), {}, TAKEN),
    (Situation(call=call), refuses("busy", of="call"), {}, TAKEN),
]  # fmt: skip

CONFERENCES: Final[list[Row]] = [
    (Situation(), starts_room, {}, Apply(StateChange.REGISTER_CONFERENCE)),
    (Situation(), replace(starts_room, conference=AHEAD), {}, BAD_ID),
    (Situation(name_holder=over), starts_room, {}, Apply(StateChange.REGISTER_CONFERENCE)),
    (Situation(name_holder=room), starts_room, {}, LATER),
    (
        Situation(name_holder=foreign_room), starts_room, {},
        Refuse(
            EventRefusal.NAME_TAKEN, "a conference of another engine has this name",
            f"the name belongs to conference {ROOM} of engine two",
        ),
    ),
    (Situation(conference=foreign_room), starts_room, {}, NOT_YOURS),
    (Situation(conference=room), starts_room, {}, REPEATED),
    (Situation(conference=replace(room, engine=None)), starts_room, {}, Touch()),
    (Situation(conference=replace(over, engine=None)), starts_room, {}, REPEATED),
    (Situation(), ends_room, {}, LATER),
    (Situation(conference=foreign_room), ends_room, {}, NOT_YOURS),
    (Situation(conference=room), ends_room, {"seq": 1}, Apply(StateChange.END_CONFERENCE)),
    (Situation(conference=ending), ends_room, {}, Confirm(4)),
    (Situation(conference=over), ends_room, {}, REPEATED),
    (Situation(), announced, {"version": 4}, LATER),
    (Situation(conference=foreign_room), announced, {"version": 4}, NOT_YOURS),
    (Situation(conference=announcing), announced, {"version": 4}, Apply(StateChange.ANNOUNCE, 4)),
    (Situation(conference=announcing), replace(announced, has_failed=True), {"version": 4}, Confirm(4)),
    (Situation(conference=announcing), announced, {"version": 5}, WRONG_STATE),
    (Situation(conference=announcing), announced, {"version": 3}, STALE),
    (Situation(conference=replace(announcing, confirmed_version=4)), announced, {"version": 4}, REPEATED),
    (Situation(conference=replace(announcing, status=over.status)), announced, {"version": 4}, STALE),
    (Situation(conference=room), replace(announced, call=CALL), {"version": 2}, LATER),
    (Situation(conference=room, participant=muting), replace(announced, call=CALL), {"version": 2}, Confirm(2)),
    (Situation(), refuses("fetch_failed", of="conference"), {"version": 4}, LATER),
    (Situation(conference=foreign_room), refuses("fetch_failed", of="conference"), {"version": 4}, NOT_YOURS),
    (Situation(conference=announcing), refuses("fetch_failed", of="conference"), {"version": 4}, Confirm(4)),
    (Situation(conference=announcing), refuses("busy", of="conference", final=False), {"version": 4}, TAKEN),
]  # fmt: skip

PARTICIPANTS: Final[list[Row]] = [
    (Situation(conference=room), joins, {}, LATER),
    (Situation(call=call), joins, {}, LATER),
    (Situation(conference=foreign_room, call=call), joins, {}, NOT_YOURS),
    (Situation(conference=room, call=foreign_call), joins, {}, NOT_YOURS),
    (Situation(conference=room, call=call), joins, {}, Apply(StateChange.JOIN)),
    (Situation(conference=room, call=ringing), joins, {}, LATER),
    (Situation(conference=room, call=ended), joins, {}, WRONG_STATE),
    (Situation(conference=over, call=call), joins, {}, WRONG_STATE),
    (Situation(conference=room, call=call, participant=inside), joins, {}, Touch()),
    (Situation(conference=room, call=call, participant=inside), joins, {"seq": 5}, REPEATED),
    (Situation(conference=room, call=call, participant=inside), joins, {"seq": 4}, STALE),
    (Situation(conference=room, call=call, participant=muting), joins, {"version": 2, "seq": 1}, Confirm(2)),
    (Situation(conference=room, call=call, participant=gone), joins, {}, Apply(StateChange.JOIN)),
    (Situation(conference=room, call=call, participant=removed), joins, {}, STALE),
    (Situation(conference=room, call=redirected, participant=crossed), joins, {}, STALE),
    (Situation(conference=room), mutes, {}, LATER),
    (Situation(conference=foreign_room, participant=inside), mutes, {}, NOT_YOURS),
    (Situation(conference=room, participant=inside), mutes, {}, Apply(StateChange.CHANGE_PARTICIPANT)),
    (Situation(conference=room, participant=inside), mutes, {"seq": 5}, REPEATED),
    (Situation(conference=room, participant=inside), mutes, {"seq": 4}, STALE),
    (Situation(conference=room, participant=replace(inside, muted=True)), mutes, {}, Touch()),
    (Situation(conference=room, participant=muting), mutes, {}, STALE),
    (Situation(conference=room, participant=gone), mutes, {}, STALE),
    (Situation(conference=over, participant=inside), mutes, {}, STALE),
    (Situation(conference=room, participant=muting), mutes, {"version": 2, "seq": 1}, Confirm(2)),
    (Situation(conference=room, participant=muting), mutes, {"version": 1}, STALE),
    (Situation(conference=room, participant=inside), coaches, {}, WRONG_STATE),
    (Situation(conference=room, participant=inside, coached=gone), coaches, {}, WRONG_STATE),
    (Situation(conference=room, participant=inside, coached=inside), coaches, {}, WRONG_STATE),
    (
        Situation(conference=room, participant=inside, coached=replace(inside, call=OTHER)), coaches, {},
        Apply(StateChange.CHANGE_PARTICIPANT),
    ),
    (Situation(conference=room), leaves, {}, LATER),
    (Situation(conference=foreign_room, participant=inside), leaves, {}, NOT_YOURS),
    (Situation(conference=room, participant=inside), leaves, {}, Apply(StateChange.LEAVE)),
    (Situation(conference=room, participant=inside), leaves, {"seq": 4}, STALE),
    (Situation(conference=room, participant=muting), leaves, {"version": 2}, Apply(StateChange.LEAVE)),
    (Situation(conference=room, participant=muting), leaves, {"version": 1}, STALE),
    (Situation(conference=room, participant=removed), leaves, {"version": 2, "seq": 1}, Confirm(2)),
    (Situation(conference=room, participant=removed), leaves, {}, Confirm(2)),
    (Situation(conference=over, participant=muting), leaves, {}, Confirm(2)),
    (Situation(conference=room, participant=gone), leaves, {}, Touch()),
    (Situation(conference=over, participant=inside), leaves, {}, STALE),
    (Situation(conference=room), SpeakingReport(ROOM, CALL, is_speaking=True), {}, LATER),
    (Situation(conference=room, participant=inside), SpeakingReport(ROOM, CALL, is_speaking=True), {}, TAKEN),
    (
        Situation(conference=foreign_room, participant=inside), SpeakingReport(ROOM, CALL, is_speaking=True), {},
        NOT_YOURS,
    ),
]  # fmt: skip

CAPTURES: Final[list[Row]] = [
    (at(None), starts, {}, LATER),
    (at(replace(running, engine="two")), starts, {}, NOT_YOURS),
    (at(unstarted, parent=foreign_call), starts, {}, NOT_YOURS),
    (at(unstarted, parent=call), starts, {}, Apply(StateChange.START_RECORDING, 1)),
    (at(unstarted, parent=call), starts, {"version": 2}, WRONG_STATE),
    (at(replace(pausing, engine=None, confirmed_version=2)), starts, {"seq": 1}, Apply(StateChange.START_RECORDING)),
    (at(unstarted_pause), starts_paused, {"version": 2}, Apply(StateChange.START_RECORDING, 2)),
    (
        at(replace(unstarted_pause, last_event_seq=9)),
        starts_paused,
        {"version": 2, "seq": 8},
        Apply(StateChange.START_RECORDING, 1),
    ),
    (at(unstarted_pause), starts, {"version": 2}, Apply(StateChange.START_RECORDING, 1)),
    (at(unstarted_pause), starts, {"version": 1}, Apply(StateChange.START_RECORDING, 1)),
    (at(running), starts, {}, REPEATED),
    (at(pausing), starts_paused, {"version": 2}, Confirm(2)),
    (at(pausing), starts, {"version": 2}, REPEATED),
    (at(paused), starts, {}, Apply(StateChange.REPEAT_PAUSE)),
    (at(own_pause), starts, {}, Apply(StateChange.MOVE_RECORDING)),
    (at(paused), starts, {"seq": 5}, REPEATED),
    (at(paused), starts_paused, {}, REPEATED),
    (at(pausing), starts, {}, REPEATED),
    (at(replace(completed, engine=None)), starts, {}, STALE),
    (at(None, parent=call), starts_new, {}, Apply(StateChange.REGISTER_RECORDING)),
    (at(None, parent=call), replace(starts_new, recording=AHEAD), {}, BAD_ID),
    (at(None, parent=foreign_call), starts_new, {}, NOT_YOURS),
    (at(None), starts_new, {}, LATER),
    (at(None, parent=ringing), starts_new, {}, LATER),
    (at(None, parent=ended), starts_new, {}, WRONG_STATE),
    (at(None, parent=call, is_of_other_parent=True), starts_new, {}, WRONG_STATE),
    (at(None, parent=call, active_recordings=frozenset(map(str, range(45)))), starts_new, {}, WRONG_STATE),
    (at(None, parent=room), starts_in_room, {}, LATER),
    (at(None, parent=replace(room, status=ConferenceStatus.INIT)), starts_in_room, {}, LATER),
    (at(None, parent=replace(room, first_call=CALL)), starts_in_room, {}, Apply(StateChange.REGISTER_RECORDING)),
    (at(None, parent=room), shows_call, {}, LATER),
    (at(None, parent=room, shown_call=foreign_call), shows_call, {}, NOT_YOURS),
    (at(None, parent=room, shown_call=ended), shows_call, {}, Apply(StateChange.REGISTER_RECORDING)),
    (at(None), pauses, {}, LATER),
    (at(replace(running, engine="two")), pauses, {}, NOT_YOURS),
    (at(running), pauses, {}, Apply(StateChange.MOVE_RECORDING)),
    (at(running), pauses, {"seq": 5}, REPEATED),
    (at(running), pauses, {"seq": 4}, STALE),
    (at(running), resumes, {}, Touch()),
    (at(pausing), resumes, {}, Touch()),
    (at(pausing), resumes, {"seq": 4}, STALE),
    (at(overtaken), pauses, {}, STALE),
    (at(paused), resumes, {}, Apply(StateChange.REPEAT_PAUSE)),
    (at(paused), resumes, {"seq": 4}, STALE),
    (at(own_pause), resumes, {}, Apply(StateChange.MOVE_RECORDING)),
    (at(own_pause), resumes, {"seq": 4}, STALE),
    (at(own_pause), pauses, {}, Touch()),
    (at(requested_again), resumes, {}, Touch()),
    (at(requested_again), pauses, {"version": 2}, Confirm(2)),
    (at(pausing), pauses, {}, Touch()),
    (at(pausing), pauses, {"version": 2, "seq": 5}, Confirm(2)),
    (at(pausing), pauses, {"version": 2, "seq": 4}, Apply(StateChange.REPEAT_PAUSE)),
    (at(overtaken), resumes, {"version": 3, "seq": 1}, Confirm(3)),
    (at(pausing), resumes, {"version": 2}, WRONG_STATE),
    (at(pausing), pauses, {"version": 3}, WRONG_STATE),
    (at(running), stops, {"version": 2}, WRONG_STATE),
    (at(paused), pauses, {"version": 2}, REPEATED),
    (at(overtaken), pauses, {"version": 2}, Confirm(2)),
    (at(overtaken), pauses, {"version": 3}, WRONG_STATE),
    (at(stopped), pauses, {}, WRONG_STATE),
    (at(stopped), pauses, {"seq": 4}, STALE),
    (at(stopping), pauses, {}, STALE),
    (at(deleted), pauses, {}, STALE),
    (at(completed), pauses, {"version": 1}, STALE),
    (at(running), stops, {"seq": 1}, Apply(StateChange.MOVE_RECORDING)),
    (at(pausing), stops, {"version": 2}, Apply(StateChange.MOVE_RECORDING)),
    (at(paused), stops, {"version": 2}, Apply(StateChange.MOVE_RECORDING)),
    (at(stopping), stops, {"version": 2, "seq": 1}, Confirm(2)),
    (at(stopping), stops, {"seq": 1}, Confirm(2)),
    (at(replace(stopping, version=4)), stops, {"version": 2}, Confirm(4)),
    (at(replace(stopping, version=4, confirmed_version=3)), stops, {"version": 3}, Confirm(4)),
    (at(stopped), stops, {}, REPEATED),
    (at(stopped), stops, {"version": 2}, REPEATED),
    (at(completed), stops, {}, REPEATED),
    (at(completed), stops, {"version": 1}, STALE),
]

ENDS: Final[list[Row]] = [
    (at(stopped), replace(uploads, ticket="other"), {}, ("refuse", "unknown_key")),
    (at(None), uploads, {}, LATER),
    (at(replace(stopped, engine="two")), uploads, {}, NOT_YOURS),
    (at(running), uploads, {}, Apply(StateChange.MOVE_RECORDING, is_step=True)),
    (at(stopped, accepts_audio=True), uploads, {}, Apply(StateChange.NOTE_CAPTURE)),
    (at(given_up, accepts_audio=True), uploads, {}, Apply(StateChange.NOTE_CAPTURE)),
    (at(given_up), uploads, {}, WRONG_STATE),
    (at(captured), uploads, {}, REPEATED),
    (at(replace(captured, capture_size=9)), uploads, {}, WRONG_STATE),
    (at(absent), uploads, {}, WRONG_STATE),
    (at(deleted), uploads, {}, Apply(StateChange.DELETE_LATE_MEDIA)),
    (at(completed), uploads, {}, WRONG_STATE),
    (at(None), is_absent, {}, LATER),
    (at(replace(running, engine="two")), is_absent, {}, NOT_YOURS),
    (at(running), is_absent, {}, Apply(StateChange.MOVE_RECORDING, is_step=True)),
    (at(unstarted), is_absent, {}, Apply(StateChange.STOP_UNSTARTED, is_step=True)),
    (at(stopped), is_absent, {}, Apply(StateChange.FINISH_WITHOUT_MEDIA)),
    (at(given_up), is_absent, {}, Apply(StateChange.FINISH_WITHOUT_MEDIA)),
    (at(completed), is_absent, {}, REPEATED),
    (at(None), transcribes, {}, LATER),
    (at(None), replace(transcribes, transcription=AHEAD), {}, BAD_ID),
    (at(replace(completed, engine="two")), transcribes, {}, NOT_YOURS),
    (at(replace(completed, engine=None), parent=foreign_call), transcribes, {}, NOT_YOURS),
    (at(replace(completed, engine=None), parent=call), transcribes, {}, Apply(StateChange.TRANSCRIBE)),
    (at(completed), transcribes, {}, Apply(StateChange.TRANSCRIBE)),
    (at(deleted), transcribes, {}, STALE),
    (at(completed, is_of_other_parent=True), transcribes, {}, WRONG_STATE),
]

REFUSALS: Final[list[Row]] = [
    (at(None), refuses("no_space"), {"version": 1}, LATER),
    (at(replace(running, engine="two")), refuses("no_space"), {"version": 1}, NOT_YOURS),
    (at(unstarted), refuses("no_space"), {"version": 1}, Apply(StateChange.STOP_UNSTARTED, is_step=True)),
    (at(unstarted), refuses("unsupported"), {"version": 1}, Apply(StateChange.STOP_UNSTARTED, is_step=True)),
    (at(unstarted), refuses("no_space", final=False), {"version": 1}, Apply(StateChange.NOTE_REFUSAL)),
    (at(running), refuses("gone"), {"version": 1}, Apply(StateChange.MOVE_RECORDING)),
    (at(pausing), refuses("gone", final=False), {"version": 2}, Apply(StateChange.NOTE_REFUSAL)),
    (at(stopping), refuses("gone"), {"version": 2}, Confirm(2)),
    (at(stopped), refuses("gone"), {"version": 2}, REPEATED),
    (at(pausing), refuses("unsupported"), {"version": 2}, Apply(StateChange.NOTE_REFUSAL)),
    (at(pausing), refuses("busy", final=False), {"version": 2}, Apply(StateChange.NOTE_REFUSAL)),
    (
        at(replace(pausing, refused_version=2, refused_code="busy")), refuses("busy", final=False), {"version": 2},
        REPEATED,
    ),
    (at(pausing), refuses("busy", final=False), {"version": 1}, STALE),
    (at(pausing), refuses("busy", final=False), {}, TAKEN),
    (at(pausing), refuses("busy", final=False), {"version": 3}, WRONG_STATE),
    (at(pausing), refuses("gone"), {"version": 3}, WRONG_STATE),
    (at(completed), refuses("busy"), {"version": 1}, REPEATED),
]  # fmt: skip


@pytest.mark.parametrize(
    ("situation", "report", "fields", "expected"),
    [*CALLS, *CONFERENCES, *PARTICIPANTS, *CAPTURES, *ENDS, *REFUSALS],
)
def test_decides(
    situation: Situation, report: Report, fields: dict[str, Any], expected: Decision | tuple[str, str]
) -> None:
    """Each situation and report leads to one decision; a summary leaves out the reason, which is for the log."""
    event = EngineEvent(new_id(NOW), ACCOUNT, "one", fields.get("seq", 6), NOW, fields.get("version"))
    decision = decide(situation, event, report, NOW)
    assert (_summary(decision) if isinstance(expected, tuple) else decision) == expected


def _summary(decision: Decision) -> tuple[str, str]:
    match decision:
        case Ignore(outcome, reason) if reason:
            return ("ignore", str(outcome))
        case Later(reason) if reason:
            return ("later", "")
        case Refuse(code, reason, None) if reason:
            return ("refuse", str(code))
    raise AssertionError(decision)


def test_every_outcome_and_refusal_of_a_decision_occurs() -> None:
    """The table has each change, and each outcome of an ignored event."""
    rows = [*CALLS, *CONFERENCES, *PARTICIPANTS, *CAPTURES, *ENDS, *REFUSALS]
    changes = {expected.change for *_, expected in rows if isinstance(expected, Apply)}
    assert changes == set(StateChange)
    ignored = {expected[1] for *_, expected in rows if isinstance(expected, tuple) and expected[0] == "ignore"}
    assert ignored == {str(EventOutcome.REPEATED), str(EventOutcome.STALE), str(EventOutcome.TAKEN)}
