"""The fields of callbacks in both dialects, and the events that a subscription selects."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tapedeck.dialects.callback_selection import callbacks_in
from tapedeck.dialects.forms.create_participant import (
    CONFERENCE_EVENTS,
    CONFERENCE_RECORDING_EVENTS,
    LEG_RECORDING_EVENTS,
)
from tapedeck.domain.call import CallStatus
from tapedeck.domain.conference import Conference, ConferenceStatus, EndReason
from tapedeck.domain.notification import (
    ConferenceEvent,
    ConferenceNotification,
    LeaveReason,
    RecordingEvent,
    participant_changes,
)
from tapedeck.domain.participant import Participant
from tapedeck.domain.recording import Parent, ParentKind, Recording, RecordingStatus, Source
from tests.conventions.sources import PACKAGE, modules
from tests.thoroughness import scaled
from tests.wire.callbacks import check_callback
from tests.wire.facts import load

Fields = dict[str, str]

START = 1_537_916_400
"""Tuesday, 25 September 2018, 23:00:00 UTC."""

ORIGINS = {"twilio": "https://api.twilio.com", "signalwire": "https://example.signalwire.com"}
BOTH = pytest.mark.parametrize("dialect", ORIGINS)

ACCOUNT = "720796a08ee9435083bd2d07a3121f1e"
CALL = "43bb71ee553f4074bb208e2747647cce"
CONFERENCE = "2071320dee82457884e0379fb227eb77"

CALL_RECORDING = Recording(
    "19e436af56884307b03bbdb2b42b8142",
    Parent(ACCOUNT, ParentKind.CALL, CALL),
    RecordingStatus.IN_PROGRESS,
    Source.START_CALL_RECORDING,
    START,
    call=CALL,
    started=START,
)
COMPLETED = replace(CALL_RECORDING, status=RecordingStatus.COMPLETED, duration=4, ended=START + 4, updated=START + 6)
ABSENT = replace(CALL_RECORDING, status=RecordingStatus.ABSENT, error=16101, ended=START, updated=START + 6)
CONFERENCE_RECORDING = replace(
    COMPLETED,
    id="5b1d7a520c3e4f6a9d7b8f2c6e4a1b03",
    parent=Parent(ACCOUNT, ParentKind.CONFERENCE, CONFERENCE),
    source=Source.CONFERENCE,
)
LIVE = Conference(
    ACCOUNT, CONFERENCE, "My Conference Room", ConferenceStatus.IN_PROGRESS, START, sequence=3, participants=2
)
ENDED = replace(
    LIVE, status=ConferenceStatus.COMPLETED, participants=0, sequence=4, ended=START + 6, updated=START + 6,
    reason=EndReason.LAST_LEFT, ending_call=CALL,
)  # fmt: skip
PARTICIPANT = Participant(CALL, CONFERENCE, START, label="customer", muted=True)
END = ConferenceNotification(ENDED, ConferenceEvent.END, START + 6, 4)

SID, UUID = f"AC{ACCOUNT}", "720796a0-8ee9-4350-83bd-2d07a3121f1e"
CALL_SID, CALL_UUID = f"CA{CALL}", "43bb71ee-553f-4074-bb20-8e2747647cce"
CONFERENCE_SID, CONFERENCE_UUID = f"CF{CONFERENCE}", "2071320d-ee82-4578-84e0-379fb227eb77"
RECORDINGS = f"https://api.twilio.com/2010-04-01/Accounts/{SID}/Recordings"
RECORDINGS_SIGNALWIRE = f"https://example.signalwire.com/api/laml/2010-04-01/Accounts/{UUID}/Recordings"


# --- Complete examples ------------------------------------------------------------------------------------------------


def _twilio_call_recording(status: str, **more: str) -> Fields:
    return {
        "AccountSid": SID,
        "CallSid": CALL_SID,
        "RecordingSid": "RE19e436af56884307b03bbdb2b42b8142",
        "RecordingUrl": f"{RECORDINGS}/RE19e436af56884307b03bbdb2b42b8142",
        "RecordingStatus": status,
        **({"RecordingDuration": "4"} if status == "completed" else {}),
        "RecordingChannels": "1",
        "RecordingStartTime": "Tue, 25 Sep 2018 23:00:00 +0000",
        "RecordingSource": "StartCallRecordingAPI",
        "RecordingTrack": "both",
        "ErrorCode": "0",
        **more,
    }


def _signalwire_call_recording(status: str, duration: str = "0") -> Fields:
    return {
        "AccountSid": UUID,
        "CallSid": CALL_UUID,
        "RecordingSid": "19e436af-5688-4307-b03b-bdb2b42b8142",
        "RecordingUrl": f"{RECORDINGS_SIGNALWIRE}/19e436af-5688-4307-b03b-bdb2b42b8142",
        "RecordingStatus": status,
        "RecordingDuration": duration,
        "RecordingChannels": "1",
        "RecordingSource": "StartCallRecordingApi",
    }


SIGNALWIRE_EVENTS = ("in-progress", "completed", "absent")
"""All recording events of SignalWire's dialect."""

