"""Engine commands and domain events of a change: derived from the stored items alone, and repeatable."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import pytest

from tapedeck.background.outbound import commands_for_change, domain_events, pending_command
from tapedeck.domain.call import Call, CallStatus
from tapedeck.domain.conference import Conference, ConferenceStatus
from tapedeck.domain.engine_command import Command, CommandKind, with_new_request
from tapedeck.domain.engine_event import EngineEvent
from tapedeck.domain.identity import new_id
from tapedeck.domain.participant import Participant, ParticipantStatus
from tapedeck.domain.recording import Parent, ParentKind, Recording, RecordingStatus, Source
from tapedeck.ports.changes import Change, Resource
from tapedeck.ports.messaging import DomainEvent

NOW: Final = 1_537_916_400
ACCOUNT, CALL, CONFERENCE, RECORDING, OTHER = (f"{digit}" * 32 for digit in "12345")
OF_CALL = Parent(ACCOUNT, ParentKind.CALL, CALL)
OF_CONFERENCE = Parent(ACCOUNT, ParentKind.CONFERENCE, CONFERENCE)
CAPTURE: Final = {"pause_behavior": None, "channels": 1, "track": "both"}

S = RecordingStatus


def recording(
    status: RecordingStatus = S.IN_PROGRESS, version: int = 1, confirmed_version: int = 0, **more: Any
) -> Recording:
    """Return a recording of the call at this version."""
    made = Recording(
        RECORDING,
        OF_CALL,
        status,
        Source.START_CALL_RECORDING,
        NOW,
        version=version,
        confirmed_version=confirmed_version,
        call=CALL,
    )
    return replace(made, **more)


def call(status: str = "in-progress", version: int = 1, **more: Any) -> Call:
    """Return the call at this version."""
    return replace(Call(ACCOUNT, CALL, CallStatus(status), NOW, version=version), **more)


def conference(status: str = "in-progress", version: int = 1, **more: Any) -> Conference:
    """Return the conference at this version."""
    return replace(Conference(ACCOUNT, CONFERENCE, "Room", ConferenceStatus(status), NOW, version=version), **more)


def participant(status: str = "connected", version: int = 1, **more: Any) -> Participant:
    """Return the call as a participant of the conference at this version."""
    made = Participant(CALL, CONFERENCE, NOW, version=version, status=ParticipantStatus(status))
    return replace(made, **more)


def requested(resource: Any, **more: Any) -> Any:
    """Return the resource with a new request for the engine."""
    return with_new_request(replace(resource, **more), NOW)


def commands(before: Resource | None, after: Resource, **command_payload: Any) -> list[Command]:
    """Return the commands of a change."""
    return list(commands_for_change(Change(ACCOUNT, before, after, command_payload)))


RECORDINGS: Final = [
    # A start by a request, then one by the engine.
    (None, recording(), CommandKind.START_RECORDING, {}),
    (None, recording(confirmed_version=1), None, {}),
    (recording(confirmed_version=1), recording(S.PAUSED, 2, 1, pause_behavior="skip"), CommandKind.PAUSE_RECORDING,
     {"pause_behavior": "skip"}),
    (recording(S.PAUSED, 2, 2), recording(S.IN_PROGRESS, 3, 2), CommandKind.RESUME_RECORDING, {}),
    (recording(confirmed_version=1), recording(S.STOPPED, 2, 1), CommandKind.STOP_RECORDING, {}),
    # The start is not confirmed yet: the command holds the whole desired state.
    (recording(), recording(S.PAUSED, 2), CommandKind.PAUSE_RECORDING, {}),
    # The engine initiated the change: no command.
    (recording(confirmed_version=1), recording(S.PAUSED, 2, 2), None, {}),
    (recording(confirmed_version=1), recording(S.STOPPED, 2, 2), None, {}),
    (recording(S.STOPPED, 2, 2), recording(S.COMPLETED, 3, 3), None, {}),
    # The recording was abandoned: no command.
    (recording(S.STOPPED, 2), recording(S.ABSENT, 3), None, {}),
    (recording(S.COMPLETED, 3, 3), recording(S.DELETED, 4, 3), CommandKind.DELETE_MEDIA, {}),
    (recording(S.ABSENT, 3), recording(S.DELETED, 4), CommandKind.DELETE_MEDIA, {}),
    # A confirmation does not raise the version: no command.
    (recording(), recording(confirmed_version=1), None, {}),
    (recording(S.PAUSED, 2, 1), recording(S.PAUSED, 2, 2), None, {}),
    (recording(S.DELETED, 4, 3), recording(S.DELETED, 4, 3), None, {}),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "kind", "changed"), RECORDINGS)
def test_commands_for_recordings(
    before: Recording | None, after: Recording, kind: CommandKind | None, changed: Mapping[str, Any]
) -> None:
    """A change that the engine did not initiate sends the whole desired state with the change's version."""
    desired = {"status": after.status, **CAPTURE, **changed}
    expected = [Command(kind, OF_CALL, RECORDING, after.version, desired)] if kind is not None else []
    assert commands(before, after) == expected


