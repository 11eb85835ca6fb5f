"""The ledger of callbacks in the recordings table: what is owed, and the attempts to tell it.

A claim is written once, when its change is published, and then by whoever sends it: a lease keeps two from sending it
at the same time, and nothing else does, for that may happen (rule R6).
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from tapedeck.adapters.dynamodb import ConditionFailed, Database, Item, Write
from tapedeck.domain.claim import KEPT_DAYS, MOST_ATTEMPTS_KEPT, Attempt, Claim, ClaimState
from tapedeck.domain.errors import StoreBusy

SHARDS: Final = "0123456789abcdef"
"""Of the `work` index: an id's last hex digit."""

_DAY: Final = 86_400

_CLOSED: Final = "closed"
"""In place of a claim's id: the URLs to which nothing is sent any more; ids begin with a digit, which sorts before."""


class ClaimTable:
    """`operations.ports.ClaimStore` on DynamoDB: whatever is not final yet is in the `work` index, at its `due`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, claim: Claim) -> Claim:
        """1 request."""
        item = {name: value for name, value in _item(claim).items() if value is not None}
        write = Write(
            _key(claim),
            update="SET " + ", ".join(f"#{name} = :{name}" for name in item),
            condition="attribute_not_exists(PK)",
            values=item,
            names={name: name for name in item},
        )
        try:
            return _claim_from(self._database.update(write))
        except ConditionFailed as failed:
            return _claim_from(failed.items[0] or {})

    def get(self, account: str, subject: str, claim: str) -> Claim | None:
        """1 request."""
        item = self._database.get({"PK": claims_partition(account, subject), "SK": claim})
        return _claim_from(item) if item is not None else None

    def of(self, account: str, subject: str) -> Sequence[Claim]:
        """1 request per megabyte."""
        partition = claims_partition(account, subject)
        found = self._database.query("PK = :pk AND SK < :closed", {"pk": partition, "closed": _CLOSED})
        return [_claim_from(item) for item in found]

    def lease(self, claim: Claim, now: int, until: int) -> Claim | None:
        """1 request."""
        write = Write(
            _key(claim),
            update="SET lease = :until, first_at = if_not_exists(first_at, :second)",
            condition="#state = :queued AND lease <= :now",
            values={"until": until, "now": now, "second": now // 1000, "queued": ClaimState.QUEUED},
            names={"state": "state"},
        )
        try:
            return _claim_from(self._database.update(write))
        except ConditionFailed as failed:
            found = _claim_from(failed.items[0]) if failed.items[0] else None
            # Of our own write, whose answer was lost, the lease is the one that we asked for.
            is_own = found is not None and failed.was_repeated and found.lease == until
            return found if is_own else None

    def note(self, claim: Claim, attempt: Attempt, state: ClaimState, due: int | None) -> Claim:
        """1 request; more where somebody else sends it at the same time."""
        found = claim
        for _ in range(_TRIES):
            attempts = (*found.attempts, attempt)[-MOST_ATTEMPTS_KEPT:]
            after = replace(found, tried=found.tried + 1, attempts=attempts)
            # What somebody has taken meanwhile is not owed any more, whatever came of this attempt.
            if found.state is not ClaimState.DONE:
                after = replace(after, state=state, due=due)
            after = after if after.state is ClaimState.QUEUED else replace(after, lease=0)
            try:
                self._database.update(_changed(found, after))
            except ConditionFailed as failed:
                found = _claim_from(failed.items[0] or {})
                if attempt in found.attempts:
                    return found  # our own write, whose answer was lost
            else:
                return after
        raise StoreBusy

    def reopen(self, claim: Claim, due: int) -> Claim | None:
        """1 request."""
        after = replace(claim, state=ClaimState.QUEUED, due=due, lease=0)
        try:
            self._database.update(_changed(claim, after))
        except ConditionFailed as failed:
            found = _claim_from(failed.items[0]) if failed.items[0] else None
            # Our own write, whose answer was lost: but for another attempt nothing else looks like it.
            return after if found == after else None
        return after

    def close(self, claim: Claim, now: int) -> None:
        """1 request."""
        write = Write(
            {**_key(claim), "SK": _CLOSED},
            update="ADD urls :urls SET expires_at = :until",
            values={"urls": frozenset({claim.url}), "until": now + KEPT_DAYS * _DAY},
        )
        self._database.update(write)

    def is_closed(self, claim: Claim) -> bool:
        """1 request."""
        item = self._database.get({**_key(claim), "SK": _CLOSED})
        return item is not None and claim.url in item["urls"]

    def due(self, shard: str, now: int, limit: int) -> Sequence[Claim]:
        """1 request, and 1 per 100 that are due."""
        rows = self._database.query(
            "#work = :shard AND work_at <= :now",
            {"shard": f"DUE#{shard}", "now": now},
            limit=limit,
            index="work",
            work="work",
        )
        items = self._database.get_many([{"PK": row["PK"], "SK": row["SK"]} for row in rows])
        found = [_claim_from(item) for item in items if item is not None]
        # The index may be late.
        return [claim for claim in found if claim.due is not None and claim.due <= now]


_TRIES: Final = 5


def _changed(before: Claim, after: Claim) -> Write:
    """On condition that it stands as it was read: an attempt is never forgotten for another."""
    old, new = _item(before), _item(after)
    # There is always something to write.
    assigned = {name: value for name, value in new.items() if value is not None and value != old[name]}
    assigned["state"] = after.state
    removed = [name for name, value in new.items() if value is None and old[name] is not None]
    return Write(
        _key(before),
        update="SET "
        + ", ".join(f"#{name} = :{name}" for name in assigned)
        + (" REMOVE " + ", ".join(f"#{name}" for name in removed) if removed else ""),
        condition="tried = :before_tried AND #state = :before_state",
        values={**assigned, "before_tried": before.tried, "before_state": before.state},
        names={name: name for name in (*assigned, *removed)},
    )


def claims_partition(account: str, subject: str) -> str:
    """The partition of all that is told of a recording or a conference."""
    return f"{account}#CB#{subject}"


def _key(claim: Claim) -> dict[str, str]:
    return {"PK": claims_partition(claim.account, claim.subject), "SK": claim.id}


def _item(claim: Claim) -> Item:
    return {
        "number": claim.number,
        "event": claim.event,
        "dialect": claim.dialect,
        "url": claim.url,
        "method": claim.method,
        "body": claim.body,
        "token": claim.token,
        "created": claim.created,
        "state": claim.state,
        "first_at": claim.first_at,
        "due": claim.due,
        "lease": claim.lease,
        "tried": claim.tried,
        "attempts": list(_attempt_items(claim.attempts)),
        "expires_at": claim.created + KEPT_DAYS * _DAY,
        "work": f"DUE#{claim.subject[-1]}" if claim.due is not None else None,
        "work_at": claim.due,
    }


def _claim_from(item: Item) -> Claim:
    account, _, subject = item["PK"].split("#")
    return Claim(
        account=account,
        subject=subject,
        number=item["number"],
        event=item["event"],
        dialect=item["dialect"],
        url=item["url"],
        method=item["method"],
        body=item["body"],
        token=item["token"],
        created=item["created"],
        state=ClaimState(item["state"]),
        first_at=item.get("first_at"),
        due=item.get("due"),
        lease=item["lease"],
        tried=item["tried"],
        attempts=tuple(_attempts_from(item)),
    )


def _attempt_items(attempts: Sequence[Attempt]) -> Iterator[Item]:
    """An answer that is the same as the one before is left out: each write costs what all of them take."""
    before = None
    for attempt in attempts:
        yield {
            "at": attempt.at,
            "milliseconds": attempt.milliseconds,
            "status": attempt.status,
            "failure": attempt.failure,
            "answer": attempt.answer if attempt.answer != before else None,
        }
        before = attempt.answer


def _attempts_from(item: Item) -> Iterator[Attempt]:
    answer = ""
    for held in item["attempts"]:
        answer = held.get("answer", answer)
        yield Attempt(held["at"], held["milliseconds"], held.get("status"), held.get("failure"), answer)
