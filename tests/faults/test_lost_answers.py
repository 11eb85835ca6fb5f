"""G7 and rule R3: a write whose answer is lost has the answer, and the effect, of one whose answer came."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from tapedeck.adapters.dynamodb.items import call_key, conference_key, participant_key, recording_key
from tapedeck.bootstrap import http as api_bootstrap
from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.call import CallStatus
from tapedeck.domain.errors import NotFound, StoreThrottled, StoreUnavailable
from tapedeck.domain.recording import PRUNE_ACTIVE_AT, Parent, ParentKind, RecordingStatus, Source
from tapedeck.operations.media import TOO_SHORT
from tapedeck.operations.participants import UpdateParticipant
from tapedeck.operations.recordings import CURRENT, StartRecording
from tests.client import DIALECTS, Answer, FunctionClient
from tests.conftest import TestAccount
from tests.faults.wire_faults import WRITES, Decide, wire_faults
from tests.thoroughness import IN_FULL


@dataclass
class Scene:
    """A call and a conference of one account, with a recording each; who is in the conference; what is finished."""

    call: Parent
    call_recording: str
    conference: Parent
    conference_recording: str
    name: str
    legs: list[str]
    finished_call: Parent
    finished: str


def make_scene(account: TestAccount) -> Scene:
    """Two participants in a conference, and a call aside, all in progress and recorded; and a finished recording."""
    service = api_bootstrap.get_api_services()
    call = service.calls.register(account.id, to="+13105678901", from_="+13103384645", direction="inbound")
    parent = Parent(account.id, ParentKind.CALL, call.id)
    recording, _ = service.recordings.create(parent, StartRecording())
    name = f"room of {call.id}"
    conference = service.conferences.register(account.id, name)
    legs = [service.calls.register(account.id, to="", from_="", direction="inbound") for _ in range(2)]
    for leg in legs:
        service.conferences.join(account.id, conference.id, leg.id)
    room = Parent(account.id, ParentKind.CONFERENCE, conference.id)
    of_room = service.recordings.register_started(room, source=Source.CONFERENCE, call=legs[0].id)
    other = service.calls.register(account.id, to="", from_="", direction="inbound")
    aside = Parent(account.id, ParentKind.CALL, other.id)
    finished = service.recordings.register_started(aside, source=Source.RECORD_VERB, call=other.id)
    service.recordings.update(aside, finished.id, RecordingStatus.STOPPED)
    service.media().finish_without_media(aside, finished.id, TOO_SHORT)
    return Scene(parent, recording.id, room, of_room.id, name, [leg.id for leg in legs], aside, finished.id)


Act = Callable[[FunctionClient, Scene], Answer]


def _call_recording(*statuses: str, sid: str | None = None) -> Act:
    def act(client: FunctionClient, scene: Scene) -> Answer:
        call = client.sid(ResourceType.CALL, scene.call.id)
        recording = sid or client.sid(ResourceType.RECORDING, scene.call_recording)
        return [client.post("Calls", call, "Recordings", recording, form={"Status": s}) for s in statuses][-1]

    return act


def _conference_recording(status: str) -> Act:
    def act(client: FunctionClient, scene: Scene) -> Answer:
        room = client.sid(ResourceType.CONFERENCE, scene.conference.id)
        recording = client.sid(ResourceType.RECORDING, scene.conference_recording)
        return client.post("Conferences", room, "Recordings", recording, form={"Status": status})

    return act


def _conference(form: dict[str, str]) -> Act:
    def act(client: FunctionClient, scene: Scene) -> Answer:
        return client.post("Conferences", client.sid(ResourceType.CONFERENCE, scene.conference.id), form=form)

    return act


def _create_first(client: FunctionClient, scene: Scene) -> Answer:
    call = api_bootstrap.get_api_services().calls.register(scene.call.account, to="", from_="", direction="inbound")
    return client.post(
        "Calls", client.sid(ResourceType.CALL, call.id), "Recordings", form={"RecordingChannels": "dual"}
    )


def _create_after_stop(client: FunctionClient, scene: Scene) -> Answer:
    api_bootstrap.get_api_services().recordings.update(scene.call, scene.call_recording, RecordingStatus.STOPPED)
    return client.post("Calls", client.sid(ResourceType.CALL, scene.call.id), "Recordings")


def _end_unrecorded(client: FunctionClient, scene: Scene) -> Answer:
    room = api_bootstrap.get_api_services().conferences.register(scene.call.account, f"bare {scene.name}")
    return client.post("Conferences", client.sid(ResourceType.CONFERENCE, room.id), form={"Status": "completed"})


def _participant(form: dict[str, str] | None, *, last: bool = False) -> Act:
    """Updates somebody, or without a form removes somebody, who may be the last one."""

    def act(client: FunctionClient, scene: Scene) -> Answer:
        if last:
            api_bootstrap.get_api_services().calls.end(scene.call.account, scene.legs[1])
        room, leg = (
            client.sid(ResourceType.CONFERENCE, scene.conference.id),
            client.sid(ResourceType.CALL, scene.legs[0]),
        )
        path = ("Conferences", room, "Participants", leg)
        return client.delete(*path) if form is None else client.post(*path, form=form)

    return act


def _add(*, new: bool) -> Act:
    """Dials somebody, into the scene's conference or one that comes into being; only Twilio's dialect can."""

    def act(client: FunctionClient, scene: Scene) -> Answer:
        twilio = replace(client, dialect=DIALECTS["twilio"])
        room = (
            f"new {scene.name}".replace(" ", "%20") if new else twilio.sid(ResourceType.CONFERENCE, scene.conference.id)
        )
        form = {"From": "client:a", "To": "client:b", "Label": "customer"}
        return twilio.post("Conferences", room, "Participants", form=form)

    return act


def _call(form: dict[str, str], status: CallStatus | None = None) -> Act:
    """Updates the scene's call, or another one with this status."""

    def act(client: FunctionClient, scene: Scene) -> Answer:
        calls, call = api_bootstrap.get_api_services().calls, scene.call.id
        if status is not None:
            call = calls.register(scene.call.account, to="", from_="", direction="inbound", status=status).id
        return client.post("Calls", client.sid(ResourceType.CALL, call), form=form)

    return act


