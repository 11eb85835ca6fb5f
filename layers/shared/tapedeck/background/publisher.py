"""From a change in the table to everybody who must hear of it: the media engine, whoever asked, whoever listens.

All of it can be done again: what has been told already is told as a repetition, or not at all (rules R4 to R6).
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache, partial
from typing import Final

from tapedeck.background.notifications import (
    before_deletion,
    conference_events,
    end_event,
    leave_events_at_end,
    leave_events_before_end,
    participant_events,
    recording_events,
    required_events,
    start_event,
)
from tapedeck.background.outbound import commands_for_change, domain_events, is_command_current, last_changed_at
from tapedeck.background.webhook_delivery import CallbackDispatcher
from tapedeck.dialects.callback_selection import callbacks_in
from tapedeck.dialects.callbacks import Fields, encode
from tapedeck.domain.call import Call
from tapedeck.domain.conference import Conference
from tapedeck.domain.delivery import REQUEUE_AFTER_SECONDS, CallbackDelivery, delivery_id
from tapedeck.domain.engine_command import Command
from tapedeck.domain.notification import ConferenceEvent, ConferenceNotification, RecordingEvent
from tapedeck.domain.page import ALL_TIME, ids_of
from tapedeck.domain.participant import Participant
from tapedeck.domain.recording import FINISHED, UNFINISHED, Parent, ParentKind, Recording, RecordingStatus
from tapedeck.domain.subscription import CallbackSubscription
from tapedeck.engine_protocol.serializer import write_command
from tapedeck.operations.media import object_key
from tapedeck.ports.changes import Change, Resource
from tapedeck.ports.messaging import Bus, Queue, QueueMessage
from tapedeck.ports.stores import Clock, ListStore, MediaStore, ParticipantStore, Store

COMMAND_STALENESS_CHECK_SECONDS: Final = 300
"""Seconds after which it is first looked whether a command is still to be carried out (our choice)."""


class ChangePublisher:
    """Every method raises StoreBusy or StoreUnavailable when the table, a queue or the bus fails: then do it again.

    Args:
        store: the recordings table.
        rooms: the participants in it.
        lists: the recordings of a conference in it.
        objects: their media.
        commands: where commands for the media engine go.
        deliveries: where callbacks go.
        bus: where facts go.
        origin: the service's scheme and host, as clients know it.
        clock: milliseconds.
    """

    def __init__(
        self,
        store: Store,
        rooms: ParticipantStore,
        lists: ListStore,
        objects: MediaStore,
        commands: Queue,
        deliveries: CallbackDispatcher,
        bus: Bus,
        origin: str,
        clock: Clock,
    ) -> None:
        self._store = store
        self._participants = rooms
        self._lists = lists
        self._objects = objects
        self._commands = commands
        self._deliveries = deliveries
        self._bus = bus
        self._origin = origin
        self._clock = clock

    def publish(self, change: Change) -> None:
        """Tell of one change, the media engine first; a recording that is finished with it is settled."""
        self.send_commands(self._still_current(change))
        after, before = change.after, change.before
        finished = _finished_with(change)
        match after:
            case Recording():
                was = before if isinstance(before, Recording) else None
                events = [*recording_events(was, after), *(required_events(after) if finished is not None else ())]
                # With its end all is told that must have been, whatever got lost; in order.
                self._enqueue(self._of_recording(after, sorted(dict.fromkeys(events), key=lambda each: each[1])))
            case Conference():
                was_room = before if isinstance(before, Conference) else None
                self._enqueue(
                    self._claims(change.account, conference_events(was_room, after, self._participant_loader(after)))
                )
            case Participant():
                room = cache(partial(self._store.get_conference, change.account, after.conference))
                was_in = before if isinstance(before, Participant) else None
                self._enqueue(self._claims(change.account, participant_events(was_in, after, room)))
        if facts := list(domain_events(change)):
            self._bus.publish(facts)
        # One that nobody is to be told of has been left alone since it was finished.
        if finished is not None and finished.callback is not None:
            self.mark_published(finished)

    def send_commands(self, commands: Iterable[Command], again: str = "") -> None:
        """Ask the media engine; `again` tells repetitions apart, which the queue would drop."""
        messages = [_message(command, again) for command in commands]
        if messages:
            self._commands.send(messages)

    def backfill_recording(self, recording: Recording) -> int:
        """Tell what must have been told of a recording and is in no claim; how much that was.

        Only its end and its beginning can be known afterwards; what happened in between is not told late.
        """
        recording = before_deletion(recording)
        owed = self._of_recording(recording, required_events(recording))
        if owed:
            known = {delivery.id for delivery in self._deliveries.of(recording.parent.account, recording.id)}
            owed = [delivery for delivery in owed if delivery.id not in known]
        return self._enqueue(owed)

    def backfill_conference(self, conference: Conference) -> int:
        """Tell what must have been told of a conference, which has ended, and is in no claim; how much that was.

        What can be known then is its start, its end, and of everybody the last event, which is leaving.
        """
        everybody = cache(self._participant_loader(conference))
        owed = [
            *([start_event(conference)] if conference.start_sequence else []),
            *leave_events_before_end(conference, everybody),
            *leave_events_at_end(conference, everybody),
            end_event(conference),
        ]
        owed = [each for each in owed if each.event in self._pending_commands(conference)]
        if owed:
            known = {delivery.id for delivery in self._deliveries.of(conference.account, conference.id)}
            owed = [each for each in owed if delivery_id(each.sequence, each.event) not in known]
        return self._enqueue(self._claims(conference.account, owed))

    def mark_published(self, resource: Recording | Conference) -> None:
        """Nobody has to look after what is told of this any more."""
        if isinstance(resource, Recording):
            self._store.mark_recording_published(resource.parent, resource.id)
        else:
            self._store.mark_conference_published(resource)

    def _still_current(self, change: Change) -> Iterator[Command]:
        """What this change asks of the media engine, but for what is told late and has been done or overtaken since."""
        now = self._clock() // 1000
        for command in commands_for_change(change):
            is_late = (
                change.after is not None and now - last_changed_at(change.after) >= COMMAND_STALENESS_CHECK_SECONDS
            )
            if not is_late or is_command_current(command, *self._current_state(change), now):
                yield command

    def _current_state(self, change: Change) -> tuple[Resource | None, Conference | None]:
        """What this change is about, and the conference around a participant."""
        match change.after:
            case Recording() as recording:
                return self._store.get_recording(recording.parent, recording.id), None
            case Call() as call:
                return self._store.get_call(change.account, call.id), None
            case Conference() as room:
                return self._store.get_conference(change.account, room.id), None
            case Participant() as one:
                around, found = self._store.get_membership(change.account, one.conference, one.call)
                return found, around
        return None, None

    def _enqueue(self, deliveries: Sequence[CallbackDelivery]) -> int:
        """Put claims on their way; how many there were."""
        for delivery in deliveries:
            self._deliveries.enqueue(delivery)
        return len(deliveries)

    def _of_recording(
        self, recording: Recording, events: Iterable[tuple[RecordingEvent, int]]
    ) -> list[CallbackDelivery]:
        callback = recording.callback
        if callback is None:
            return []
        dialect = callbacks_in(callback.dialect)
        told = dialect.recording_events(callback.events)
        account = recording.parent.account
        return [
            self._delivery(
                account, recording.id, number, event, callback, dialect.recording(recording, event, self._origin)
            )
            for event, number in events
            if event in told
        ]

    def _pending_commands(self, conference: Conference) -> frozenset[ConferenceEvent]:
        """What somebody has asked to be told of it."""
        callback = conference.callback
        if callback is None:
            return frozenset()
        return callbacks_in(callback.dialect).conference_events(callback.events)

    def _participant_loader(self, conference: Conference) -> Callable[[], Sequence[Participant]]:
        """All who were ever in it; nobody, where nobody is to be told that they have left."""
        if ConferenceEvent.LEAVE not in self._pending_commands(conference):
            return tuple
        return lambda: self._participants.list_participants(conference.account, conference.id)[1]

    def _claims(self, account: str, notifications: Iterable[ConferenceNotification]) -> list[CallbackDelivery]:
        told = [each for each in notifications if each.event in self._pending_commands(each.conference)]
        return [
            self._delivery(
                account,
                each.conference.id,
                each.sequence,
                each.event,
                callback,
                callbacks_in(callback.dialect).conference(each, self._origin),
            )
            for each in self._with_related_items(account, told)
            if (callback := each.conference.callback) is not None
        ]

    def _with_related_items(self, account: str, told: Sequence[ConferenceNotification]) -> list[ConferenceNotification]:
        """With what stands in other items: how the call of who left stands, how the conference has ended."""
        leaving = [each.participant.call for each in told if _is_leave(each) and each.participant is not None]
        calls = self._store.get_calls(account, leaving) if leaving else {}
        whole = []
        for each in told:
            if _is_leave(each) and each.participant is not None:
                call = calls.get(each.participant.call)
                whole.append(replace(each, call_status=call.status if call is not None else None))
            else:
                whole.append(self._whole_end(each) if each.event is ConferenceEvent.END else each)
        return whole

    def _whole_end(self, told: ConferenceNotification) -> ConferenceNotification:
        """With whoever ended the conference and, where that is told, what had been recorded of it by now."""
        room = told.conference
        if room.ending_call is not None:
            _, ending = self._store.get_membership(room.account, room.id, room.ending_call)
            told = replace(told, participant=ending)
        if room.callback is None or not callbacks_in(room.callback.dialect).end_includes_recording:
            return told
        fetch = self._lists.recordings_of(Parent(room.account, ParentKind.CONFERENCE, room.id))
        newest = fetch(ids_of(ALL_TIME), _MAX_LOOKED_AT).items
        recording = next((each for each in newest if each.status is RecordingStatus.COMPLETED), None)
        if recording is None:
            return told
        stored = self._objects.stat(object_key(room.account, recording.id))
        return replace(told, recording=recording, file_size=stored.size if stored is not None else None)

    def _delivery(
        self, account: str, resource_id: str, number: int, event: str, callback: CallbackSubscription, fields: Fields
    ) -> CallbackDelivery:
        return CallbackDelivery(
            account=account,
            resource_id=resource_id,
            sequence=number,
            event=str(event),
            dialect=callback.dialect,
            url=callback.url,
            method=callback.method,
            body=encode(fields).decode(),
            idempotency_token=_token(account, resource_id, delivery_id(number, event)),
            created=self._clock() // 1000,
            next_attempt_at=self._clock() // 1000 + REQUEUE_AFTER_SECONDS,
        )


_MAX_LOOKED_AT: Final = 100
"""Recordings of a conference among which the newest that is completed is looked for when it ends (our choice)."""


def _finished_with(change: Change) -> Recording | None:
    """The recording that has been finished with this change."""
    before, after = change.before, change.after
    if not isinstance(after, Recording) or after.status not in FINISHED:
        return None
    return after if before is None or before.status in UNFINISHED else None


def _is_leave(notification: ConferenceNotification) -> bool:
    return notification.event is ConferenceEvent.LEAVE


def _message(command: Command, again: str) -> QueueMessage:
    return QueueMessage(write_command(command), command.parent.id, f"{command.id}{again}")


def _token(*names: str) -> str:
    """The same for whoever tells the same event, in the form of a UUID."""
    digest = hashlib.sha256("/".join(names).encode()).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:32]}"
