"""From a change in the table to everybody who must hear of it: the media engine, whoever asked, whoever listens.

All of it can be done again: what has been told already is told as a repetition, or not at all (rules R4 to R6).
"""

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from functools import cache, partial

from tapedeck.dialects.callback_choice import callbacks_in
from tapedeck.dialects.callbacks import Fields, encode
from tapedeck.dialects.media_contract import write_command
from tapedeck.domain.callback import Callback
from tapedeck.domain.claim import SECONDS_IN_QUEUE, Claim, claim_id
from tapedeck.domain.command import Command
from tapedeck.domain.conference import Conference
from tapedeck.domain.participant import Participant
from tapedeck.domain.recording import UNFINISHED, Recording
from tapedeck.domain.telling import ConferenceEvent, ConferenceNotification, RecordingEvent
from tapedeck.operations.changes import (
    Change,
    commands_of,
    conference_events,
    facts_of,
    owed_events,
    participant_events,
    recording_events,
)
from tapedeck.operations.deliveries import Deliveries
from tapedeck.operations.messaging import Bus, Message, Queue
from tapedeck.operations.ports import Clock, Store


class Publisher:
    """Every method raises StoreBusy or StoreUnavailable when the table, a queue or the bus fails: then do it again.

    Args:
        store: the recordings table.
        commands: where commands for the media engine go.
        deliveries: where callbacks go.
        bus: where facts go.
        origin: the service's scheme and host, as clients know it.
        clock: milliseconds.
    """

    def __init__(
        self, store: Store, commands: Queue, deliveries: Deliveries, bus: Bus, origin: str, clock: Clock
    ) -> None:
        self._store = store
        self._commands = commands
        self._deliveries = deliveries
        self._bus = bus
        self._origin = origin
        self._clock = clock

    def publish(self, change: Change) -> None:
        """Tell of one change, the media engine first; with that, a finished recording is settled."""
        self.command(commands_of(change))
        after, before = change.after, change.before
        match after:
            case Recording():
                self._tell_recording(after, recording_events(before if isinstance(before, Recording) else None, after))
            case Conference():
                was = before if isinstance(before, Conference) else None
                self._tell_conference(change.account, conference_events(was, after))
            case Participant():
                room = cache(partial(self._store.get_conference, change.account, after.conference))
                was_in = before if isinstance(before, Participant) else None
                self._tell_conference(change.account, participant_events(was_in, after, room))
        if facts := list(facts_of(change)):
            self._bus.put(facts)
        if isinstance(after, Recording) and after.status not in UNFINISHED:
            self._store.settle_recording(after.parent, after.id)

    def command(self, commands: Iterable[Command], again: str = "") -> None:
        """Ask the media engine; `again` tells repetitions apart, which the queue would drop."""
        messages = [_message(command, again) for command in commands]
        if messages:
            self._commands.send(messages)

    def audit(self, recording: Recording) -> int:
        """Tell what must have been told of a recording and is in no claim; how much that was.

        Only its end and its beginning can be known afterwards; what happened in between is not told late.
        """
        owed = self._owed(recording, owed_events(recording))
        if owed:
            known = {claim.id for claim in self._deliveries.of(recording.parent.account, recording.id)}
            owed = [claim for claim in owed if claim.id not in known]
        for claim in owed:
            self._deliveries.owe(claim)
        return len(owed)

    def settle(self, recording: Recording) -> None:
        """Nobody has to look after this recording any more."""
        self._store.settle_recording(recording.parent, recording.id)

    def _tell_recording(self, recording: Recording, events: Iterable[tuple[RecordingEvent, int]]) -> None:
        for claim in self._owed(recording, events):
            self._deliveries.owe(claim)

    def _owed(self, recording: Recording, events: Iterable[tuple[RecordingEvent, int]]) -> list[Claim]:
        callback = recording.callback
        if callback is None:
            return []
        dialect = callbacks_in(callback.dialect)
        told = dialect.recording_events(callback.events)
        account = recording.parent.account
        return [
            self._claim(
                account, recording.id, number, event, callback, dialect.recording(recording, event, self._origin)
            )
            for event, number in events
            if event in told
        ]

    def _tell_conference(self, account: str, notifications: Iterable[ConferenceNotification]) -> None:
        for notification in notifications:
            conference, event = notification.conference, notification.event
            callback = conference.callback
            if callback is None:
                continue
            dialect = callbacks_in(callback.dialect)
            if event in dialect.conference_events(callback.events):
                fields = dialect.conference(self._whole(account, notification), self._origin)
                number = notification.sequence
                self._deliveries.owe(self._claim(account, conference.id, number, event, callback, fields))

    def _whole(self, account: str, notification: ConferenceNotification) -> ConferenceNotification:
        """With what stands in other items: how the call of who left stands, who it was that ended the conference."""
        conference, participant = notification.conference, notification.participant
        if notification.event is ConferenceEvent.LEAVE and participant is not None:
            call = self._store.get_call(account, participant.call)
            return replace(notification, call_status=call.status if call is not None else None)
        if notification.event is ConferenceEvent.END and conference.ending_call is not None:
            _, ending = self._store.get_membership(account, conference.id, conference.ending_call)
            return replace(notification, participant=ending)
        return notification

    def _claim(self, account: str, subject: str, number: int, event: str, callback: Callback, fields: Fields) -> Claim:
        return Claim(
            account=account,
            subject=subject,
            number=number,
            event=str(event),
            dialect=callback.dialect,
            url=callback.url,
            method=callback.method,
            body=encode(fields).decode(),
            token=_token(account, subject, claim_id(number, event)),
            created=self._clock() // 1000,
            due=self._clock() // 1000 + SECONDS_IN_QUEUE,
        )


def _message(command: Command, again: str) -> Message:
    return Message(write_command(command), command.parent.id, f"{command.id}{again}")


def _token(*names: str) -> str:
    """The same for whoever tells the same event, in the form of a UUID."""
    digest = hashlib.sha256("/".join(names).encode()).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:32]}"