def _hang_up_participant(client: FunctionClient, scene: Scene) -> Answer:
    return client.post("Calls", client.sid(ResourceType.CALL, scene.legs[0]), form={"Status": "completed"})


def _delete(*, nested: bool) -> Act:
    """Deletes what is finished, at its call's address or its account's."""

    def act(client: FunctionClient, scene: Scene) -> Answer:
        above = ("Calls", client.sid(ResourceType.CALL, scene.finished_call.id)) if nested else ()
        return client.delete(*above, "Recordings", client.sid(ResourceType.RECORDING, scene.finished))

    return act


ACTS: dict[str, Act] = {
    "delete a recording": _delete(nested=False),
    "delete a recording of a call": _delete(nested=True),
    "mute a participant": _participant({"Muted": "true"}),
    "announce to a participant": _participant({"AnnounceUrl": "https://example.com/announcement"}),
    "remove a participant": _participant(None),
    "remove the last participant": _participant(None, last=True),
    "add a participant": _add(new=False),
    "add a participant to a new conference": _add(new=True),
    "redirect a call": _call({"Url": "https://example.com/next"}),
    "cancel a call": _call({"Status": "canceled"}, CallStatus.RINGING),
    "complete a recorded call": _call({"Status": "completed"}),
    "complete the call of a participant": _hang_up_participant,
    "create": _create_first,
    "create after a stop": _create_after_stop,
    "pause": _call_recording("paused"),
    "pause, resume": _call_recording("paused", "in-progress"),
    "stop": _call_recording("stopped"),
    "pause a conference's": _conference_recording("paused"),
    "stop a conference's": _conference_recording("stopped"),
    "end a recorded conference": _conference({"Status": "completed"}),
    "end an unrecorded conference": _end_unrecorded,
    "announce": _conference({"AnnounceUrl": "https://example.com/announcement"}),
}