EXAMPLES: dict[str, Fields] = {
    "twilio.callback.call_recording.in-progress": _twilio_call_recording("in-progress"),
    "twilio.callback.call_recording.completed": _twilio_call_recording("completed"),
    "twilio.callback.call_recording.absent": _twilio_call_recording("absent", ErrorCode="16101"),
    "twilio.callback.conference_recording.completed": {
        "AccountSid": SID,
        "ConferenceSid": CONFERENCE_SID,
        "RecordingSid": "RE5b1d7a520c3e4f6a9d7b8f2c6e4a1b03",
        "RecordingUrl": f"{RECORDINGS}/RE5b1d7a520c3e4f6a9d7b8f2c6e4a1b03",
        "RecordingStatus": "completed",
        "RecordingDuration": "4",
        "RecordingChannels": "1",
        "RecordingStartTime": "Tue, 25 Sep 2018 23:00:00 +0000",
        "RecordingSource": "Conference",
        "RecordingTrack": "both",
        "ErrorCode": "0",
    },
    "twilio.callback.conference.end": {
        "ConferenceSid": CONFERENCE_SID,
        "FriendlyName": "My Conference Room",
        "AccountSid": SID,
        "SequenceNumber": "4",
        "Timestamp": "Tue, 25 Sep 2018 23:00:06 +0000",
        "StatusCallbackEvent": "conference-end",
        "CallSidEndingConference": CALL_SID,
        "ReasonConferenceEnded": "last-participant-left",
        "Reason": f"Participant with CallSid {CALL_SID} left the conference",
    },
    "signalwire.callback.call_recording.in-progress": _signalwire_call_recording("in-progress"),
    "signalwire.callback.call_recording.completed": _signalwire_call_recording("completed", "4"),
    "signalwire.callback.call_recording.absent": _signalwire_call_recording("absent"),
    "signalwire.callback.conference.end": {
        "AccountSid": UUID,
        "ConferenceSid": CONFERENCE_UUID,
        "EventName": "end",
        "FriendlyName": "My Conference Room",
        "StatusCallbackEvent": "conference-end",
        "Timestamp": "Tue, 25 Sep 2018 23:00:06 +0000",
    },
}
"""Complete examples of callbacks, by name."""

NOTIFIED: dict[str, tuple[Recording, RecordingEvent] | ConferenceNotification] = {
    "call_recording.in-progress": (CALL_RECORDING, RecordingEvent.IN_PROGRESS),
    "call_recording.completed": (COMPLETED, RecordingEvent.COMPLETED),
    "call_recording.absent": (ABSENT, RecordingEvent.ABSENT),
    "conference_recording.completed": (CONFERENCE_RECORDING, RecordingEvent.COMPLETED),
    "conference.end": END,
}


def render(dialect: str, notification: tuple[Recording, RecordingEvent] | ConferenceNotification) -> Fields:
    """Render one callback; return its form fields, which are checked against the wire format."""
    callbacks = callbacks_in(dialect)
    if isinstance(notification, ConferenceNotification):
        fields = callbacks.conference(notification, ORIGINS[dialect])
        check_callback(dialect, "conference", fields)
    else:
        fields = callbacks.recording(*notification, ORIGINS[dialect])
        check_callback(dialect, "recording", fields)
    return fields


