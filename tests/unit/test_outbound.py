"""What a change asks of a media engine, and tells anybody: derived from what stood in the table, and the same again."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import pytest

from tapedeck.background.outbound import commands_for_change, domain_events, pending_command
from tapedeck.domain.call import Call, CallStatus
from tapedeck.domain.conference import Conference, ConferenceStatus
from tapedeck.domain.engine_command import MAX_CLOCK_SKEW_SECONDS, Command, CommandKind, EngineEvent, with_new_request
from tapedeck.domain.identity import new_id
from tapedeck.domain.participant import Participant, ParticipantStatus
from tapedeck.domain.recording import Parent, ParentKind, Recording, RecordingStatus, Source
from tapedeck.ports.changes import Change, Resource
from tapedeck.ports.messaging import DomainEvent

NOW: Final = 1_537_916_400
ACCOUNT, CALL, CONFERENCE, RECORDING, OTHER = (f"{digit}" * 32 for digit in "12345")
OF_CALL = Parent(ACCOUNT, ParentKind.CALL, CALL)
OF_CONFERENCE = Parent(ACCOUNT, ParentKind.CONFERENCE, CONFERENCE)
CAPTURE: Final = {
    "pause_behavior": None, "channels": 1, "track": "both", "key": f"{ACCOUNT}/{RECORDING}/original.wav",
}  # fmt: skip

S = RecordingStatus


def recording(
    status: RecordingStatus = S.IN_PROGRESS, version: int = 1, confirmed_version: int = 0, **more: Any
) -> Recording:
    """A recording of the call, by version."""
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
    """The call, by version."""
    return replace(Call(ACCOUNT, CALL, CallStatus(status), NOW, version=version), **more)


def conference(status: str = "in-progress", version: int = 1, **more: Any) -> Conference:
    """The conference, by version."""
    return replace(Conference(ACCOUNT, CONFERENCE, "Room", ConferenceStatus(status), NOW, version=version), **more)


def participant(status: str = "connected", version: int = 1, **more: Any) -> Participant:
    """The call in the conference, by version."""
    made = Participant(CALL, CONFERENCE, NOW, version=version, status=ParticipantStatus(status))
    return replace(made, **more)


def sent_commands(resource: Any, **more: Any) -> Any:
    """The same as a change that asks."""
    return with_new_request(replace(resource, **more), NOW)


def commands(before: Resource | None, after: Resource, **instructions: Any) -> list[Command]:
    """What is asked by a change."""
    return list(commands_for_change(Change(ACCOUNT, before, after, instructions)))


RECORDINGS: Final = [
    # A start that a request has made, and one that the engine has.
    (None, recording(), CommandKind.START_RECORDING, {}),
    (None, recording(confirmed_version=1), None, {}),
    (recording(confirmed_version=1), recording(S.PAUSED, 2, 1, pause_behavior="skip"), CommandKind.PAUSE_RECORDING,
     {"pause_behavior": "skip"}),
    (recording(S.PAUSED, 2, 2), recording(S.IN_PROGRESS, 3, 2), CommandKind.RESUME_RECORDING, {}),
    (recording(confirmed_version=1), recording(S.STOPPED, 2, 1), CommandKind.STOP_RECORDING, {}),
    # One that the engine has not begun yet is asked for the same: the command holds all that is wanted.
    (recording(), recording(S.PAUSED, 2), CommandKind.PAUSE_RECORDING, {}),
    # What the engine does by itself is not asked of it.
    (recording(confirmed_version=1), recording(S.PAUSED, 2, 2), None, {}),
    (recording(confirmed_version=1), recording(S.STOPPED, 2, 2), None, {}),
    (recording(S.STOPPED, 2, 2), recording(S.COMPLETED, 3, 3), None, {}),
    # One that was given up is asked for nothing more.
    (recording(S.STOPPED, 2), recording(S.ABSENT, 3), None, {}),
    (recording(S.COMPLETED, 3, 3), recording(S.DELETED, 4, 3), CommandKind.DELETE_MEDIA, {}),
    (recording(S.ABSENT, 3), recording(S.DELETED, 4), CommandKind.DELETE_MEDIA, {}),
    # A confirmation raises no version, and neither does whatever else is noted of it.
    (recording(), recording(confirmed_version=1), None, {}),
    (recording(S.PAUSED, 2, 1), recording(S.PAUSED, 2, 2), None, {}),
    (recording(S.DELETED, 4, 3), recording(S.DELETED, 4, 3), None, {}),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "kind", "wanted"), RECORDINGS)
def test_asks_for_recordings(
    before: Recording | None, after: Recording, kind: CommandKind | None, wanted: Mapping[str, Any]
) -> None:
    """Whatever the engine has not done by itself is asked of it, with all that is wanted and the change's version."""
    told = {"status": after.status, **CAPTURE, **wanted}
    expected = [Command(kind, OF_CALL, RECORDING, after.version, told)] if kind is not None else []
    assert commands(before, after) == expected


