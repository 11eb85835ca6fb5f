"""Participants in the recordings table: stored in their conference's partition, with their labels."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tapedeck.adapters.dynamodb.client import ConditionFailed, Item, Write
from tapedeck.adapters.dynamodb.conditional import ConditionalTable, failed_parts, has_write_token
from tapedeck.adapters.dynamodb.expressions import put
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
    conference_diff,
    end_writes,
    new_call,
    new_conference,
    participant_diff,
    take_over_write,
)
from tapedeck.domain.conference import Conference
from tapedeck.domain.participant import Participant
from tapedeck.ports.conferences import NameTaken
from tapedeck.ports.parents import EndTransaction
from tapedeck.ports.participants import DialTransaction, LabelTaken, MembershipConflict


class ParticipantTable(ConditionalTable):
    """`ports.participants.ParticipantStore` on DynamoDB.

    A failed condition costs one more read: the participant's write tokens show whether this write had succeeded and
    only its response was lost (REL-3). The items in the error are not enough, because a conflicting transaction can
    hide them.
    """

    def list_participants(self, account: str, conference: str) -> tuple[Conference | None, Sequence[Participant]]:
        """1 request per megabyte; the label items between the conference and its participants are skipped."""
        items = self._database.query(
            "PK = :pk AND SK BETWEEN :first AND :last",
            # `$` is the character after `#`, so `PART$` sorts after every `PART#…`.
            {"pk": conference_key(account, conference)["PK"], "first": "CONF", "last": "PART$"},
        )
        conference_data = next((item for item in items if item["SK"] == "CONF"), None)
        found = [participant_from(item) for item in items if item["SK"].startswith(PARTICIPANT)]
        return (conference_from(conference_data) if conference_data is not None else None), found

    def get_participants(
        self, account: str, conference: str, calls: Sequence[str]
    ) -> tuple[Conference | None, Sequence[Participant | None]]:
        """1 request."""
        # DynamoDB rejects a batch with duplicate keys.
        distinct = list(dict.fromkeys(calls))
        conference_data, *items = self._database.get_several(
            [conference_key(account, conference), *(participant_key(account, conference, call) for call in distinct)]
        )
        found = {call: participant_from(item) if item else None for call, item in zip(distinct, items, strict=True)}
        return (conference_from(conference_data) if conference_data is not None else None), [
            found[call] for call in calls
        ]

    def get_labelled_call(self, account: str, conference: str, label: str) -> str | None:
        """1 request."""
        item = self._database.get(label_key(account, conference, label))
        return item["call"] if item is not None else None

    def change_participant(
        self,
        conferences: tuple[Conference, Conference],
        participants: tuple[Participant, Participant],
        command_payload: Mapping[str, Any],
        write_id: str,
    ) -> None:
        """1 request: the conference, the participant."""
        account = conferences[0].account
        # An announcement plays once: an earlier one must not be sent again with this command.
        writes = [
            conference_diff(*conferences),
            participant_diff(account, *participants, write_id, {"announcement": None, **command_payload}),
        ]
        try:
            self._database.transact(writes)
        except ConditionFailed as failed:
            self._raise_unless_written(account, participants[0], write_id, failed)

    def remove_participant(self, ending: EndTransaction) -> None:
        """1 request: the conference, the participant, and a call or conference that ends, with its recordings."""
        parts = list(end_writes(ending))
        try:
            self._database.transact([write for _, write in parts])
        except ConditionFailed as failed:
            recordings = ending.call_recordings | ending.conference_recordings
            stopped = recordings & failed_parts(parts, failed).keys()
            if ending.conference is not None and ending.participant is not None:
                self._raise_unless_written(
                    ending.conference.account, ending.participant, ending.write_id, failed, stopped
                )

    def dial(self, dialing: DialTransaction) -> None:
        """1 request: the call, its row, the participant, its label, and the conference (see `new_conference`)."""
        parts = list(_dial_writes(dialing))
        try:
            self._database.transact([write for _, write in parts])
        except ConditionFailed as failed:
            failures = failed_parts(parts, failed)
            # Each request has a new call id: if the call exists, this transaction has succeeded.
            if "call" in failures or self._has_write_token(dialing.call.account, dialing.participant, dialing.write_id):
                return
            if "name" in failures:
                raise NameTaken(failures["name"].get("conference", "")) from failed
            if "conference" not in failures and "label" in failures:
                raise LabelTaken(failures["label"].get("call", "")) from failed
            self._database.backoff()
            raise MembershipConflict from failed

    def _raise_unless_written(
        self,
        account: str,
        participant: Participant,
        write_id: str,
        failed: ConditionFailed,
        stopped: frozenset[str] = frozenset(),
    ) -> None:
        """Return if the write had succeeded and only its response was lost; else raise `MembershipConflict`."""
        if not self._has_write_token(account, participant, write_id):
            self._database.backoff()
            raise MembershipConflict(stopped) from failed

    def _has_write_token(self, account: str, participant: Participant, write_id: str) -> bool:
        item = self._database.get(participant_key(account, participant.conference, participant.call))
        return item is not None and has_write_token(item, write_id)


def _dial_writes(dialing: DialTransaction) -> Iterator[tuple[str, Write]]:
    """Build the writes of a dial transaction, each with the name of its part."""
    call, row = new_call(dialing.call)
    yield "call", call
    yield "row", row
    account, participant = dialing.call.account, dialing.participant
    item: Item = {**participant_item(participant), **initial_write_tokens(dialing.write_id)}
    yield "participant", put(participant_key(account, participant.conference, participant.call), item)
    if dialing.conference_before is not None:
        yield "conference", conference_diff(dialing.conference_before, dialing.conference)
    else:
        *writes, name = new_conference(dialing.conference, dialing.name_from)
        yield from (("new", write) for write in writes)
        yield "name", name
    if participant.label is not None:
        label = label_key(account, participant.conference, participant.label)
        yield "label", take_over_write(label, "call", participant.call, dialing.label_from)