DESIRED: Final = {"muted": True, "hold": False, "coaching": False, "call_to_coach": None,
                  "end_conference_on_exit": False, "beep_on_exit": None}  # fmt: skip
REDIRECT: Final = {"redirect": {"url": "https://a.example/", "method": "POST"}}
FLOW: Final = {"flow": {"url": "https://a.example/", "method": "POST"}}
SETTINGS: Final = {"fallback": {"url": "https://b.example/", "method": "GET"}, "time_limit": 60}
PLACED: Final[Mapping[str, Any]] = {
    "to": "+13105678901", "placement": {"timeout": 20, "time_limit": 14_400, "flow": {"markup": "<Response/>"}}
}  # fmt: skip
ANNOUNCEMENT: Final = {"announcement": {"url": "https://a.example/", "method": "GET"}}
FETCH: Final = {"fetch": {"url": "https://a.example/", "method": "GET"}}

OTHERS: Final = [
    (call(), requested(call(version=2)), REDIRECT, Command(CommandKind.REDIRECT_CALL, OF_CALL, CALL, 2, FLOW)),
    (call(engine="ast1"), requested(call(version=2, engine="ast1")), REDIRECT | SETTINGS,
     Command(CommandKind.REDIRECT_CALL, OF_CALL, CALL, 2,
             {"flow": {**FLOW["flow"], "fallback": SETTINGS["fallback"]}, "time_limit": 60}, "ast1")),
    (call(), requested(call(version=2)), SETTINGS,
     Command(CommandKind.REDIRECT_CALL, OF_CALL, CALL, 2,
             {"flow": {"fallback": SETTINGS["fallback"]}, "time_limit": 60})),
    (call(), requested(call(version=2)), {"time_limit": 60},
     Command(CommandKind.REDIRECT_CALL, OF_CALL, CALL, 2, {"time_limit": 60})),
    (call("queued"), requested(call("queued", 2, **PLACED)), SETTINGS,
     Command(CommandKind.PLACE_CALL, OF_CALL, CALL, 2,
             {"to": "+13105678901", "from": "", "timeout": 20, "time_limit": 60,
              "flow": {"markup": "<Response/>", "fallback": SETTINGS["fallback"]}})),
    # It rings: the engine has it.
    (call("queued"), requested(call("ringing", 2, **PLACED)), {"time_limit": 60},
     Command(CommandKind.REDIRECT_CALL, OF_CALL, CALL, 2, {"time_limit": 60})),
    (call(), requested(call("completed", 2)), REDIRECT,
     Command(CommandKind.HANG_UP_CALL, OF_CALL, CALL, 2, {"status": "completed"})),
    (call("ringing"), requested(call("canceled", 2)), {},
     Command(CommandKind.HANG_UP_CALL, OF_CALL, CALL, 2, {"status": "canceled"})),
    (conference(), requested(conference(version=2)), ANNOUNCEMENT,
     Command(CommandKind.ANNOUNCE, OF_CONFERENCE, CONFERENCE, 2, FETCH)),
    # An announcement that was queued before is not part of the end command.
    (conference(), requested(conference("completed", 2)), ANNOUNCEMENT,
     Command(CommandKind.END_CONFERENCE, OF_CONFERENCE, CONFERENCE, 2, {})),
    (participant(), requested(participant(version=2), muted=True), ANNOUNCEMENT,
     Command(CommandKind.UPDATE_PARTICIPANT, OF_CONFERENCE, CALL, 2, {**DESIRED, **ANNOUNCEMENT})),
    (participant(), requested(participant("complete", 2), left=NOW), {},
     Command(CommandKind.REMOVE_PARTICIPANT, OF_CONFERENCE, CALL, 2)),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "command_payload", "command"), OTHERS)
