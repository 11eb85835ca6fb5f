"""A write with a lost response has the same response and effect as one without the fault (REL-3)."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from tapedeck.adapters.dynamodb.items import call_key, conference_key, participant_key, recording_key
from tapedeck.bootstrap import http as api_bootstrap
from tapedeck.bootstrap.environment import current_environment
from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.call import CallStatus
from tapedeck.domain.errors import NotEligibleForRecording, NotFound, StoreThrottled, StoreUnavailable
from tapedeck.domain.recording import PRUNE_ACTIVE_AT, Parent, ParentKind, RecordingStatus, Source
from tapedeck.operations.media import TOO_SHORT
from tapedeck.operations.participants import UpdateParticipant
from tapedeck.operations.recordings import CURRENT, StartRecording
from tests.client import DIALECTS, Answer, FunctionClient
from tests.conftest import TestAccount
from tests.faults.fault_injection import WRITES, Decide, inject_faults
from tests.reporter import EngineReporter, join_conference, open_conference, start_recording
from tests.thoroughness import scaled


@dataclass
class Resources:
    """A recorded call and a recorded conference of one account, its participants, and a finished recording."""

    call: Parent
    call_recording: str
    conference: Parent
    conference_recording: str
    name: str
    legs: list[str]
    finished_call: Parent
    finished: str


def make_resources(account: TestAccount) -> Resources:
    """Create a recorded conference with two participants, a recorded call, and a finished recording."""
    service = api_bootstrap.get_api_services()
    call = service.calls.register(account.id, to="+13105678901", from_="+13103384645", direction="inbound")
    parent = Parent(account.id, ParentKind.CALL, call.id)
    recording, _ = service.recordings.create(parent, StartRecording())
    name = f"conference of {call.id}"
    conference = open_conference(service, account.id, name)
    legs = [service.calls.register(account.id, to="", from_="", direction="inbound") for _ in range(2)]
    for leg in legs:
        join_conference(service, account.id, conference.id, leg.id)
    parent_conference = Parent(account.id, ParentKind.CONFERENCE, conference.id)
    conference_recording = start_recording(service, parent_conference, source=Source.CONFERENCE, call=legs[0].id)
    other = service.calls.register(account.id, to="", from_="", direction="inbound")
    aside = Parent(account.id, ParentKind.CALL, other.id)
    finished = start_recording(service, aside, source=Source.RECORD_VERB, call=other.id)
    service.recordings.update(aside, finished.id, RecordingStatus.STOPPED)
    service.media.finish_without_media(aside, finished.id, TOO_SHORT)
    return Resources(
        parent,
        recording.id,
        parent_conference,
        conference_recording.id,
        name,
        [leg.id for leg in legs],
        aside,
        finished.id,
    )


Action = Callable[[FunctionClient, Resources], Answer]


def _call_recording(*statuses: str, sid: str | None = None) -> Action:
    def action(client: FunctionClient, resources: Resources) -> Answer:
        call = client.sid(ResourceType.CALL, resources.call.id)
        recording = sid or client.sid(ResourceType.RECORDING, resources.call_recording)
        return [client.post("Calls", call, "Recordings", recording, form={"Status": s}) for s in statuses][-1]

    return action


def _conference_recording(status: str) -> Action:
    def action(client: FunctionClient, resources: Resources) -> Answer:
        conference = client.sid(ResourceType.CONFERENCE, resources.conference.id)
        recording = client.sid(ResourceType.RECORDING, resources.conference_recording)
        return client.post("Conferences", conference, "Recordings", recording, form={"Status": status})

    return action


def _conference(form: dict[str, str]) -> Action:
    def action(client: FunctionClient, resources: Resources) -> Answer:
        return client.post("Conferences", client.sid(ResourceType.CONFERENCE, resources.conference.id), form=form)

    return action


def _create_first(client: FunctionClient, resources: Resources) -> Answer:
    call = api_bootstrap.get_api_services().calls.register(resources.call.account, to="", from_="", direction="inbound")
    return client.post(
        "Calls", client.sid(ResourceType.CALL, call.id), "Recordings", form={"RecordingChannels": "dual"}
    )


def _create_after_stop(client: FunctionClient, resources: Resources) -> Answer:
    api_bootstrap.get_api_services().recordings.update(
        resources.call, resources.call_recording, RecordingStatus.STOPPED
    )
    return client.post("Calls", client.sid(ResourceType.CALL, resources.call.id), "Recordings")


def _end_unrecorded(client: FunctionClient, resources: Resources) -> Answer:
    conference = open_conference(api_bootstrap.get_api_services(), resources.call.account, f"bare {resources.name}")
    return client.post("Conferences", client.sid(ResourceType.CONFERENCE, conference.id), form={"Status": "completed"})


def _participant(form: dict[str, str] | None, *, last: bool = False) -> Action:
    """Update a participant, or remove it if there is no form; `last`: after the other one has left."""

    def action(client: FunctionClient, resources: Resources) -> Answer:
        if last:
            api_bootstrap.get_api_services().calls.end(resources.call.account, resources.legs[1])
        conference, leg = (
            client.sid(ResourceType.CONFERENCE, resources.conference.id),
            client.sid(ResourceType.CALL, resources.legs[0]),
        )
        path = ("Conferences", conference, "Participants", leg)
        return client.delete(*path) if form is None else client.post(*path, form=form)

    return action


def _add(*, new: bool) -> Action:
    """Dial a participant into the existing or a new conference; only in Twilio's dialect."""

    def action(client: FunctionClient, resources: Resources) -> Answer:
        twilio = replace(client, dialect=DIALECTS["twilio"])
        conference = (
            f"new {resources.name}".replace(" ", "%20")
            if new
            else twilio.sid(ResourceType.CONFERENCE, resources.conference.id)
        )
        form = {"From": "client:a", "To": "client:b", "Label": "customer"}
        return twilio.post("Conferences", conference, "Participants", form=form)

    return action