def _normal(answer: Answer) -> tuple[int, Any]:
    """The answer without what differs between two resources of the same history."""
    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}", "<id>", answer.text)
    text = re.sub(r'"duration":"?\d+"?', '"duration":<seconds>', text)
    return answer.status, re.sub(r"\d\d:\d\d:\d\d", "<time>", text)


def _versions(scene: Scene) -> list[int]:
    """How often each of the scene's resources has been announced."""
    database = api_bootstrap.get_api_services().calls._store._database  # type: ignore[attr-defined]
    keys = [
        recording_key(scene.call, scene.call_recording),
        recording_key(scene.conference, scene.conference_recording),
        recording_key(scene.finished_call, scene.finished),
        conference_key(scene.conference.account, scene.conference.id),
        call_key(scene.call.account, scene.call.id),
        *(participant_key(scene.call.account, scene.conference.id, leg) for leg in scene.legs),
    ]
    return [database.get(key)["version"] for key in keys]


@pytest.mark.parametrize("lost", [1, 3] if IN_FULL else [3])
@pytest.mark.parametrize("act", ACTS)
def test_a_lost_answer_changes_nothing(client: FunctionClient, account: TestAccount, act: str, lost: int) -> None:
    """Every mutating operation answers as without the fault, and is announced once, however often it is repeated."""
    untroubled, troubled = make_scene(account), make_scene(account)
    expected = ACTS[act](client, untroubled)
    losses = 0

    def lose(operation: str, _number: int) -> str | None:
        nonlocal losses
        if operation in WRITES and losses < lost:
            losses += 1
            return "lose"
        return None

    with wire_faults(lose) as wire:
        answer = ACTS[act](client, troubled)

    assert [fault for _, fault in wire.requests].count("lose") == lost
    assert _normal(answer) == _normal(expected)
    assert _versions(troubled) == _versions(untroubled)


def lose_first_write() -> Decide:
    """Loses the answer of the first write, and of nothing else."""
    lost: list[str] = []

    def decide(operation: str, _number: int) -> str | None:
        if operation not in WRITES or lost:
            return None
        lost.append(operation)
        return "lose"

    return decide


@pytest.mark.parametrize("then", [RecordingStatus.IN_PROGRESS, RecordingStatus.STOPPED])
def test_a_lost_answer_is_the_one_that_the_write_had_earned(
    client: FunctionClient, account: TestAccount, then: RecordingStatus
) -> None:
    """A pause that took effect is answered as paused, although another client has moved the recording since."""
    scene = make_scene(account)

    def move_on() -> None:
        api_bootstrap.get_api_services().recordings.update(scene.call, scene.call_recording, then)

    with wire_faults(lose_first_write(), move_on):
        answer = ACTS["pause"](client, scene)

    assert (answer.status, answer.body["status"]) == (200, "paused")
    assert answer.body.get("end_time") is None
    found = api_bootstrap.get_api_services().recordings.get(scene.call, scene.call_recording)
    assert (found.status, found.version) == (then, 3)


def test_a_completion_whose_answer_is_lost_has_happened_although_it_was_deleted_since(account: TestAccount) -> None:
    """Whoever finished a recording is told that it did, though somebody has deleted it before the answer was lost."""
    scene = make_scene(account)
    service = api_bootstrap.get_api_services()
    service.recordings.update(scene.call, scene.call_recording, RecordingStatus.STOPPED)

    def delete() -> None:
        service.media().delete(scene.call, scene.call_recording)

    with wire_faults(lose_first_write(), delete):
        finished = service.media().finish_without_media(scene.call, scene.call_recording, TOO_SHORT)
    assert (finished.status, finished.version, finished.deleted_until) == (RecordingStatus.ABSENT, 3, None)
    with pytest.raises(NotFound):
        service.recordings.get(scene.call, scene.call_recording)