def test_commands_for_other_resources(
    before: Resource, after: Any, command_payload: Mapping[str, Any], command: Command
) -> None:
    """A requested change sends one command with its command_payload; the same state without a request sends none."""
    assert commands(before, after, **command_payload) == [command]
    assert commands(before, replace(after, requested_version=0), **command_payload) == []
    confirmed = replace(after, confirmed_version=after.version)
    assert commands(after, confirmed, **command_payload) == []
    # The next change sends no command again.
    later = replace(after, version=after.version + 1)
    assert commands(after, later, **command_payload) == []


def test_commands_to_dial() -> None:
    """Adding a participant dials it: to, from, its state in the conference and the vendor's options."""
    options = {"to": "+13105678901", "from": "+13103384645", "timeout": 20, "beep": "false"}
    added = requested(participant("queued", 3), label="agent", muted=True, options=options)
    desired = {
        **DESIRED, "label": "agent", "start_conference_on_enter": True, "options": {"timeout": 20, "beep": "false"},
        "to": "+13105678901", "from": "+13103384645",
    }  # fmt: skip
    assert commands(None, added) == [Command(CommandKind.ADD_PARTICIPANT, OF_CONFERENCE, CALL, 3, desired)]
    updated = requested(replace(added, version=4), hold=True)
    changed = {name: value for name, value in {**desired, "hold": True}.items() if name in DESIRED}
    assert commands(added, updated) == [Command(CommandKind.UPDATE_PARTICIPANT, OF_CONFERENCE, CALL, 4, changed)]
    # Dialing is not confirmed: the engine may never have received the first command.
    again = Command(CommandKind.ADD_PARTICIPANT, OF_CONFERENCE, CALL, 4, {**desired, "hold": True})
    assert pending_command(ACCOUNT, updated, {}) == again


def test_no_command_for_removed_or_stale_changes() -> None:
    """A removed item sends no command, and neither does a change to an older version."""
    assert list(commands_for_change(Change(ACCOUNT, recording(), None))) == []
    assert commands(recording(S.STOPPED, 2), recording()) == []


PENDING: Final = [
    (recording(), CommandKind.START_RECORDING),
    # Capturing was never confirmed: the engine may not have received the start.
    (recording(S.PAUSED, 2), CommandKind.START_RECORDING),
    (recording(S.STOPPED, 3), CommandKind.STOP_RECORDING),
    (recording(S.PAUSED, 2, 1), CommandKind.PAUSE_RECORDING),
    (recording(S.IN_PROGRESS, 3, 1), CommandKind.RESUME_RECORDING),
    (recording(S.STOPPED, 3, 2), CommandKind.STOP_RECORDING),
    (recording(S.PAUSED, 2, 2), None),
    (recording(S.COMPLETED, 3, 2), None),
    (recording(S.DELETED, 4, 2), None),
]  # fmt: skip


@pytest.mark.parametrize(("pending", "kind"), PENDING)
def test_pending_commands_of_recordings(pending: Recording, kind: CommandKind | None) -> None:
    """An unconfirmed recording resends its current desired state; an equal command has the same id."""
    command = pending_command(ACCOUNT, pending, {})
    desired = {"status": pending.status, **CAPTURE}
    assert command == (Command(kind, OF_CALL, RECORDING, pending.version, desired) if kind is not None else None)


@pytest.mark.parametrize(("before", "after", "command_payload", "command"), OTHERS)
def test_pending_commands_of_other_resources(
    before: Resource, after: Any, command_payload: Mapping[str, Any], command: Command
) -> None:
    """The pending command equals the one sent first, id and version included, after any later changes."""
    del before
    later = replace(after, version=after.version + 5)
    assert pending_command(ACCOUNT, later, command_payload) == command
    assert pending_command(ACCOUNT, replace(later, confirmed_version=after.version), command_payload) is None


def test_command_ids_are_distinct() -> None:
    """A command id contains parent, resource, version and kind; one call in two conferences has two ids."""
    command = Command(CommandKind.UPDATE_PARTICIPANT, OF_CONFERENCE, CALL, 2)
    elsewhere = replace(command, parent=replace(OF_CONFERENCE, id=OTHER))
    ids = {command.id, elsewhere.id, replace(command, version=3).id}
    assert ids == {
        f"{CONFERENCE}-{CALL}-2-participant.update",
        f"{OTHER}-{CALL}-2-participant.update",
        f"{CONFERENCE}-{CALL}-3-participant.update",
    }
    assert Command(CommandKind.HANG_UP_CALL, OF_CALL, CALL, 2).id == f"{CALL}-2-call.hang_up"
    # SQS limits a deduplication id to 128 characters, including the suffix of a resend.
    assert max(map(len, ids)) + len("-25631940") <= 128


