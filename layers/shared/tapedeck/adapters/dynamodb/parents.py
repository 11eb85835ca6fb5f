"""What calls and conferences in the recordings table have in common: their end, and what engine events change."""

from tapedeck.adapters.dynamodb.client import ConditionFailed
from tapedeck.adapters.dynamodb.conditional import ConditionalTable, ended_by, failed_parts
from tapedeck.adapters.dynamodb.items import call_from, conference_from
from tapedeck.adapters.dynamodb.writes import end_writes, exact_writes
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

    def change_exactly(self, account: str, change: EndTransaction) -> None:
        """1 request: the call, the conference, the participant, and the recordings of both, as far as they change."""
        parts = list(exact_writes(account, change))
        writes = [write for _, write in parts]
        try:
            if len(writes) == 1:
                self._database.update(writes[0])
            elif writes:
                self._database.transact(writes)
        except ConditionFailed as failed:
            failures = failed_parts(parts, failed).keys()
            stopped = (change.call_recordings | change.conference_recordings) & failures
            if failures - stopped:
                self._database.backoff()  # another writer; a recording that has stopped remains so
            raise EndConflict(None, None, stopped) from failed