@pytest.mark.parametrize("repeated", [RecordingStatus.IN_PROGRESS, RecordingStatus.PAUSED])
def test_a_request_that_arrives_late_does_not_undo_what_came_after(
    account: TestAccount, repeated: RecordingStatus
) -> None:
    """What was answered as already so cannot happen later, when an earlier copy of the request comes through."""
    scene = make_scene(account)
    recordings = api_bootstrap.get_api_services().recordings
    if repeated is RecordingStatus.PAUSED:
        recordings.update(scene.call, scene.call_recording, RecordingStatus.PAUSED)
    other = {
        RecordingStatus.IN_PROGRESS: RecordingStatus.PAUSED,
        RecordingStatus.PAUSED: RecordingStatus.IN_PROGRESS,
    }[repeated]
    with wire_faults(lambda _operation, number: "delay" if number == 0 else None) as wire:
        assert recordings.update(scene.call, scene.call_recording, repeated).status is repeated
        recordings.update(scene.call, scene.call_recording, other)
        assert wire.deliver() == [400]
    assert recordings.get(scene.call, scene.call_recording).status is other


def test_a_conflict_in_between_does_not_hide_that_a_request_was_repeated(account: TestAccount) -> None:
    """A first copy that went unanswered is remembered although a conflict began the tries anew."""
    scene = make_scene(account)
    recordings = api_bootstrap.get_api_services().recordings
    plan = ["delay", "conflict", "pause by another"]

    def decide(_operation: str, _number: int) -> str | None:
        fault = plan.pop(0) if plan else None
        if fault != "pause by another":
            return fault
        recordings.update(scene.call, scene.call_recording, RecordingStatus.PAUSED)
        return None

    with wire_faults(decide) as wire:
        assert recordings.update(scene.call, scene.call_recording, RecordingStatus.PAUSED).status == "paused"
        recordings.update(scene.call, scene.call_recording, RecordingStatus.IN_PROGRESS)
        assert wire.deliver() == [400]
    assert recordings.get(scene.call, scene.call_recording).status is RecordingStatus.IN_PROGRESS


@pytest.mark.parametrize("then", ["conflict", "throttle", "throttle a part"])
@pytest.mark.parametrize("first", ["lose", "delay"])
@pytest.mark.parametrize("operation", ["UpdateItem", "TransactWriteItems"])
def test_what_may_have_been_written_is_not_denied(account: TestAccount, operation: str, first: str, then: str) -> None:
    """Where a copy got no answer, and none after it was let through, it is not said that nothing was written."""
    scene = make_scene(account)
    service = api_bootstrap.get_api_services()
    plan = [first]

    def decide(asked: str, _number: int) -> str | None:
        return (plan.pop() if plan else then) if asked == operation else None

    acts: dict[str, Callable[[], object]] = {
        "UpdateItem": lambda: service.recordings.update(scene.call, scene.call_recording, RecordingStatus.PAUSED),
        "TransactWriteItems": lambda: service.calls.end(account.id, scene.call.id),
    }
    with wire_faults(decide) as wire, pytest.raises(StoreUnavailable):
        acts[operation]()
    assert [fault for asked, fault in wire.requests if asked == operation][:2] == [first, then]
    if first == "delay":
        assert wire.deliver() == [200]
    found = service.recordings.get(scene.call, scene.call_recording)
    assert (found.status, found.version) == ("paused" if operation == "UpdateItem" else "stopped", 2)


def test_a_read_writes_nothing_however_often_it_is_sent(account: TestAccount) -> None:
    """A read that got no answer and then was throttled is told as throttled: it is safe to repeat."""
    scene = make_scene(account)
    with (
        wire_faults(lambda _operation, number: "throttle" if number else "refuse"),
        pytest.raises(StoreThrottled),
    ):
        api_bootstrap.get_api_services().recordings.get(scene.call, scene.call_recording)


