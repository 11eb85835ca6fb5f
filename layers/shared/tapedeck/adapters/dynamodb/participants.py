"""Participants in the recordings table: in their conference's partition, with the labels that they have there."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tapedeck.adapters.dynamodb.client import ConditionFailed, DynamoDBTable, Item, Write
from tapedeck.adapters.dynamodb.items import (
    PARTICIPANT,
    conference_from,
    conference_key,
    initial_write_tokens,
    label_key,
    participant_from,
    participant_item,
    participant_key,
)
from tapedeck.adapters.dynamodb.writes import (
    ITEM_ABSENT,
    call_diff,
    conference_diff,
    end_writes,
    has_write_token,
    new_call,
    new_conference,
    participant_diff,
)
from tapedeck.domain.call import Call
from tapedeck.domain.conference import Conference
from tapedeck.domain.participant import Participant
from tapedeck.ports.stores import DialTransaction, EndTransaction, LabelTaken, MembershipConflict, NameTaken


class ParticipantTable:
    """`ports.stores.ParticipantStore` on DynamoDB.

    A write whose condition fails costs one read more, which tells whether it was our own, made before its answer
    was lost: that a participant remembers (rule R3). What the failure itself shows is not enough, for it does not
    show what another transaction holds at that moment.
    """

    def __init__(self, database: DynamoDBTable) -> None:
        self._database = database

    def list_participants(self, account: str, conference: str) -> tuple[Conference | None, Sequence[Participant]]:
        """1 request per megabyte: labels lie in between, and are passed over."""
        items = self._database.query(
            "PK = :pk AND SK BETWEEN :first AND :last",
            # `$` comes after `#`: the last participant lies before it.
            {"pk": conference_key(account, conference)["PK"], "first": "CONF", "last": "PART$"},
        )
        room = next((item for item in items if item["SK"] == "CONF"), None)
        found = [participant_from(item) for item in items if item["SK"].startswith(PARTICIPANT)]
        return (conference_from(room) if room is not None else None), found

    def get_participants(
        self, account: str, conference: str, calls: Sequence[str]
    ) -> tuple[Conference | None, Sequence[Participant | None]]:
        """1 request."""
        # DynamoDB refuses a batch that names a key twice.
        distinct = list(dict.fromkeys(calls))
        room, *items = self._database.get_several(
            [conference_key(account, conference), *(participant_key(account, conference, call) for call in distinct)]
        )
        found = {call: participant_from(item) if item else None for call, item in zip(distinct, items, strict=True)}
        return (conference_from(room) if room is not None else None), [found[call] for call in calls]

    def get_labelled_call(self, account: str, conference: str, label: str) -> str | None:
        """1 request."""
        item = self._database.get(label_key(account, conference, label))
        return item["call"] if item is not None else None

    def change_participant(
        self,
        conferences: tuple[Conference, Conference],
        participants: tuple[Participant, Participant],
        commands: Mapping[str, Any],
        write_id: str,
    ) -> None:
        """1 request: the conference, the participant."""
        account = conferences[0].account
        # An announcement is made once: what was asked before is no part of what is asked now.
        writes = [
            conference_diff(*conferences),
            participant_diff(account, *participants, write_id, {"announcement": None, **commands}),
        ]
        try:
            self._database.transact(writes)
        except ConditionFailed as failed:
            self._unless_own(account, participants[0], write_id, failed)

    def remove_participant(self, ending: EndTransaction) -> None:
        """1 request: the conference, the participant, the conference's recordings if it ends."""
        parts = list(end_writes(ending))
        try:
            self._database.transact([write for _, write in parts])
        except ConditionFailed as failed:
            met = {name for (name, _), item in zip(parts, failed.items, strict=True) if item is not None}
            stopped = ending.conference_recordings & met
            if ending.conference is not None and ending.participant is not None:
                self._unless_own(ending.conference.account, ending.participant, ending.write_id, failed, stopped)

    def dial(self, dialing: DialTransaction) -> None:
        """1 request: the call, its row, the participant, its label, and the conference, as `put_conference` if new."""
        parts = list(_parts_of(dialing))
        try:
            self._database.transact([write for _, write in parts])
        except ConditionFailed as failed:
            met = {name: item for (name, _), item in zip(parts, failed.items, strict=True) if item is not None}
            # The call's id is new with each request: if it is there, so is all the rest.
            if "call" in met or self._has_write_token(dialing.call.account, dialing.participant, dialing.write_id):
                return
            if "name" in met:
                raise NameTaken(met["name"].get("conference", "")) from failed
            if "conference" not in met and "label" in met:
                raise LabelTaken(met["label"].get("call", "")) from failed
            self._database.backoff()
            raise MembershipConflict from failed

    def apply_progress(
        self,
        calls: tuple[Call, Call],
        participants: tuple[Participant, Participant],
        conferences: tuple[Conference, Conference] | None,
        write_id: str,
    ) -> None:
        """1 request: the call, the participant, the conference."""
        account = calls[0].account
        writes = [call_diff(*calls), participant_diff(account, *participants, write_id)]
        if conferences is not None:
            writes.append(conference_diff(*conferences))
        try:
            self._database.transact(writes)
        except ConditionFailed as failed:
            self._unless_own(account, participants[0], write_id, failed)

    def _unless_own(
        self,
        account: str,
        participant: Participant,
        write_id: str,
        failed: ConditionFailed,
        stopped: frozenset[str] = frozenset(),
    ) -> None:
        """Return where the write had succeeded and only its answer was lost; otherwise refuse."""
        if not self._has_write_token(account, participant, write_id):
            self._database.backoff()
            raise MembershipConflict(stopped) from failed

    def _has_write_token(self, account: str, participant: Participant, write_id: str) -> bool:
        item = self._database.get(participant_key(account, participant.conference, participant.call))
        return item is not None and has_write_token(item, write_id)


def _parts_of(dialing: DialTransaction) -> Iterator[tuple[str, Write]]:
    """The writes of a dialing, each with what it is about."""
    call, row = new_call(dialing.call)
    yield "call", call
    yield "row", row
    account, participant = dialing.call.account, dialing.participant
    item: Item = {**participant_item(participant), **initial_write_tokens(dialing.write_id)}
    yield "participant", Write(participant_key(account, participant.conference, participant.call), item=item)
    if dialing.conference_before is not None:
        yield "conference", conference_diff(dialing.conference_before, dialing.conference)
    else:
        *writes, name = new_conference(dialing.conference, dialing.name_from)
        yield from (("new", write) for write in writes)
        yield "name", name
    if participant.label is not None:
        holder = dialing.label_from
        yield (
            "label",
            Write(
                label_key(account, participant.conference, participant.label),
                item={"call": participant.call},
                condition=ITEM_ABSENT if holder is None else "#call = :holder",
                values={"holder": holder} if holder is not None else None,
                names={"call": "call"} if holder is not None else None,
            ),
        )
