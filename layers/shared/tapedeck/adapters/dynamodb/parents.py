"""What calls and conferences in the recordings table have in common: their end, and confirmations by the engine."""

from tapedeck.adapters.dynamodb.attributes import CONFIRMED_VERSION, END_PUBLISHED, LAST_EVENT_AT, REQUESTED_VERSION
from tapedeck.adapters.dynamodb.client import ConditionFailed
from tapedeck.adapters.dynamodb.conditional import ConditionalTable, ended_by, failed_parts
from tapedeck.adapters.dynamodb.expressions import Attr, update
from tapedeck.adapters.dynamodb.items import call_from, conference_from, parent_key, participant_key
from tapedeck.adapters.dynamodb.writes import PENDING_WORK, end_writes, event_time_write
from tapedeck.domain.recording import Parent, ParentKind
from tapedeck.ports.parents import EndConflict, EndTransaction


class ParentTable(ConditionalTable):
    """`ports.parents.ParentStore` on DynamoDB; docstrings count requests, the port states the contract."""

    def end(self, ending: EndTransaction) -> None:
        """1 request: the call, the conference, the participant, and the recordings of both."""
        parts = list(end_writes(ending))
        try:
            self._database.transact([write for _, write in parts])
        except ConditionFailed as failed:
            # A failed participant needs no check: its changes also raise the conference's or the call's version.
            failures = failed_parts(parts, failed)
            if any(map(ended_by(ending.write_id), failures.values())):
                return  # our own write, whose response was lost
            call, conference = failures.get("call"), failures.get("conference")
            raise EndConflict(
                call_from(call) if call else None,
                conference_from(conference) if conference else None,
                (ending.call_recordings | ending.conference_recordings) & failures.keys(),
            ) from failed

    def confirm(self, parent: Parent, participant: str | None, version: int, *, settles: bool = True) -> bool:
        """1 request; 2 with `settles`, if a call has callbacks that are not published yet."""
        key = parent_key(parent) if participant is None else participant_key(parent.account, parent.id, participant)
        is_latest = Attr(REQUESTED_VERSION).eq(version)
        confirmed = update(key, {CONFIRMED_VERSION: version}, when=is_latest)
        if not settles:
            return self._update_or_find(confirmed) is not None
        when = is_latest
        if participant is None and parent.kind is ParentKind.CALL:
            when &= Attr("callback").not_exists() | Attr(END_PUBLISHED).exists()
        found = self._update_or_find(update(key, {CONFIRMED_VERSION: version}, remove=PENDING_WORK, when=when))
        if found is not None and found.get(REQUESTED_VERSION) == version != found.get(CONFIRMED_VERSION):
            self._update_or_find(confirmed)
        return found is not None

    def confirm_participant(self, parent: Parent, participant: str, version: int, at: int) -> bool:
        """1 request."""
        write = update(
            participant_key(parent.account, parent.id, participant),
            {CONFIRMED_VERSION: version, LAST_EVENT_AT: at},
            remove=PENDING_WORK,
            # A repeated confirmation would overwrite the time of a newer engine event.
            when=Attr(REQUESTED_VERSION).eq(version)
            & (Attr(CONFIRMED_VERSION).not_exists() | Attr(CONFIRMED_VERSION).lt(version)),
        )
        return self._update_or_find(write) is not None

    def touch_participant_event_time(self, parent: Parent, participant: str, at: int) -> None:
        """1 request."""
        self._try(event_time_write(participant_key(parent.account, parent.id, participant), at))