def test_a_throttled_deletion_does_not_take_another_for_its_own(account: TestAccount) -> None:
    """Only a copy without an answer may have deleted: of two clients, one of them throttled, one hears 404."""
    scene = make_scene(account)
    transcriptions = api_bootstrap.get_api_services().transcriptions
    made = transcriptions.record(account.id, scene.finished, text="Hello.", duration=1)
    plan = ["throttle"]

    def decide(asked: str, _number: int) -> str | None:
        fault = plan.pop() if plan and asked == "TransactWriteItems" else None
        if fault is not None:
            transcriptions.delete(account.id, made.id)
        return fault

    with wire_faults(decide), pytest.raises(NotFound):
        transcriptions.delete(account.id, made.id)


def test_a_stop_of_the_current_recording_does_not_take_another_stop_for_its_own(account: TestAccount) -> None:
    """Stopped by another while its own copies went unanswered, the recording was not current (section 5.4)."""
    scene = make_scene(account)
    recordings = api_bootstrap.get_api_services().recordings

    plan = ["stopped by another", None, None, "lose"]

    def decide(operation: str, _number: int) -> str | None:
        fault = plan.pop(0) if plan and operation == "UpdateItem" else None
        if fault != "stopped by another":
            return fault
        recordings.update(scene.call, scene.call_recording, RecordingStatus.STOPPED)
        return "lose"

    with wire_faults(decide) as wire, pytest.raises(NotFound):
        recordings.update(scene.call, CURRENT, RecordingStatus.STOPPED)
    assert ("UpdateItem", "lose") in wire.requests
    assert recordings.get(scene.call, scene.call_recording).version == 2


def test_what_happens_is_numbered_where_it_is_written(account: TestAccount) -> None:
    """Each move of a recording and each event of a conference has the next number, whoever hears of it (rule R4)."""
    service = api_bootstrap.get_api_services()
    scene = make_scene(account)
    moves = [RecordingStatus.PAUSED, RecordingStatus.IN_PROGRESS, RecordingStatus.STOPPED]
    versions = [service.recordings.update(scene.call, scene.call_recording, move).version for move in moves]
    assert versions == [2, 3, 4]
    room = service.conferences.register(account.id, f"numbered {scene.name}")
    sequences = [room.sequence]
    legs = [service.calls.register(account.id, to="", from_="", direction="inbound").id for _ in range(2)]
    sequences += [service.conferences.join(account.id, room.id, leg).sequence for leg in legs]
    for leg in legs:
        service.calls.end(account.id, leg)
        sequences.append(service.conferences.get(account.id, room.id).sequence)
    # join; join and start; leave; leave and end
    assert sequences == [0, 1, 3, 4, 6]


def test_no_recording_outlives_its_call_however_many_there_were(account: TestAccount) -> None:
    """A set of active recordings that is pruned keeps those that are active, whatever started them (rule R9)."""
    scene = make_scene(account)
    recordings = api_bootstrap.get_api_services().recordings
    for _ in range(PRUNE_ACTIVE_AT + 1):
        started = recordings.register_started(scene.call, source=Source.DIAL_VERB, call=scene.call.id)
        recordings.update(scene.call, started.id, RecordingStatus.STOPPED)
    api_bootstrap.get_api_services().calls.end(account.id, scene.call.id)
    assert recordings.get(scene.call, scene.call_recording).status is RecordingStatus.STOPPED
    assert list(recordings._store.list_active_recordings(scene.call)) == []