ROOMY: Final = {"muted": True, "hold": False, "coaching": False, "call_to_coach": None, "end_conference_on_exit": False,
                "beep_on_exit": None}  # fmt: skip
REDIRECT: Final = {"redirect": {"url": "https://a.example/", "method": "POST"}}
ANNOUNCEMENT: Final = {"announcement": {"url": "https://a.example/", "method": "GET"}}

OTHERS: Final = [
    (call(), sent_commands(call(version=2)), REDIRECT, Command(CommandKind.REDIRECT_CALL, OF_CALL, CALL, 2, REDIRECT)),
    (call(), sent_commands(call("completed", 2)), REDIRECT,
     Command(CommandKind.HANG_UP_CALL, OF_CALL, CALL, 2, {"status": "completed"})),
    (call("ringing"), sent_commands(call("canceled", 2)), {},
     Command(CommandKind.HANG_UP_CALL, OF_CALL, CALL, 2, {"status": "canceled"})),
    (conference(), sent_commands(conference(version=2)), ANNOUNCEMENT,
     Command(CommandKind.ANNOUNCE, OF_CONFERENCE, CONFERENCE, 2, ANNOUNCEMENT)),
    # What was to be played before is no part of an end.
    (conference(), sent_commands(conference("completed", 2)), ANNOUNCEMENT,
     Command(CommandKind.END_CONFERENCE, OF_CONFERENCE, CONFERENCE, 2, {})),
    (participant(), sent_commands(participant(version=2), muted=True), ANNOUNCEMENT,
     Command(CommandKind.UPDATE_PARTICIPANT, OF_CONFERENCE, CALL, 2, {**ROOMY, **ANNOUNCEMENT})),
    (participant(), sent_commands(participant("complete", 2), left=NOW), {},
     Command(CommandKind.REMOVE_PARTICIPANT, OF_CONFERENCE, CALL, 2)),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "instructions", "command"), OTHERS)
def test_asks_for_everything_else(
    before: Resource, after: Any, instructions: Mapping[str, Any], command: Command
) -> None:
    """A change that asks is told once, with what was left beside; the same state that nobody asked for is not."""
    assert commands(before, after, **instructions) == [command]
    assert commands(before, replace(after, requested_version=0), **instructions) == []
    confirmed = replace(after, confirmed_version=after.version)
    assert commands(after, confirmed, **instructions) == []
    # What happens to it next asks nothing again.
    later = replace(after, version=after.version + 1)
    assert commands(after, later, **instructions) == []


def test_asks_to_dial() -> None:
    """Who is added is dialed: whom, from whom, how to place it, and with which of the vendor's options."""
    options = {"to": "+13105678901", "from": "+13103384645", "timeout": 20, "beep": "false"}
    added = sent_commands(participant("queued", 3), label="agent", muted=True, options=options)
    wanted = {
        **ROOMY, "label": "agent", "start_conference_on_enter": True, "options": {"timeout": 20, "beep": "false"},
        "to": "+13105678901", "from": "+13103384645",
    }  # fmt: skip
    assert commands(None, added) == [Command(CommandKind.ADD_PARTICIPANT, OF_CONFERENCE, CALL, 3, wanted)]
    held = sent_commands(replace(added, version=4), hold=True)
    changed = {name: value for name, value in {**wanted, "hold": True}.items() if name in ROOMY}
    assert commands(added, held) == [Command(CommandKind.UPDATE_PARTICIPANT, OF_CONFERENCE, CALL, 4, changed)]
    # An engine that has not confirmed that it dials may never have heard of it.
    again = Command(CommandKind.ADD_PARTICIPANT, OF_CONFERENCE, CALL, 4, {**wanted, "hold": True})
    assert pending_command(ACCOUNT, held, {}) == again