DOMAIN_EVENTS: Final = [
    (None, recording(), [(f"{RECORDING}-1", "recording.created", {"recording": RECORDING, "call": CALL})]),
    (recording(), recording(S.PAUSED, 2),
     [(f"{RECORDING}-2", "recording.paused", {"recording": RECORDING, "call": CALL})]),
    (recording(S.PAUSED, 2, 1), recording(S.PAUSED, 2, 2),
     [(f"{RECORDING}-2-confirmed", "recording.confirmed", {"recording": RECORDING, "call": CALL})]),
    (recording(S.STOPPED, 2, 1), recording(S.COMPLETED, 3, 3),
     [(f"{RECORDING}-3", "recording.completed", {"recording": RECORDING, "call": CALL}),
      (f"{RECORDING}-3-confirmed", "recording.confirmed", {"recording": RECORDING, "call": CALL})]),
    (None, recording(parent=OF_CONFERENCE, confirmed_version=1),
     [(f"{RECORDING}-1", "recording.created", {"recording": RECORDING, "conference": CONFERENCE}),
      (f"{RECORDING}-1-confirmed", "recording.confirmed", {"recording": RECORDING, "conference": CONFERENCE})]),
    (None, call("ringing"), [(f"{CALL}-1", "call.created", {"call": CALL})]),
    (call("ringing"), call(version=2), [(f"{CALL}-2", "call.in-progress", {"call": CALL})]),
    (call(), call(version=2), [(f"{CALL}-2", "call.changed", {"call": CALL})]),
    (call(version=2), call(version=2, confirmed_version=2), []),
    (None, conference("init"), [(f"{CONFERENCE}-1", "conference.created", {"conference": CONFERENCE})]),
    (conference(), conference("completed", 2),
     [(f"{CONFERENCE}-2", "conference.completed", {"conference": CONFERENCE})]),
    (participant("queued"), participant("ringing", 2),
     [(f"{CONFERENCE}-{CALL}-2", "participant.ringing", {"conference": CONFERENCE, "call": CALL})]),
    (recording(), None, []),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "events"), DOMAIN_EVENTS)
def test_domain_events(
    before: Resource | None, after: Resource | None, events: list[tuple[str, str, Mapping[str, Any]]]
) -> None:
    """Domain events have ids, version and status of the resource; replaying a change repeats the event ids."""
    published = list(domain_events(Change(ACCOUNT, before, after)))
    assert [(event.id, event.kind) for event in published] == [(identifier, kind) for identifier, kind, _ in events]
    for event, (_, _, detail) in zip(published, events, strict=True):
        assert after is not None
        version = after.confirmed_version if event.kind == "recording.confirmed" else after.version
        expected = {"account": ACCOUNT, "version": version, "status": str(after.status), **detail}
        assert event == DomainEvent(event.id, event.kind, NOW, expected)


@pytest.mark.parametrize(
    ("after", "at"),
    [
        (participant(joined=NOW + 5), NOW + 5),
        (participant(updated=NOW + 9), NOW + 9),
        (call(requested_version=1, requested_at=NOW + 7), NOW + 7),
        (call(updated=NOW + 8, requested_version=1, requested_at=NOW + 7), NOW + 8),
        (recording(updated=NOW + 3), NOW + 3),
    ],
)
def test_time_of_domain_events(after: Resource, at: int) -> None:
    """A domain event has the second of the latest known change."""
    assert [event.at for event in domain_events(Change(ACCOUNT, None, after))] == [at]


@pytest.mark.parametrize(
    ("at", "shown"),
    [
        (NOW * 1000, NOW),
        (NOW * 1000 + 3_600_000, NOW + 60),  # an hour ahead: at most now
        (NOW, NOW - 60),  # reported in seconds: not before the id
        (NOW * 1000 - 86_400_000, NOW - 60),
    ],
)
def test_the_time_of_an_event_is_clamped(at: int, shown: int) -> None:
    """The time of an event lies between the creation of its resource and now."""
    event = EngineEvent("0" * 32, "0" * 32, "standin", 1, at)
    assert event.occurred_at(new_id((NOW - 60) * 1000), NOW + 60) == shown


def test_an_id_may_be_ahead_of_the_clock() -> None:
    """If the id of a resource lies ahead of the clock, its events are shown at the current time."""
    event = EngineEvent("0" * 32, "0" * 32, "standin", 1, NOW * 1000)
    assert event.occurred_at(new_id((NOW + 4) * 1000), NOW) == NOW
