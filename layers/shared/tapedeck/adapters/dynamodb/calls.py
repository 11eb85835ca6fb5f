"""Calls in the recordings table."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tapedeck.adapters.dynamodb.attributes import (
    ACTIVE_RECORDINGS,
    DELETE_WRITE_ID,
    END_WRITE_ID,
    EXPIRES_AT,
    LIVE_SHARD,
    PLACEMENT,
)
from tapedeck.adapters.dynamodb.client import ConditionFailed, Item
from tapedeck.adapters.dynamodb.conditional import ConditionalTable, failed_parts, has_write_token, written_by
from tapedeck.adapters.dynamodb.expressions import NEXT_VERSION, Attr, delete, update
from tapedeck.adapters.dynamodb.fields import encode_callback
from tapedeck.adapters.dynamodb.items import call_from, call_key, list_entry_key, status_key
from tapedeck.adapters.dynamodb.writes import (
    end_published_writes,
    end_writes,
    new_call,
    push_write_token,
    request_engine_action,
    write_token_absent,
)
from tapedeck.domain.call import LIVE, Call, CallStatus
from tapedeck.domain.recording import ParentKind
from tapedeck.domain.subscription import CallbackSubscription
from tapedeck.ports.parents import EndConflict, EndTransaction, ParentConflict


class CallTable(ConditionalTable):
    """`ports.calls.CallStore` on DynamoDB; docstrings count requests, the port states the contract."""

    def get_call(self, account: str, call: str) -> Call | None:
        """1 request."""
        item = self._database.get(call_key(account, call))
        return call_from(item) if item is not None else None

    def get_calls(self, account: str, calls: Sequence[str]) -> Mapping[str, Call]:
        """1 request per 100 calls."""
        found = self._database.get_many([call_key(account, call) for call in calls])
        return {call: call_from(item) for call, item in zip(calls, found, strict=True) if item is not None}

    def put_call(self, call: Call) -> bool:
        """1 request: the call and its row."""
        try:
            self._database.transact(new_call(call))
        except ConditionFailed:
            # Ids are unique: this is our own write, whose response was lost, or a repeated report of the engine.
            return False
        return True

    def end_call(self, call: Call, after: Call, write_id: str, sources: frozenset[CallStatus] = LIVE) -> Call:
        """1 request."""
        write = update(
            call_key(call.account, call.id),
            {
                "status": after.status,
                "status_key": status_key(call.account, ParentKind.CALL, after.status),
                "version": NEXT_VERSION,
                "updated": after.updated,
                "ended": after.ended,
                END_WRITE_ID: write_id,
                **request_engine_action(call.id, after.updated),
            },
            remove=(LIVE_SHARD, PLACEMENT),
            when=Attr("status").is_in(sorted(sources))
            & Attr(ACTIVE_RECORDINGS).not_exists()
            & Attr("conference").not_exists(),
        )
        return self._update(write, call_from, ParentConflict)

    def queue_call_commands(
        self,
        account: str,
        call: str,
        command_payload: Mapping[str, Any],
        callback: CallbackSubscription | None,
        sources: frozenset[CallStatus],
        now: int,
        write_id: str,
    ) -> Call:
        """1 request."""
        assign: Item = {
            "version": NEXT_VERSION,
            **command_payload,
            **push_write_token(write_id),
            **(request_engine_action(call, now) if command_payload else {}),
            **({"callback": encode_callback(callback)} if callback is not None else {}),
        }
        when = Attr("status").is_in(sorted(sources)) & write_token_absent(write_id)
        if "redirect" in assign:
            when &= Attr("conference").not_exists()
        write = update(
            call_key(account, call),
            assign,
            # A redirect of an earlier command must not be sent again with this one.
            remove={"redirect"} - assign.keys() if command_payload else (),
            when=when,
        )
        return self._update(write, call_from, ParentConflict, is_own=written_by(write_id), as_written=_as_live)

    def redirect_participant(self, leaving: EndTransaction) -> None:
        """1 request: the call, its participant, the conference and, if that ends, its recordings.

        A failed condition costs one more read, as in `participants.ParticipantTable`.
        """
        if leaving.call is None:
            return
        parts = list(end_writes(leaving))
        try:
            self._database.transact([write for _, write in parts])
        except ConditionFailed as failed:
            item = self._database.get(call_key(leaving.call.account, leaving.call.id))
            if item is None or has_write_token(item, leaving.write_id):
                return  # our own write, whose response was lost
            self._database.backoff()
            stopped = leaving.conference_recordings & failed_parts(parts, failed).keys()
            raise EndConflict(call_from(item), None, stopped) from failed

    def delete_call(self, account: str, call: str, until: int, write_id: str) -> None:
        """1 request: the call, its row."""
        has_ended = ~Attr("status").is_in(sorted(LIVE)) & Attr("version").exists() & Attr(EXPIRES_AT).not_exists()
        kept = update(
            call_key(account, call), {EXPIRES_AT: until, DELETE_WRITE_ID: write_id}, remove=("status_key",),
            when=has_ended,
        )  # fmt: skip
        try:
            self._database.transact([kept, delete(list_entry_key(account, "CALLS", call))])
        except ConditionFailed as failed:
            item = failed.items[0]
            if item and item.get(DELETE_WRITE_ID) == write_id:
                return  # our own write, whose response was lost
            raise ParentConflict(call_from(item) if item else None) from failed

    def mark_call_published(self, call: Call) -> None:
        """1 request; 2 while an engine command is unconfirmed and keeps the call in the pending-work index."""
        writes = end_published_writes(call_key(call.account, call.id), has_ended=~Attr("status").is_in(sorted(LIVE)))
        self._apply_first(writes)


def _as_live(found: Call) -> Call:
    """Reconstruct the call as a write of commands left it: the write required a live call."""
    return found if found.is_live else replace(found, status=CallStatus.IN_PROGRESS, ended=None)