def test_an_own_write_is_remembered_through_seven_later_ones(account: TestAccount) -> None:
    """A recording knows its last eight writes: a repetition after seven others changes nothing."""
    scene = make_scene(account)
    recordings = api_bootstrap.get_api_services().recordings

    def move_on() -> None:
        for target in (*(RecordingStatus.IN_PROGRESS, RecordingStatus.PAUSED) * 3, RecordingStatus.IN_PROGRESS):
            recordings.update(scene.call, scene.call_recording, target)

    with wire_faults(lose_first_write(), move_on):
        answered = recordings.update(scene.call, scene.call_recording, RecordingStatus.PAUSED)
    assert answered.status is RecordingStatus.PAUSED
    found = recordings.get(scene.call, scene.call_recording)
    assert (found.status, found.version) == (RecordingStatus.IN_PROGRESS, 9)


def test_a_hang_up_whose_answer_is_lost_has_happened_once(account: TestAccount) -> None:
    """The end of a call with its recordings is one write, whose repetition recognises itself."""
    scene = make_scene(account)
    with wire_faults(lambda _operation, number: "lose" if number in {0, 2} else None):
        call = api_bootstrap.get_api_services().calls.end(account.id, scene.call.id)
    assert call.status == "completed"
    found = api_bootstrap.get_api_services().recordings.get(scene.call, scene.call_recording)
    assert (found.status, found.version) == (RecordingStatus.STOPPED, 2)


def test_a_removal_that_was_answered_late_does_not_remove_again(client: FunctionClient, account: TestAccount) -> None:
    """Somebody who was removed, and is back before the answer is lost, is not removed a second time."""
    scene = make_scene(account)

    def come_back() -> None:
        api_bootstrap.get_api_services().conferences.join(account.id, scene.conference.id, scene.legs[0])

    with wire_faults(lose_first_write(), come_back):
        assert ACTS["remove a participant"](client, scene).status == 204
    assert api_bootstrap.get_api_services().participants.get(account.id, scene.conference.id, scene.legs[0]).is_inside
    assert api_bootstrap.get_api_services().conferences.get(account.id, scene.conference.id).participants == 2


def test_a_lost_answer_about_a_participant_is_the_one_that_was_earned(
    client: FunctionClient, account: TestAccount
) -> None:
    """A mute that took effect is answered as muted, although somebody has unmuted and moved much since."""
    scene = make_scene(account)
    participants = api_bootstrap.get_api_services().participants

    def move_on() -> None:
        for muted in (False, True, False):
            change = UpdateParticipant(muted=muted)
            participants.update(account.id, scene.conference.id, scene.legs[0], change)

    with wire_faults(lose_first_write(), move_on):
        answer = ACTS["mute a participant"](client, scene)
    assert (answer.status, answer.body["muted"]) == (200, True)
    assert not participants.get(account.id, scene.conference.id, scene.legs[0]).muted


@pytest.mark.parametrize("act", ["redirect a call", "mute a participant", "remove a participant", "delete a recording"])
def test_what_arrives_late_has_no_second_effect(client: FunctionClient, account: TestAccount, act: str) -> None:
    """An earlier copy of a request that comes through after the answer is refused by its own condition."""
    scene = make_scene(account)
    client.get("Calls", client.sid_of_call(scene.call.id))  # the credentials are remembered
    seen: list[str] = []

    def decide(operation: str, _number: int) -> str | None:
        seen.append(operation)
        return "delay" if operation in WRITES and sum(each in WRITES for each in seen) == 1 else None

    with wire_faults(decide) as wire:
        assert ACTS[act](client, scene).status in {200, 204}
        before = _versions(scene)
        assert wire.deliver() == [400]
    assert _versions(scene) == before


def test_a_database_that_never_answers_is_an_error_of_the_dialect(client: FunctionClient, account: TestAccount) -> None:
    """Without any answer the client hears 500 or 503, in its dialect."""
    scene = make_scene(account)
    ACTS["pause"](client, scene)  # the credentials are remembered
    with wire_faults(lambda _operation, _number: "refuse"):
        answer = ACTS["stop"](client, scene)
    expected = (500, 20500) if client.dialect.name == "twilio" else (503, 20504)
    assert (answer.status, answer.body["code"]) == expected