def _call(form: dict[str, str], status: CallStatus | None = None) -> Action:
    """Update the existing call, or a new one that has this status."""

    def action(client: FunctionClient, resources: Resources) -> Answer:
        calls, call = api_bootstrap.get_api_services().calls, resources.call.id
        if status is not None:
            call = calls.register(resources.call.account, to="", from_="", direction="inbound", status=status).id
        return client.post("Calls", client.sid(ResourceType.CALL, call), form=form)

    return action


def _hang_up_participant(client: FunctionClient, resources: Resources) -> Answer:
    return client.post("Calls", client.sid(ResourceType.CALL, resources.legs[0]), form={"Status": "completed"})


def _delete(*, nested: bool) -> Action:
    """Delete the finished recording, by the URL below its call or below its account."""

    def action(client: FunctionClient, resources: Resources) -> Answer:
        above = ("Calls", client.sid(ResourceType.CALL, resources.finished_call.id)) if nested else ()
        return client.delete(*above, "Recordings", client.sid(ResourceType.RECORDING, resources.finished))

    return action


def _create_call(client: FunctionClient, _resources: Resources) -> Answer:
    form = {"From": "client:a", "To": "client:b", "Url": "https://example.com/voice"}
    return client.post("Calls", form=form)


def _delete_call(client: FunctionClient, resources: Resources) -> Answer:
    calls = api_bootstrap.get_api_services().calls
    call = calls.register(resources.call.account, to="", from_="", direction="inbound").id
    calls.end(resources.call.account, call)
    return client.delete("Calls", client.sid(ResourceType.CALL, call))