@pytest.mark.parametrize("name", EXAMPLES)
def test_renders_each_example(name: str) -> None:
    """The callback of each example event has exactly its fields, in the same order (C-74)."""
    dialect, _, noun = name.partition(".callback.")
    assert list(render(dialect, NOTIFIED[noun]).items()) == list(EXAMPLES[name].items())


# --- Recordings ------------------------------------------------------------------------------------------------------

SOURCES = {
    "DialVerb": "DialVerb",
    "Conference": "Conference",
    "OutboundAPI": "OutBoundApi",
    "Trunking": "Trunking",
    "RecordVerb": "RecordVerb",
    "StartCallRecordingAPI": "StartCallRecordingApi",
    "StartConferenceRecordingAPI": "StartConferenceRecording",
    "StartCallRecordingTwiML": "StartCallRecordingTwiML",
}
"""Twilio's `RecordingSource` and SignalWire's spelling of it."""


@pytest.mark.parametrize("source", Source)
def test_spells_the_source_by_dialect(source: Source) -> None:
    """`RecordingSource` uses the dialect's spelling; Twilio's callback about a `<Record>` names no track."""
    notification = replace(CALL_RECORDING, source=source), RecordingEvent.IN_PROGRESS
    fields = {**_twilio_call_recording("in-progress"), "RecordingSource": source}
    if source is Source.RECORD_VERB:
        del fields["RecordingTrack"]
    assert render("twilio", notification) == fields
    assert render("signalwire", notification) == {
        **_signalwire_call_recording("in-progress"),
        "RecordingSource": SOURCES[source],
    }


def test_shows_channels_and_track() -> None:
    """Both dialects show the channels; only Twilio's shows the track."""
    notification = replace(CALL_RECORDING, channels=2, track="inbound"), RecordingEvent.IN_PROGRESS
    changed = {"RecordingChannels": "2", "RecordingTrack": "inbound"}
    assert render("twilio", notification) == {**_twilio_call_recording("in-progress"), **changed}
    assert render("signalwire", notification) == {**_signalwire_call_recording("in-progress"), "RecordingChannels": "2"}


def test_signalwire_shows_call_and_conference() -> None:
    """SignalWire's callback of a conference recording has the first participant's call and the conference (C-70)."""
    assert list(render("signalwire", NOTIFIED["conference_recording.completed"]).items()) == [
        ("AccountSid", UUID),
        ("CallSid", CALL_UUID),
        ("ConferenceSid", CONFERENCE_UUID),
        ("RecordingSid", "5b1d7a52-0c3e-4f6a-9d7b-8f2c6e4a1b03"),
        ("RecordingUrl", f"{RECORDINGS_SIGNALWIRE}/5b1d7a52-0c3e-4f6a-9d7b-8f2c6e4a1b03"),
        ("RecordingStatus", "completed"),
        ("RecordingDuration", "4"),
        ("RecordingChannels", "1"),
        ("RecordingSource", "Conference"),
    ]


@pytest.mark.parametrize("event", [each for each in RecordingEvent if each is not RecordingEvent.COMPLETED])
def test_shows_the_state_at_the_event(event: RecordingEvent) -> None:
    """The status is that of the event, even if the recording is completed by now; only `completed` has a duration."""
    assert render("twilio", (COMPLETED, event)) == _twilio_call_recording(event)
    if event in SIGNALWIRE_EVENTS:
        assert render("signalwire", (COMPLETED, event)) == _signalwire_call_recording(event)


def test_shows_the_error_code_of_absent_only() -> None:
    """Only `absent` shows the error code, or 0 without one; earlier events show 0."""
    assert render("twilio", (ABSENT, RecordingEvent.IN_PROGRESS)) == _twilio_call_recording("in-progress")
    silent = replace(ABSENT, error=16102), RecordingEvent.ABSENT
    assert render("twilio", silent) == _twilio_call_recording("absent", ErrorCode="16102")
    assert render("twilio", (replace(ABSENT, error=None), RecordingEvent.ABSENT)) == _twilio_call_recording("absent")


