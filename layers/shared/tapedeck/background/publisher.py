"""Publish one DynamoDB stream change: commands to the engine, callbacks to subscribers, events to EventBridge.

How a pause travels to the engine and back:

1. The API stores the recording as `paused` with the next `version`. The table's stream passes this change to
   publish_changes, which calls `ChangePublisher.publish`.
2. `publish` sends the command `recording.pause` with this version to the queue of the engine that has the call or
   conference. It stores the callbacks that the subscription includes in the outbox, and publishes the domain event
   `recording.paused` to the bus. Both report that the pause was requested.
3. The engine pauses the capture and reports the engine event `recording.paused`, with the version of the command, to
   `take_engine_events`. `EngineEvents.take` stores it as `confirmed_version`.
4. The stream passes this change on too: `publish` now publishes the domain event `recording.confirmed`, which reports
   that the engine has paused.

Until step 3, `Reconciler.run` sends the command again 30 seconds after the change, then ever less often. Commands of
recordings do not expire while the recording is unfinished.

Everything here is idempotent: replaying a change sends the same commands, events and callbacks with the same ids, and
an outbox entry that exists already stays unchanged (REL-4 to REL-6).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache, partial
from typing import Final

from tapedeck.background.change_batch import ChangeBatch
from tapedeck.background.command_sender import CommandSender
from tapedeck.background.conversions import Conversions
from tapedeck.background.current_commands import CurrentCommands
from tapedeck.background.notifications import (
    at_event,
    before_deletion,
    call_events,
    call_status_at_leave,
    conference_events,
    end_event,
    events_that_follow,
    leave_events_at_end,
    leave_events_before_end,
    participant_event_before,
    participant_events,
    recording_events,
    required_call_events,
    required_events,
    start_event,
)
from tapedeck.background.outbound import (
    domain_events,
    newly_finished,
    was_live,
)
from tapedeck.background.webhook_delivery import CallbackDispatcher
from tapedeck.dialects.callback_selection import callbacks_in
from tapedeck.dialects.callbacks import Fields, encode
from tapedeck.domain.call import Call
from tapedeck.domain.conference import Conference
from tapedeck.domain.delivery import REQUEUE_AFTER_SECONDS, CallbackDelivery, delivery_id, idempotency_token
from tapedeck.domain.notification import CallNotification, ConferenceEvent, ConferenceNotification, RecordingEvent
from tapedeck.domain.page import ALL_TIME, ids_of
from tapedeck.domain.participant import Participant
from tapedeck.domain.recording import Parent, ParentKind, Recording, RecordingStatus
from tapedeck.domain.subscription import CallbackSubscription
from tapedeck.operations.calls import Calls
from tapedeck.operations.media import object_key
from tapedeck.ports.changes import Change
from tapedeck.ports.clock import Clock
from tapedeck.ports.lists import ListStore
from tapedeck.ports.media import MediaStore
from tapedeck.ports.messaging import Bus
from tapedeck.ports.participants import ParticipantStore
from tapedeck.ports.stores import Store


class ChangePublisher:
    """Publishes changes, and stores callbacks that were never published.

    Every method raises StoreBusy or StoreUnavailable if the table, a queue or the bus fails; calling it again is safe.

    Args:
        store: the recordings table.
        participants: the participants in it.
        lists: the recordings of a conference in it.
        media: the media bucket.
        commands: sends commands to the media engines.
        callbacks: stores callbacks in the outbox and queues them.
        bus: the event bus; None: no domain events are published (C-331).
        public_url: the service's scheme and host, as clients know it.
        clock: milliseconds.
        conversions: requests the conversion of captures.
    """

    def __init__(
        self,
        store: Store,
        participants: ParticipantStore,
        lists: ListStore,
        media: MediaStore,
        commands: CommandSender,
        callbacks: CallbackDispatcher,
        bus: Bus | None,
        public_url: str,
        clock: Clock,
        conversions: Conversions,
    ) -> None:
        self._store = store
        self._participants = participants
        self._lists = lists
        self._media = media
        self._commands = commands
        self._callbacks = callbacks
        self._bus = bus
        self._public_url = public_url
        self._clock = clock
        self._conversions = conversions
        self._current_commands = CurrentCommands(store, clock)
        self._calls = Calls(store, clock)

    def publish(self, change: Change) -> None:
        """Publish one change."""
        (failure,) = self.publish_all([change])
        if failure is not None:
            raise failure

    # --8<-- [start:publish]
    def publish_all(self, changes: Sequence[Change]) -> Sequence[Exception | None]:
        """Publish changes: the commands of all first, then the callbacks, then the domain events.

        Recordings that these changes finish, and calls that they end, are then marked as published, which ends their
        pending work. Each step sends up to ten messages at once.

        Returns:
            the error of each change, None if it is published. An error is about one change, and blocks later ones of
            the same call or conference.
        """
        batch = ChangeBatch(changes)
        batch.send_by_lane(lambda each: self._commands.route(self._current_commands.of(each)), self._commands.send_to)
        batch.send(self._conversions.messages_for, self._conversions.send)
        batch.send(self._stored_callbacks, self._callbacks.queue)
        if self._bus is not None:
            batch.send(domain_events, self._bus.publish)
        batch.each(self._mark_what_ended)
        return batch.failures

    # --8<-- [end:publish]

    def _stored_callbacks(self, change: Change) -> Sequence[CallbackDelivery]:
        """Store the callbacks of a change in the outbox, and return those to queue; end what ends with a conference."""
        after, before = change.after, change.before
        if isinstance(after, Conference) and not after.is_live and was_live(before):
            try:
                self.end_dialed_calls(after)
            except Exception:
                self._enqueue(self._deliveries(change))  # they do not wait until the calls can be ended
                raise
        return self._callbacks.store(self._deliveries(change))

    def _deliveries(self, change: Change) -> list[CallbackDelivery]:
        after, before = change.after, change.before
        match after:
            case Recording():
                old_recording = before if isinstance(before, Recording) else None
                events = [
                    *recording_events(old_recording, after),
                    *(required_events(after) if newly_finished(change) is not None else ()),
                ]
                # A finished recording also gets its required events again, in case an earlier change was lost.
                return self._recording_deliveries(after, sorted(dict.fromkeys(events), key=lambda each: each[1]))
            case Conference():
                old_conference = before if isinstance(before, Conference) else None
                # The participant's record stores what follows its own event, so that both are sent in order.
                if participant_event_before(old_conference, after) in self._subscribed_events(after):
                    return []
                notifications = conference_events(old_conference, after, self._participant_loader(after))
                return self._conference_deliveries(change.account, notifications)
            case Participant():
                load_conference = cache(partial(self._store.get_conference, change.account, after.conference))
                old_participant = before if isinstance(before, Participant) else None
                notifications = participant_events(old_participant, after, load_conference)
                return self._conference_deliveries(change.account, self._with_followers(notifications))
            case Call():
                return self._call_deliveries(after, call_events(before if isinstance(before, Call) else None, after))
        return []

    def _mark_what_ended(self, change: Change) -> None:
        finished, after = newly_finished(change), change.after
        # Without a callback the recording left the pending-work index when it was finished.
        if finished is not None and finished.callback is not None:
            self.mark_published(finished)
        if isinstance(after, Call) and after.has_unpublished_events and was_live(change.before):
            self.mark_published(after)

    def backfill_recording(self, recording: Recording) -> int:
        """Store the callbacks of a recording that should be in the outbox and are not; return how many.

        Only the start and the end can be derived from the current state; missed pauses and resumes are not delivered
        late.
        """
        recording = before_deletion(recording)
        return self._enqueue_missing(self._recording_deliveries(recording, required_events(recording)))

    def backfill_conference(self, conference: Conference) -> int:
        """Store the callbacks of an ended conference that should be in the outbox and are not; return how many.

        From the current state, only the start, the end and each participant's leave can be derived.
        """
        load_participants = cache(self._participant_loader(conference))
        required = [
            *([start_event(conference)] if conference.start_sequence else []),
            *leave_events_before_end(conference, load_participants),
            *leave_events_at_end(conference, load_participants),
            end_event(conference),
        ]
        required = [each for each in required if each.event in self._subscribed_events(conference)]
        if required:
            known = {delivery.id for delivery in self._callbacks.of(conference.account, conference.id)}
            missing = (each for each in required if delivery_id(each.sequence, each.event) not in known)
            required = sorted(missing, key=lambda each: each.sequence)
        return self._enqueue(self._conference_deliveries(conference.account, required))

    def backfill_call(self, call: Call) -> int:
        """Store the callbacks of an ended call that should be in the outbox and are not; return how many."""
        return self._enqueue_missing(self._call_deliveries(call, required_call_events(call)))

    def end_dialed_calls(self, conference: Conference) -> int:
        """End the calls that were dialed into a conference that has ended; return how many this ended. Idempotent.

        The end of the conference does not write them (REL-9): up to 250 calls do not fit in a transaction (C-151). A
        call that is busy raises StoreBusy after all others were tried.
        """
        if not conference.has_dialed:
            return 0
        _, everyone = self._participants.list_participants(conference.account, conference.id)
        dialed = [each.call for each in everyone if each.is_inside and each.was_dialed]
        calls = self._store.get_calls(conference.account, dialed) if dialed else {}
        return self._calls.end_all_after_conference(
            [call for call in calls.values() if call.conference == conference.id]
        )

    def mark_published(self, resource: Recording | Conference | Call) -> None:
        """Mark all callbacks of a finished recording or ended call, or all that follows a conference's end, as done."""
        match resource:
            case Recording():
                self._store.mark_recording_published(resource)
            case Conference():
                self._store.mark_conference_published(resource)
            case Call():
                self._store.mark_call_published(resource)

    def _enqueue(self, deliveries: Sequence[CallbackDelivery]) -> int:
        """Enqueue deliveries; return their number."""
        for delivery in deliveries:
            self._callbacks.enqueue(delivery)
        return len(deliveries)

    def _enqueue_missing(self, required: Sequence[CallbackDelivery]) -> int:
        """Enqueue the deliveries of one resource that are not in the outbox; return their number."""
        if not required:
            return 0
        known = {delivery.id for delivery in self._callbacks.of(required[0].account, required[0].resource_id)}
        return self._enqueue([delivery for delivery in required if delivery.id not in known])

    def _recording_deliveries(
        self, recording: Recording, events: Iterable[tuple[RecordingEvent, int]]
    ) -> list[CallbackDelivery]:
        callback = recording.callback
        if callback is None:
            return []
        dialect = callbacks_in(callback.dialect)
        subscribed = dialect.recording_events(callback.events)

        def render(event: RecordingEvent) -> Fields:
            return dialect.recording(at_event(recording, event), event, self._public_url)

        return [
            self._delivery(recording.parent.account, recording.id, version, event, callback, render(event))
            for event, version in events
            if event in subscribed
        ]

    def _call_deliveries(self, call: Call, notifications: Iterable[CallNotification]) -> list[CallbackDelivery]:
        callback = call.callback
        if callback is None:
            return []
        dialect = callbacks_in(callback.dialect)
        subscribed = dialect.call_events(callback.events)
        return [
            self._delivery(call.account, call.id, each.sequence, each.event, callback, dialect.call(each))
            for notification in notifications
            if notification.event in subscribed
            for each in dialect.with_following(notification)
        ]

    def _subscribed_events(self, conference: Conference) -> frozenset[ConferenceEvent]:
        """Return the events that the conference's callback subscribes to."""
        callback = conference.callback
        if callback is None:
            return frozenset()
        return callbacks_in(callback.dialect).conference_events(callback.events)

    def _with_followers(self, notifications: Iterable[ConferenceNotification]) -> Iterator[ConferenceNotification]:
        """Add the start or end of a conference to the participant's event that it follows, if that has a callback."""
        for each in notifications:
            yield each
            if each.event in self._subscribed_events(each.conference):
                yield from events_that_follow(each, self._participant_loader(each.conference))

    def _participant_loader(self, conference: Conference) -> Callable[[], Sequence[Participant]]:
        """Return a function that reads all participants of a conference; it reads none if `leave` is not subscribed."""
        if ConferenceEvent.LEAVE not in self._subscribed_events(conference):
            return tuple
        return lambda: self._participants.list_participants(conference.account, conference.id)[1]

    def _conference_deliveries(
        self, account: str, notifications: Iterable[ConferenceNotification]
    ) -> list[CallbackDelivery]:
        subscribed = [each for each in notifications if each.event in self._subscribed_events(each.conference)]
        return [
            self._delivery(
                account,
                each.conference.id,
                each.sequence,
                each.event,
                callback,
                callbacks_in(callback.dialect).conference(each, self._public_url),
            )
            for each in self._with_related_items(account, subscribed)
            if (callback := each.conference.callback) is not None
        ]

    def _with_related_items(
        self, account: str, notifications: Sequence[ConferenceNotification]
    ) -> list[ConferenceNotification]:
        """Add data of other items: the status of a leaving call, and what the `end` callback contains."""
        leaving = [each.participant.call for each in notifications if _is_leave(each) and each.participant is not None]
        calls = self._store.get_calls(account, leaving) if leaving else {}
        completed = []
        for each in notifications:
            if _is_leave(each) and each.participant is not None:
                call = calls.get(each.participant.call)
                completed.append(replace(each, call_status=call_status_at_leave(each, call)))
            else:
                completed.append(self._complete_end(each) if each.event is ConferenceEvent.END else each)
        return completed

    def _complete_end(self, notification: ConferenceNotification) -> ConferenceNotification:
        """Add the participant that ended the conference and, for some dialects, the newest completed recording."""
        conference = notification.conference
        if conference.ending_call is not None:
            _, ending = self._store.get_membership(conference.account, conference.id, conference.ending_call)
            notification = replace(notification, participant=ending)
        if conference.callback is None or not callbacks_in(conference.callback.dialect).end_includes_recording:
            return notification
        fetch = self._lists.recordings_of(Parent(conference.account, ParentKind.CONFERENCE, conference.id))
        newest = fetch(ids_of(ALL_TIME), _MAX_RECORDINGS_SEARCHED).items
        recording = next((each for each in newest if each.status is RecordingStatus.COMPLETED), None)
        if recording is None:
            return notification
        stored = self._media.stat(object_key(conference.account, recording.id))
        return replace(notification, recording=recording, file_size=stored.size if stored is not None else None)

    def _delivery(
        self, account: str, resource_id: str, sequence: int, event: str, callback: CallbackSubscription, fields: Fields
    ) -> CallbackDelivery:
        return CallbackDelivery(
            account=account,
            resource_id=resource_id,
            sequence=sequence,
            event=str(event),
            dialect=callback.dialect,
            url=callback.url,
            method=callback.method,
            body=encode(fields).decode(),
            idempotency_token=idempotency_token(account, resource_id, delivery_id(sequence, event)),
            created=self._clock() // 1000,
            next_attempt_at=self._clock() // 1000 + REQUEUE_AFTER_SECONDS,
        )


_MAX_RECORDINGS_SEARCHED: Final = 100
"""Upper limit of a conference's recordings that are searched for the newest completed one when it ends (C-75)."""


def _is_leave(notification: ConferenceNotification) -> bool:
    return notification.event is ConferenceEvent.LEAVE