ACTIONS: dict[str, Action] = {
    "create a call": _create_call,
    "delete a call": _delete_call,
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
    """Return a response without ids, durations and times, which differ between two equal resources."""
    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}", "<id>", answer.text)
    text = re.sub(r'"duration":"?\d+"?', '"duration":<seconds>', text)
    return answer.status, re.sub(r"\d\d:\d\d:\d\d", "<time>", text)


def _versions(resources: Resources) -> list[int]:
    """Return the version of each resource: one per change that is published."""
    database = api_bootstrap.get_api_services().calls._store._database  # type: ignore[attr-defined]
    keys = [
        recording_key(resources.call, resources.call_recording),
        recording_key(resources.conference, resources.conference_recording),
        recording_key(resources.finished_call, resources.finished),
        conference_key(resources.conference.account, resources.conference.id),
        call_key(resources.call.account, resources.call.id),
        *(participant_key(resources.call.account, resources.conference.id, leg) for leg in resources.legs),
    ]
    return [database.get(key)["version"] for key in keys]


@pytest.mark.sized
@pytest.mark.parametrize("lost", scaled(deep=[1, 3], ci=[3], fast=[3]))
@pytest.mark.parametrize("action", ACTIONS)
def test_lost_response_changes_nothing(client: FunctionClient, account: TestAccount, action: str, lost: int) -> None:
    """After lost responses every mutating operation responds as without them and changes the version once."""
    reference, resources = make_resources(account), make_resources(account)
    expected = ACTIONS[action](client, reference)
    losses = 0

    def lose(operation: str, _number: int) -> str | None:
        nonlocal losses
        if operation in WRITES and losses < lost:
            losses += 1
            return "lose"
        return None

    with inject_faults(lose) as connection:
        answer = ACTIONS[action](client, resources)

    assert [fault for _, fault in connection.requests].count("lose") == lost
    assert _normal(answer) == _normal(expected)
    assert _versions(resources) == _versions(reference)


def lose_first_write() -> Decide:
    """Lose the response of the first write only."""
    lost: list[str] = []

    def decide(operation: str, _number: int) -> str | None:
        if operation not in WRITES or lost:
            return None
        lost.append(operation)
        return "lose"

    return decide


# --8<-- [start:retry]
@pytest.mark.parametrize("then", [RecordingStatus.IN_PROGRESS, RecordingStatus.STOPPED])
def test_retry_returns_the_result_of_the_original_write(
    client: FunctionClient, account: TestAccount, then: RecordingStatus
) -> None:
    """A pause that took effect returns `paused`, even if another client has changed the recording since."""
    resources = make_resources(account)

    def move_on() -> None:
        api_bootstrap.get_api_services().recordings.update(resources.call, resources.call_recording, then)

    with inject_faults(lose_first_write(), move_on):
        answer = ACTIONS["pause"](client, resources)

    assert (answer.status, answer.body["status"]) == (200, "paused")
    assert answer.body.get("end_time") is None
    found = api_bootstrap.get_api_services().recordings.get(resources.call, resources.call_recording)
    assert (found.status, found.version) == (then, 3)
    # --8<-- [end:retry]


def test_lost_completion_succeeds_although_the_recording_was_deleted_since(account: TestAccount) -> None:
    """Finishing returns the finished recording, even if it was deleted before the response was lost."""
    resources = make_resources(account)
    service = api_bootstrap.get_api_services()
    service.recordings.update(resources.call, resources.call_recording, RecordingStatus.STOPPED)

    def delete() -> None:
        service.media.delete(resources.call, resources.call_recording)

    with inject_faults(lose_first_write(), delete):
        finished = service.media.finish_without_media(resources.call, resources.call_recording, TOO_SHORT)
    assert (finished.status, finished.version, finished.deleted_until) == (RecordingStatus.ABSENT, 3, None)
    with pytest.raises(NotFound):
        service.recordings.get(resources.call, resources.call_recording)