@pytest.mark.parametrize(
    ("dialect", "words"),
    [
        ("twilio", ("started", "in-progress", "paused", "resumed", "stopped", "completed", "absent")),
        ("signalwire", SIGNALWIRE_EVENTS),
    ],
)
def test_recording_words_select_events(dialect: str, words: tuple[str, ...]) -> None:
    """Each word subscribes to the event of its name; `failed` is accepted, and nothing is sent for it (C-69)."""
    callbacks = callbacks_in(dialect)
    for word in (*LEG_RECORDING_EVENTS, *CONFERENCE_RECORDING_EVENTS):
        assert callbacks.recording_events([word]) == ({word} if word in words else set())
    assert callbacks.recording_events(LEG_RECORDING_EVENTS) == set(words)
    assert callbacks.recording_events(["failed", "completed"]) == {RecordingEvent.COMPLETED}
    assert callbacks.recording_events(["", "deleted"]) == frozenset()


# --- Conferences -----------------------------------------------------------------------------------------------------

WORDS = {
    "start": {"conference-start"},
    "end": {"conference-end"},
    "join": {"participant-join"},
    "leave": {"participant-leave"},
    "mute": {"participant-mute", "participant-unmute"},
    "hold": {"participant-hold", "participant-unhold"},
    "modify": {"participant-modify"},
    "speaker": {"participant-speech-start", "participant-speech-stop"},
    "announcement": {"announcement-end", "announcement-fail"},
}
"""The values of `StatusCallbackEvent` that each word subscribes to."""

NAMES = {event: f"participant-{event}" for event in ConferenceEvent} | {
    ConferenceEvent.START: "conference-start",
    ConferenceEvent.END: "conference-end",
    ConferenceEvent.ANNOUNCEMENT_END: "announcement-end",
    ConferenceEvent.ANNOUNCEMENT_FAIL: "announcement-fail",
}
OF_PARTICIPANTS = [each for each in ConferenceEvent if each not in {ConferenceEvent.START, ConferenceEvent.END}]
NEVER_IN_SIGNALWIRE = {ConferenceEvent.MODIFY, ConferenceEvent.ANNOUNCEMENT_END, ConferenceEvent.ANNOUNCEMENT_FAIL}


def _twilio_head(event: ConferenceEvent, sequence: str = "3") -> Fields:
    return {
        "ConferenceSid": CONFERENCE_SID,
        "FriendlyName": "My Conference Room",
        "AccountSid": SID,
        "SequenceNumber": sequence,
        "Timestamp": "Tue, 25 Sep 2018 23:00:02 +0000",
        "StatusCallbackEvent": NAMES[event],
    }


def _signalwire_head(event: ConferenceEvent) -> Fields:
    return {
        "AccountSid": UUID,
        "ConferenceSid": CONFERENCE_UUID,
        "EventName": str(event),
        "FriendlyName": "My Conference Room",
        "StatusCallbackEvent": NAMES[event],
        "Timestamp": "Tue, 25 Sep 2018 23:00:02 +0000",
    }


_STATE = {"Muted": "true", "Hold": "false", "EndConferenceOnExit": "false", "StartConferenceOnEnter": "true"}
_TWILIO_STATE = {**_STATE, "Coaching": "false", "ParticipantLabel": "customer"}


@pytest.mark.parametrize("event", OF_PARTICIPANTS)
def test_participant_events_show_the_participant(event: ConferenceEvent) -> None:
    """Participant events show the call and its state in the conference; Twilio's also coaching and the label."""
    notification = ConferenceNotification(LIVE, event, START + 2, 3, PARTICIPANT)
    assert render("twilio", notification) == {**_twilio_head(event), "CallSid": CALL_SID, **_TWILIO_STATE}
    if event not in NEVER_IN_SIGNALWIRE:
        assert render("signalwire", notification) == {**_signalwire_head(event), "CallSid": CALL_UUID, **_STATE}


