"""Conferences in the recordings table: by id and by name, with the membership of calls."""

from dataclasses import replace

from tapedeck.adapters.dynamodb.attributes import ACTIVE_RECORDINGS, END_WRITE_ID, LIVE_SHARD
from tapedeck.adapters.dynamodb.client import ConditionFailed
from tapedeck.adapters.dynamodb.conditional import ConditionalTable, ended_by, written_by
from tapedeck.adapters.dynamodb.expressions import NEXT_VERSION, Attr, update
from tapedeck.adapters.dynamodb.items import (
    NAME_HOLDER,
    call_from,
    conference_from,
    conference_key,
    label_key,
    name_partition,
    participant_from,
    participant_key,
    status_key,
)
from tapedeck.adapters.dynamodb.writes import (
    call_diff,
    conference_diff,
    end_published_writes,
    join_write,
    new_conference,
    push_write_token,
    request_engine_action,
    take_over_write,
    write_token_absent,
)
from tapedeck.domain.call import Call
from tapedeck.domain.conference import Conference, ConferenceStatus
from tapedeck.domain.participant import Participant
from tapedeck.domain.recording import ParentKind
from tapedeck.ports.conferences import NameTaken
from tapedeck.ports.parents import ParentConflict
from tapedeck.ports.participants import LabelTaken


class ConferenceTable(ConditionalTable):
    """`ports.conferences.ConferenceStore` on DynamoDB; docstrings count requests, the port states the contract."""

    def get_conference(self, account: str, conference: str) -> Conference | None:
        """1 request."""
        item = self._database.get(conference_key(account, conference))
        return conference_from(item) if item is not None else None

    def get_last_name_holder(self, account: str, name: str) -> str | None:
        """1 request."""
        item = self._database.get({"PK": name_partition(account, name), "SK": NAME_HOLDER})
        return item["conference"] if item is not None else None

    def get_membership(self, account: str, conference: str, call: str) -> tuple[Conference | None, Participant | None]:
        """1 request."""
        conference_data, participant_data = self._database.get_several(
            [conference_key(account, conference), participant_key(account, conference, call)]
        )
        return (
            conference_from(conference_data) if conference_data is not None else None,
            participant_from(participant_data) if participant_data is not None else None,
        )

    def put_conference(self, conference: Conference, takes_over_from: str | None) -> bool:
        """1 request: the conference, its row, its name's row, and the holder of the name."""
        try:
            self._database.transact(new_conference(conference, takes_over_from))
        except ConditionFailed as failed:
            if failed.items[0] is not None:
                return False  # our own write, whose response was lost, or a repeated report of the engine
            raise NameTaken((failed.items[3] or {}).get("conference", "")) from failed
        return True

    def join_conference(
        self,
        conference: Conference,
        after: Conference,
        call: Call,
        participant: Participant,
        label_from: str | None = None,
    ) -> None:
        """1 request: the conference, the participant, the call, and the label if there is one."""
        writes = [
            conference_diff(conference, after),
            join_write(conference.account, participant),
            call_diff(call, replace(call, conference=conference.id, version=call.version + 1)),
        ]
        if participant.label is not None:
            label = label_key(conference.account, conference.id, participant.label)
            writes.append(take_over_write(label, "call", participant.call, label_from))
        try:
            self._database.transact(writes)
        except ConditionFailed as failed:
            conference_data, participant_data, call_data, *labels = failed.items
            if participant_data is not None:
                return  # the call is present: our own write, whose response was lost, or another join of the call
            if conference_data is not None:
                raise ParentConflict(conference_from(conference_data) if conference_data else None) from failed
            if call_data is None and labels:
                raise LabelTaken((labels[0] or {}).get("call", "")) from failed
            raise ParentConflict(call_from(call_data) if call_data else None) from failed

    def end_conference(self, conference: Conference, after: Conference, write_id: str) -> Conference:
        """1 request."""
        when = Attr("status").is_in((ConferenceStatus.INIT, ConferenceStatus.IN_PROGRESS))
        when &= Attr(ACTIVE_RECORDINGS).not_exists()
        write = update(
            conference_key(conference.account, conference.id),
            {
                "status": after.status,
                "status_key": status_key(conference.account, ParentKind.CONFERENCE, after.status),
                "version": NEXT_VERSION,
                "sequence": Attr("sequence") + 1,
                "updated": after.updated,
                "ended": after.ended,
                "reason": after.reason,
                END_WRITE_ID: write_id,
                # The command puts it into the pending-work index, where it also waits for the end of dialed calls.
                **request_engine_action(conference.id, after.updated),
            },
            remove=(LIVE_SHARD,),
            when=when,
        )
        return self._update(write, conference_from, ParentConflict, is_own=ended_by(write_id))

    def mark_conference_published(self, conference: Conference) -> None:
        """1 request; 2 while an engine command is unconfirmed and keeps the conference in the pending-work index."""
        key = conference_key(conference.account, conference.id)
        self._apply_first(end_published_writes(key, has_ended=Attr("status").eq(ConferenceStatus.COMPLETED)))

    def announce(self, account: str, conference: str, url: str, method: str, now: int, write_id: str) -> Conference:
        """1 request."""
        write = update(
            conference_key(account, conference),
            {
                "version": NEXT_VERSION,
                "announcement": {"url": url, "method": method},
                **push_write_token(write_id),
                **request_engine_action(conference, now),
            },
            when=Attr("status").eq(ConferenceStatus.IN_PROGRESS) & write_token_absent(write_id),
        )
        return self._update(
            write, conference_from, ParentConflict, is_own=written_by(write_id), as_written=_as_in_progress
        )


def _as_in_progress(found: Conference) -> Conference:
    """Reconstruct the conference as an announcement left it: the write required a conference in progress."""
    return replace(found, status=ConferenceStatus.IN_PROGRESS)