def test_asks_nothing_of_what_is_gone_or_comes_twice() -> None:
    """An item that was removed asks nothing, and neither does a change that comes the other way round."""
    assert list(commands_for_change(Change(ACCOUNT, recording(), None))) == []
    assert commands(recording(S.STOPPED, 2), recording()) == []


PENDING: Final = [
    (recording(), CommandKind.START_RECORDING),
    # Whatever has been asked since, an engine that has never said that it captures may never have heard of it.
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
def test_asks_again_for_recordings(pending: Recording, kind: CommandKind | None) -> None:
    """What is not confirmed is asked again as it stands; with the id that it had, where it is the same command."""
    command = pending_command(ACCOUNT, pending, {})
    told = {"status": pending.status, **CAPTURE}
    assert command == (Command(kind, OF_CALL, RECORDING, pending.version, told) if kind is not None else None)


@pytest.mark.parametrize(("before", "after", "instructions", "command"), OTHERS)
def test_asks_again_for_everything_else(
    before: Resource, after: Any, instructions: Mapping[str, Any], command: Command
) -> None:
    """However often it has changed since, it is the command that was told first, by id, version and all."""
    del before
    later = replace(after, version=after.version + 5)
    assert pending_command(ACCOUNT, later, instructions) == command
    assert pending_command(ACCOUNT, replace(later, confirmed_version=after.version), instructions) is None


def test_tells_commands_apart() -> None:
    """By what is meant and where, by its change and what was asked: the same call in two conferences is two things."""
    command = Command(CommandKind.UPDATE_PARTICIPANT, OF_CONFERENCE, CALL, 2)
    elsewhere = replace(command, parent=replace(OF_CONFERENCE, id=OTHER))
    ids = {command.id, elsewhere.id, replace(command, version=3).id}
    assert ids == {
        f"{CONFERENCE}-{CALL}-2-participant.update",
        f"{OTHER}-{CALL}-2-participant.update",
        f"{CONFERENCE}-{CALL}-3-participant.update",
    }
    assert Command(CommandKind.HANG_UP_CALL, OF_CALL, CALL, 2).id == f"{CALL}-2-call.hang_up"
    # With a repetition's minute behind it, a queue takes it: 128 characters at most.
    assert max(map(len, ids)) + len("-25631940") <= 128


FACTS: Final = [
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


@pytest.mark.parametrize(("before", "after", "facts"), FACTS)
def test_tells_facts(
    before: Resource | None, after: Resource | None, facts: list[tuple[str, str, Mapping[str, Any]]]
) -> None:
    """What has become of what, by ids, with its version and status; a repetition has the same id."""
    told = list(domain_events(Change(ACCOUNT, before, after)))
    assert [(fact.id, fact.kind) for fact in told] == [(identifier, kind) for identifier, kind, _ in facts]
    for fact, (_, _, detail) in zip(told, facts, strict=True):
        assert after is not None
        version = after.confirmed_version if fact.kind == "recording.confirmed" else after.version
        expected = {"account": ACCOUNT, "version": version, "status": str(after.status), **detail}
        assert fact == DomainEvent(fact.id, fact.kind, NOW, expected)


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
def test_dates_facts(after: Resource, at: int) -> None:
    """A fact is of the last second at which something is known to have changed."""
    assert [fact.at for fact in domain_events(Change(ACCOUNT, None, after))] == [at]


@pytest.mark.parametrize(
    ("made", "told", "heard_at", "may"),
    [
        (0, 0, 0, True),
        (-MAX_CLOCK_SKEW_SECONDS, 0, 0, True),
        (MAX_CLOCK_SKEW_SECONDS, 0, 0, True),
        (-MAX_CLOCK_SKEW_SECONDS - 1, 0, 0, False),
        (MAX_CLOCK_SKEW_SECONDS + 1, 0, 0, False),
        # An event may have waited for days, but not come from the future.
        (0, 0, 86_400, True),
        (0, 0, -MAX_CLOCK_SKEW_SECONDS, True),
        (0, 0, -MAX_CLOCK_SKEW_SECONDS - 1, False),
    ],
)
def test_ids_are_made_when_things_begin(made: int, told: int, heard_at: int, *, may: bool) -> None:
    """An id belongs to an event where their times are at most five minutes apart, whenever we hear of it."""
    heard = EngineEvent("0" * 32, (NOW + told) * 1000)
    assert heard.is_plausible_start(new_id((NOW + made) * 1000), (NOW + heard_at) * 1000) is may