def test_spells_booleans_as_words() -> None:
    """Booleans are `true` or `false`; a missing label is omitted."""
    participant = Participant(
        CALL, CONFERENCE, START, hold=True, coaching=True, end_conference_on_exit=True, start_conference_on_enter=False
    )
    notification = ConferenceNotification(LIVE, ConferenceEvent.HOLD, START + 2, 3, participant)
    state = {"Muted": "false", "Hold": "true", "EndConferenceOnExit": "true", "StartConferenceOnEnter": "false"}
    head = _twilio_head(ConferenceEvent.HOLD)
    assert render("twilio", notification) == {**head, "CallSid": CALL_SID, **state, "Coaching": "true"}
    assert render("signalwire", notification) == {
        **_signalwire_head(ConferenceEvent.HOLD),
        "CallSid": CALL_UUID,
        **state,
    }


def test_leave_shows_the_reason() -> None:
    """Twilio's `participant-leave` shows the reason and the call's status; no other event does."""
    notification = ConferenceNotification(
        LIVE, ConferenceEvent.LEAVE, START + 2, 3, PARTICIPANT, LeaveReason.UPDATED_VIA_API, CallStatus.IN_PROGRESS
    )
    reasons = {"ReasonParticipantLeft": "participant_updated_via_api", "ParticipantCallStatus": "in-progress"}
    head = _twilio_head(ConferenceEvent.LEAVE)
    assert render("twilio", notification) == {**head, "CallSid": CALL_SID, **_TWILIO_STATE, **reasons}
    assert render("signalwire", notification) == {
        **_signalwire_head(ConferenceEvent.LEAVE),
        "CallSid": CALL_UUID,
        **_STATE,
    }
    joined = render("twilio", replace(notification, event=ConferenceEvent.JOIN))
    assert joined == {**_twilio_head(ConferenceEvent.JOIN), "CallSid": CALL_SID, **_TWILIO_STATE}


def test_conference_events_show_no_participant() -> None:
    """The start of a conference and an announcement to all have no participant fields."""
    starts = ConferenceNotification(LIVE, ConferenceEvent.START, START + 2, 2)
    for notification in (starts, replace(starts, participant=PARTICIPANT)):
        assert render("twilio", notification) == _twilio_head(ConferenceEvent.START, "2")
        assert render("signalwire", notification) == _signalwire_head(ConferenceEvent.START)
    announced = replace(starts, event=ConferenceEvent.ANNOUNCEMENT_END)
    assert render("twilio", announced) == _twilio_head(ConferenceEvent.ANNOUNCEMENT_END, "2")


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        (
            "participant-with-end-conference-on-exit-left",
            f"Participant with CallSid {CALL_SID} and EndConferenceOnExit left the conference",
        ),
        (
            "participant-with-end-conference-on-exit-kicked",
            f"Participant with CallSid {CALL_SID} and EndConferenceOnExit was removed from the conference",
        ),
        ("last-participant-kicked", f"Participant with CallSid {CALL_SID} was removed from the conference"),
        ("last-participant-left", f"Participant with CallSid {CALL_SID} left the conference"),
    ],
)
def test_end_shows_the_ending_participant(reason: str, sentence: str) -> None:
    """The end shows the ending participant's call and label, and the reason as a code and a sentence (C-76)."""
    conference = replace(ENDED, reason=EndReason(reason))
    assert list(render("twilio", replace(END, conference=conference, participant=PARTICIPANT)).items()) == [
        *list(EXAMPLES["twilio.callback.conference.end"].items())[:7],
        ("ParticipantLabelEndingConference", "customer"),
        ("ReasonConferenceEnded", reason),
        ("Reason", sentence),
    ]


def test_end_via_api_shows_no_participant() -> None:
    """The end of a conference that was ended through the API shows no call."""
    conference = replace(ENDED, reason=EndReason.VIA_API, ending_call=None)
    fields = {
        **EXAMPLES["twilio.callback.conference.end"],
        "ReasonConferenceEnded": "conference-ended-via-api",
        "Reason": "The conference was ended via API",
    }
    del fields["CallSidEndingConference"]
    assert render("twilio", replace(END, conference=conference)) == fields