@pytest.mark.parametrize("repeated", [RecordingStatus.IN_PROGRESS, RecordingStatus.PAUSED])
def test_late_request_does_not_undo_a_later_change(account: TestAccount, repeated: RecordingStatus) -> None:
    """A request that was answered as a no-op has no effect when its delayed first copy arrives."""
    resources = make_resources(account)
    recordings = api_bootstrap.get_api_services().recordings
    if repeated is RecordingStatus.PAUSED:
        recordings.update(resources.call, resources.call_recording, RecordingStatus.PAUSED)
    other = {
        RecordingStatus.IN_PROGRESS: RecordingStatus.PAUSED,
        RecordingStatus.PAUSED: RecordingStatus.IN_PROGRESS,
    }[repeated]
    with inject_faults(lambda _operation, number: "delay" if number == 0 else None) as connection:
        assert recordings.update(resources.call, resources.call_recording, repeated).status is repeated
        recordings.update(resources.call, resources.call_recording, other)
        assert connection.deliver() == [400]
    assert recordings.get(resources.call, resources.call_recording).status is other


def test_conflict_between_attempts_does_not_hide_a_repetition(account: TestAccount) -> None:
    """An unacknowledged first attempt still counts after a conflict restarted the attempts."""
    resources = make_resources(account)
    recordings = api_bootstrap.get_api_services().recordings
    plan = ["delay", "conflict", "pause by another"]

    def decide(_operation: str, _number: int) -> str | None:
        fault = plan.pop(0) if plan else None
        if fault != "pause by another":
            return fault
        recordings.update(resources.call, resources.call_recording, RecordingStatus.PAUSED)
        return None

    with inject_faults(decide) as connection:
        assert recordings.update(resources.call, resources.call_recording, RecordingStatus.PAUSED).status == "paused"
        recordings.update(resources.call, resources.call_recording, RecordingStatus.IN_PROGRESS)
        assert connection.deliver() == [400]
    assert recordings.get(resources.call, resources.call_recording).status is RecordingStatus.IN_PROGRESS


@pytest.mark.parametrize("then", ["conflict", "throttle", "throttle a part"])
@pytest.mark.parametrize("first", ["lose", "delay"])
@pytest.mark.parametrize("operation", ["UpdateItem", "TransactWriteItems"])
def test_possible_write_is_not_reported_as_rejected(
    account: TestAccount, operation: str, first: str, then: str
) -> None:
    """One attempt without a response, then only rejections: the error does not claim that nothing was written."""
    resources = make_resources(account)
    service = api_bootstrap.get_api_services()
    plan = [first]

    def decide(sent: str, _number: int) -> str | None:
        return (plan.pop() if plan else then) if sent == operation else None

    actions: dict[str, Callable[[], object]] = {
        "UpdateItem": lambda: service.recordings.update(
            resources.call, resources.call_recording, RecordingStatus.PAUSED
        ),
        "TransactWriteItems": lambda: service.calls.end(account.id, resources.call.id),
    }
    with inject_faults(decide) as connection, pytest.raises(StoreUnavailable):
        actions[operation]()
    assert [fault for sent, fault in connection.requests if sent == operation][:2] == [first, then]
    if first == "delay":
        assert connection.deliver() == [200]
    found = service.recordings.get(resources.call, resources.call_recording)
    assert (found.status, found.version) == ("paused" if operation == "UpdateItem" else "stopped", 2)


def test_unanswered_and_throttled_read_is_throttled(account: TestAccount) -> None:
    """A read without a response that is then throttled is reported as throttled: it is safe to retry."""
    resources = make_resources(account)
    with (
        inject_faults(lambda _operation, number: "throttle" if number else "refuse"),
        pytest.raises(StoreThrottled),
    ):
        api_bootstrap.get_api_services().recordings.get(resources.call, resources.call_recording)


def test_throttled_deletion_is_not_confused_with_another(account: TestAccount) -> None:
    """A throttled attempt deleted nothing: if another client deletes meanwhile, the throttled client gets 404."""
    resources = make_resources(account)
    transcriptions = api_bootstrap.get_api_services().transcriptions
    created = transcriptions.record(account.id, resources.finished, text="Hello.", duration=1)
    plan = ["throttle"]

    def decide(operation: str, _number: int) -> str | None:
        fault = plan.pop() if plan and operation == "TransactWriteItems" else None
        if fault is not None:
            transcriptions.delete(account.id, created.id)
        return fault

    with inject_faults(decide), pytest.raises(NotFound):
        transcriptions.delete(account.id, created.id)


def test_stop_of_current_is_not_confused_with_another_stop(account: TestAccount) -> None:
    """If another client stopped the recording while its own attempts were lost, no recording is current."""
    resources = make_resources(account)
    recordings = api_bootstrap.get_api_services().recordings

    plan = ["stopped by another", None, None, "lose"]

    def decide(operation: str, _number: int) -> str | None:
        fault = plan.pop(0) if plan and operation == "UpdateItem" else None
        if fault != "stopped by another":
            return fault
        recordings.update(resources.call, resources.call_recording, RecordingStatus.STOPPED)
        return "lose"

    with inject_faults(decide) as connection, pytest.raises(NotEligibleForRecording):
        recordings.update(resources.call, CURRENT, RecordingStatus.STOPPED)
    assert ("UpdateItem", "lose") in connection.requests
    assert recordings.get(resources.call, resources.call_recording).version == 2


def test_changes_are_numbered_by_the_write(account: TestAccount) -> None:
    """Each transition of a recording and each event of a conference has the next number (REL-4)."""
    service = api_bootstrap.get_api_services()
    resources = make_resources(account)
    moves = [RecordingStatus.PAUSED, RecordingStatus.IN_PROGRESS, RecordingStatus.STOPPED]
    versions = [service.recordings.update(resources.call, resources.call_recording, move).version for move in moves]
    assert versions == [2, 3, 4]
    conference = open_conference(service, account.id, f"numbered {resources.name}")
    sequences = [conference.sequence]
    legs = [service.calls.register(account.id, to="", from_="", direction="inbound").id for _ in range(2)]
    sequences += [join_conference(service, account.id, conference.id, leg).sequence for leg in legs]
    for leg in legs:
        service.calls.end(account.id, leg)
        sequences.append(service.conferences.get(account.id, conference.id).sequence)
    # join; join and start; leave; leave and end
    assert sequences == [0, 1, 3, 4, 6]


def test_hang_up_stops_the_recording_after_pruning(account: TestAccount) -> None:
    """Pruning the set of active recordings keeps every active one, so that a hang-up stops it (REL-9)."""
    resources = make_resources(account)
    service = api_bootstrap.get_api_services()
    recordings = service.recordings
    for _ in range(PRUNE_ACTIVE_AT + 1):
        started = start_recording(service, resources.call, source=Source.DIAL_VERB, call=resources.call.id)
        recordings.update(resources.call, started.id, RecordingStatus.STOPPED)
    service.calls.end(account.id, resources.call.id)
    assert recordings.get(resources.call, resources.call_recording).status is RecordingStatus.STOPPED
    assert list(recordings._store.list_active_recordings(resources.call)) == []


def test_own_write_is_recognised_after_seven_later_ones(account: TestAccount) -> None:
    """A recording keeps its last eight write tokens: a repetition after seven other writes changes nothing."""
    resources = make_resources(account)
    recordings = api_bootstrap.get_api_services().recordings

    def move_on() -> None:
        for target in (*(RecordingStatus.IN_PROGRESS, RecordingStatus.PAUSED) * 3, RecordingStatus.IN_PROGRESS):
            recordings.update(resources.call, resources.call_recording, target)

    with inject_faults(lose_first_write(), move_on):
        answered = recordings.update(resources.call, resources.call_recording, RecordingStatus.PAUSED)
    assert answered.status is RecordingStatus.PAUSED
    found = recordings.get(resources.call, resources.call_recording)
    assert (found.status, found.version) == (RecordingStatus.IN_PROGRESS, 9)