def test_signalwire_end_shows_the_recording() -> None:
    """SignalWire's end shows a finished recording, its file size if known, and no participant."""
    notification = replace(END, participant=PARTICIPANT, recording=CONFERENCE_RECORDING)
    recorded = [
        *EXAMPLES["signalwire.callback.conference.end"].items(),
        ("Duration", "4"),
        ("RecordingUrl", f"{RECORDINGS_SIGNALWIRE}/5b1d7a52-0c3e-4f6a-9d7b-8f2c6e4a1b03"),
    ]
    assert list(render("signalwire", notification).items()) == recorded
    sized = replace(notification, file_size=90_786)
    assert list(render("signalwire", sized).items()) == [*recorded, ("RecordingFileSize", "90786")]
    assert render("twilio", replace(sized, participant=None)) == EXAMPLES["twilio.callback.conference.end"]


@pytest.mark.parametrize("word", WORDS)
def test_conference_words_select_events(word: str) -> None:
    """Each word subscribes to its events; SignalWire has neither modifications nor announcements (C-77)."""
    selected = {name: callbacks_in(name).conference_events([word]) for name in ORIGINS}
    assert {NAMES[event] for event in selected["twilio"]} == WORDS[word]
    assert selected["signalwire"] == (frozenset() if word in {"modify", "announcement"} else selected["twilio"])


@BOTH
def test_several_words_select_all_their_events(dialect: str) -> None:
    """All words select every event of the dialect; unknown words select none."""
    callbacks = callbacks_in(dialect)
    never = NEVER_IN_SIGNALWIRE if dialect == "signalwire" else set()
    assert callbacks.conference_events(CONFERENCE_EVENTS) == set(ConferenceEvent) - never
    assert set(CONFERENCE_EVENTS) == set(WORDS)
    assert callbacks.conference_events(["", "conference-end"]) == frozenset()


# --- Any state --------------------------------------------------------------------------------------------------------

FIELDS = {
    (dialect, noun): list(callback.of(dialect).fields)
    for noun, callback in load().callbacks.bodies.items()
    for dialect in ORIGINS
}
"""Every documented field, in order."""

IDS = st.integers(min_value=0, max_value=2**128 - 1).map(lambda number: f"{number:032x}")
SECONDS = st.integers(min_value=0, max_value=4_102_444_800)
RECORDINGS_OF_ANY_KIND = st.builds(
    Recording,
    id=IDS,
    parent=st.builds(Parent, account=IDS, kind=st.sampled_from(ParentKind), id=IDS),
    status=st.sampled_from(RecordingStatus),
    source=st.sampled_from(Source),
    updated=SECONDS,
    call=st.none() | IDS,
    channels=st.sampled_from([1, 2]),
    track=st.sampled_from(["inbound", "outbound", "both"]),
    started=st.none() | SECONDS,
    ended=st.none() | SECONDS,
    duration=st.none() | st.integers(min_value=0, max_value=10**6),
    error=st.none() | st.sampled_from([16101, 16102]),
    callback=st.none(),
)
PARTICIPANTS = st.builds(
    Participant,
    call=IDS,
    conference=IDS,
    joined=SECONDS,
    label=st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    muted=st.booleans(),
    hold=st.booleans(),
    coaching=st.booleans(),
    call_to_coach=st.none() | IDS,
    end_conference_on_exit=st.booleans(),
    start_conference_on_enter=st.booleans(),
    options=st.just({}),
)
NOTIFICATIONS = st.builds(
    ConferenceNotification,
    conference=st.builds(
        Conference,
        account=IDS,
        id=IDS,
        name=st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
        status=st.sampled_from(ConferenceStatus),
        updated=SECONDS,
        reason=st.none() | st.sampled_from(EndReason),
        ending_call=st.none() | IDS,
        callback=st.none(),
    ),
    event=st.sampled_from(ConferenceEvent),
    at=SECONDS,
    sequence=st.integers(min_value=1, max_value=10**6),
    participant=st.none() | PARTICIPANTS,
    leave_reason=st.none() | st.sampled_from(LeaveReason),
    call_status=st.none() | st.sampled_from(CallStatus),
    recording=st.none() | RECORDINGS_OF_ANY_KIND,
    file_size=st.none() | st.integers(min_value=0, max_value=10**9),
)
often = settings(max_examples=scaled(deep=500, ci=120, fast=15), deadline=None, database=None)


def _assert_well_formed(noun: str, dialect: str, fields: Fields) -> None:
    order = FIELDS[dialect, noun]
    assert list(fields) == [name for name in order if name in fields]
    assert all(type(value) is str and value for value in fields.values())
    assert not {"None", "True", "False"} & set(fields.values()) - {fields.get("FriendlyName")}


@BOTH
@pytest.mark.sized
@often
@given(recording=RECORDINGS_OF_ANY_KIND, event=st.sampled_from(RecordingEvent))
def test_sends_no_empty_field_of_a_recording(dialect: str, recording: Recording, event: RecordingEvent) -> None:
    """Any recording yields only documented fields, in order, none of them empty (C-73)."""
    assume(dialect == "twilio" or event in SIGNALWIRE_EVENTS)
    fields = render(dialect, (recording, event))
    _assert_well_formed("recording", dialect, fields)
    optional = {"CallSid", "ConferenceSid", "RecordingDuration", "RecordingStartTime", "RecordingTrack"}
    assert set(FIELDS[dialect, "recording"]) - optional <= set(fields)
    of_call = recording.parent.kind is ParentKind.CALL
    assert ("ConferenceSid" in fields) is not of_call
    assert ("CallSid" in fields) is (recording.call is not None and (of_call or dialect == "signalwire"))


@BOTH
@pytest.mark.sized
@often
@given(notification=NOTIFICATIONS)
def test_sends_no_empty_field_of_a_conference(dialect: str, notification: ConferenceNotification) -> None:
    """Any conference yields only documented fields, in order, none of them empty."""
    assume(dialect == "twilio" or notification.event not in NEVER_IN_SIGNALWIRE)
    fields = render(dialect, notification)
    _assert_well_formed("conference", dialect, {**fields, **_fixed_labels(fields)})
    always = {"AccountSid", "ConferenceSid", "StatusCallbackEvent", "Timestamp"}
    assert always <= set(fields)
    ends = notification.event is ConferenceEvent.END
    assert not ends or not {"CallSid", "Muted", "ReasonParticipantLeft"} & set(fields)
    assert ends or not {"Reason", "CallSidEndingConference", "RecordingUrl", "Duration"} & set(fields)


def _fixed_labels(fields: Fields) -> Fields:
    """Return the label fields with a fixed value: a label may contain any text."""
    return {name: "x" for name in fields if "Label" in name}


# --- Changes of participants ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "events"),
    [
        ({}, ()),
        ({"muted": True}, ("mute",)),
        ({"hold": True}, ("hold",)),
        ({"coaching": True, "call_to_coach": CONFERENCE}, ("modify",)),
        ({"call_to_coach": CONFERENCE}, ("modify",)),
        ({"end_conference_on_exit": True}, ("modify",)),
        ({"muted": True, "hold": True, "end_conference_on_exit": True}, ("mute", "hold", "modify")),
        ({"beep_on_exit": True}, ()),
        ({"version": 7, "updated": START, "sequence": 9}, ()),
    ],
)
def test_events_of_participant_changes(change: dict[str, Any], events: tuple[str, ...]) -> None:
    """Muting and holding have their own events; other visible changes are `modify`; invisible changes have none."""
    before = Participant(CALL, CONFERENCE, START)
    after = replace(before, **change)
    assert participant_changes(before, after) == events
    back = {"mute": "unmute", "hold": "unhold", "modify": "modify"}
    assert participant_changes(after, before) == tuple(back[event] for event in events)


# --- Imports ----------------------------------------------------------------------------------------------------------


def test_only_callbacks_load_callbacks() -> None:
    """Only requests for instructions import the callback modules: functions that send nothing start without them."""
    found = modules(PACKAGE / "dialects")
    callbacks = {module for module in found if module.path.stem in {"callbacks", "callback_selection"}}
    loading = {
        module
        for module in found
        for name in module.imports()
        if name.startswith("tapedeck.dialects.") and {"callbacks", "callback_selection"} & set(name.split(".")[2:])
    }
    assert {str(module).partition("/dialects/")[2] for module in callbacks} == {
        "callback_selection.py", "callbacks.py", "signalwire/callbacks.py", "twilio/callbacks.py",
    }  # fmt: skip
    assert loading == {module for module in callbacks if module.path.parent.name != "dialects"} | {
        module for module in found if module.path.stem in {"callback_selection", "instructions"}
    }