def test_lost_hang_up_happens_once(account: TestAccount) -> None:
    """A call and its recordings end in one write; its repetition recognises the first attempt."""
    resources = make_resources(account)
    with inject_faults(lambda _operation, number: "lose" if number in {0, 2} else None):
        call = api_bootstrap.get_api_services().calls.end(account.id, resources.call.id)
    assert call.status == "completed"
    found = api_bootstrap.get_api_services().recordings.get(resources.call, resources.call_recording)
    assert (found.status, found.version) == (RecordingStatus.STOPPED, 2)


def test_repeated_removal_does_not_remove_a_rejoined_participant(client: FunctionClient, account: TestAccount) -> None:
    """A participant who was removed and rejoins before the response is lost is not removed again."""
    resources = make_resources(account)

    def come_back() -> None:
        service, conference, leg = api_bootstrap.get_api_services(), resources.conference.id, resources.legs[0]
        _, removed = service.conferences._store.get_membership(account.id, conference, leg)
        assert removed is not None
        EngineReporter(service, account.id, current_environment().clock).left(conference, leg, removed.version)
        join_conference(service, account.id, conference, leg)

    with inject_faults(lose_first_write(), come_back):
        assert ACTIONS["remove a participant"](client, resources).status == 204
    assert (
        api_bootstrap.get_api_services()
        .participants.get(account.id, resources.conference.id, resources.legs[0])
        .is_inside
    )
    assert api_bootstrap.get_api_services().conferences.get(account.id, resources.conference.id).participants == 2


def test_repeated_mute_returns_the_result_of_the_original_write(client: FunctionClient, account: TestAccount) -> None:
    """A mute that took effect returns `muted`, even if other clients have changed the participant since."""
    resources = make_resources(account)
    participants = api_bootstrap.get_api_services().participants

    def move_on() -> None:
        for muted in (False, True, False):
            change = UpdateParticipant(muted=muted)
            participants.update(account.id, resources.conference.id, resources.legs[0], change)

    with inject_faults(lose_first_write(), move_on):
        answer = ACTIONS["mute a participant"](client, resources)
    assert (answer.status, answer.body["muted"]) == (200, True)
    assert not participants.get(account.id, resources.conference.id, resources.legs[0]).muted


@pytest.mark.parametrize(
    "action", ["redirect a call", "mute a participant", "remove a participant", "delete a recording"]
)
def test_late_copy_has_no_second_effect(client: FunctionClient, account: TestAccount, action: str) -> None:
    """A delayed copy of a request that arrives after the response fails its own write condition.

    That of a transaction is known by its token.
    """
    resources = make_resources(account)
    client.get("Calls", client.sid_of_call(resources.call.id))  # fills the credential cache
    seen: list[str] = []

    def decide(operation: str, _number: int) -> str | None:
        seen.append(operation)
        return "delay" if operation in WRITES and sum(each in WRITES for each in seen) == 1 else None

    with inject_faults(decide) as connection:
        assert ACTIONS[action](client, resources).status in {200, 204}
        before = _versions(resources)
        assert connection.deliver() == [200 if "TransactWriteItems" in seen else 400]
    assert _versions(resources) == before


def test_unreachable_database_is_an_error_of_the_dialect(client: FunctionClient, account: TestAccount) -> None:
    """Without any response from the database the client gets 500 (Twilio) or 503 (SignalWire)."""
    resources = make_resources(account)
    ACTIONS["pause"](client, resources)  # fills the credential cache
    with inject_faults(lambda _operation, _number: "refuse"):
        answer = ACTIONS["stop"](client, resources)
    expected = (500, 20500) if client.dialect.name == "twilio" else (503, 20504)
    assert (answer.status, answer.body["code"]) == expected
