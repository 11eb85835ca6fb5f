"""The outbox of callbacks in the recordings table: the deliveries of the last 30 days with their attempts.

A delivery is stored once, when its change is published, and then updated by the function that sends it. Only a lease
keeps two functions from sending it at the same time; sending it twice is possible and allowed (REL-6).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from tapedeck.adapters.dynamodb.attributes import (
    ATTEMPT_COUNT,
    DELIVERY_SEQUENCE,
    EXPIRES_AT,
    FIRST_ATTEMPT_AT,
    IDEMPOTENCY_TOKEN,
    LEASE_EXPIRES_AT,
    NEXT_ATTEMPT_AT,
    RESPONSE_EXCERPT,
)
from tapedeck.adapters.dynamodb.client import ConditionFailed, Item, Write
from tapedeck.adapters.dynamodb.conditional import ConditionalTable
from tapedeck.adapters.dynamodb.expressions import ITEM_ABSENT, Attr, Condition, update
from tapedeck.adapters.dynamodb.fields import Field, FieldTable
from tapedeck.adapters.dynamodb.writes import split_absent
from tapedeck.domain.delivery import (
    DELIVERY_RETENTION_DAYS,
    MAX_STORED_ATTEMPTS,
    CallbackDelivery,
    DeliveryAttempt,
    DeliveryState,
)
from tapedeck.domain.errors import StoreBusy
from tapedeck.domain.host_health import HEALTHY, HostHealth
from tapedeck.ports.deliveries import Receiver

_DAY: Final = 86_400

_GONE_URLS: Final = "closed"
"""Sort key of the item that lists the URLs that answered 410; delivery ids begin with a digit and sort before it."""


class DeliveryTable(ConditionalTable):
    """`ports.deliveries.DeliveryStore` on DynamoDB; for its rows in the `work` index see `items.pending_shard`."""

    # --8<-- [start:put]
    def put(self, delivery: CallbackDelivery) -> CallbackDelivery:
        """1 request."""
        assigned, _ = split_absent(_item(delivery))
        return delivery_from(self._update_or_find(update(_key(delivery), assigned, when=ITEM_ABSENT)) or {})

    # --8<-- [end:put]

    def get(self, account: str, resource_id: str, delivery: str) -> CallbackDelivery | None:
        """1 request."""
        item = self._database.get({"PK": deliveries_partition(account, resource_id), "SK": delivery})
        return delivery_from(item) if item is not None else None

    def of(self, account: str, resource_id: str) -> Sequence[CallbackDelivery]:
        """1 request per megabyte."""
        partition = deliveries_partition(account, resource_id)
        found = self._database.query("PK = :pk AND SK < :gone_urls", {"pk": partition, "gone_urls": _GONE_URLS})
        return [delivery_from(item) for item in found]

    # --8<-- [start:lease]
    def lease(self, delivery: CallbackDelivery, now: int, until: int) -> CallbackDelivery | None:
        """1 request."""
        write = update(
            _key(delivery),
            {LEASE_EXPIRES_AT: until, FIRST_ATTEMPT_AT: Attr(FIRST_ATTEMPT_AT).or_default(now // 1000)},
            when=Attr("state").eq(DeliveryState.QUEUED) & Attr(LEASE_EXPIRES_AT).lte(now),
        )
        try:
            return delivery_from(self._database.update(write))
        except ConditionFailed as failed:
            found = delivery_from(failed.items[0]) if failed.items[0] else None
            # Our own write, whose response was lost, left exactly this lease.
            is_own = found is not None and failed.may_have_unacknowledged_copy and found.lease_expires_at == until
            return found if is_own else None

    # --8<-- [end:lease]

    def record_attempt(
        self, delivery: CallbackDelivery, attempt: DeliveryAttempt, state: DeliveryState, due: int | None
    ) -> CallbackDelivery:
        """1 request, plus 1 for each concurrent update of the delivery."""
        found = delivery
        for _ in range(_MAX_WRITE_ATTEMPTS):
            attempts = (*found.attempts, attempt)[-MAX_STORED_ATTEMPTS:]
            after = replace(found, attempt_count=found.attempt_count + 1, attempts=attempts)
            # A delivery that succeeded meanwhile stays delivered, even if this attempt failed.
            if found.state is not DeliveryState.DELIVERED:
                after = replace(after, state=state, next_attempt_at=due)
            after = after if after.state is DeliveryState.QUEUED else replace(after, lease_expires_at=0)
            try:
                self._database.update(_changed(found, after))
            except ConditionFailed as failed:
                found = delivery_from(failed.items[0] or {})
                if attempt in found.attempts:
                    return found  # our own write, whose response was lost
            else:
                return after
        raise StoreBusy

    def reset_to_queued(self, delivery: CallbackDelivery, due: int) -> CallbackDelivery | None:
        """1 request."""
        after = replace(delivery, state=DeliveryState.QUEUED, next_attempt_at=due, lease_expires_at=0)
        # A repeated request must not end a lease that was granted after the first.
        is_unclaimed = Attr(LEASE_EXPIRES_AT).eq(delivery.lease_expires_at)
        try:
            self._database.update(_changed(delivery, after, is_unclaimed))
        except ConditionFailed as failed:
            found = delivery_from(failed.items[0]) if failed.items[0] else None
            # Our own write, whose response was lost: no other write leaves an equal delivery.
            return after if found == after else None
        return after

    def mark_url_gone(self, delivery: CallbackDelivery, now: int) -> None:
        """1 request."""
        write = update(
            {**_key(delivery), "SK": _GONE_URLS},
            {EXPIRES_AT: now + DELIVERY_RETENTION_DAYS * _DAY},
            add={"urls": frozenset({delivery.url})},
        )
        self._database.update(write)

    def read_receiver(self, delivery: CallbackDelivery) -> Receiver:
        """1 request."""
        gone, host = self._database.get_several([{**_key(delivery), "SK": _GONE_URLS}, _host_key(delivery)])
        return Receiver(gone is not None and delivery.url in gone["urls"], _health_from(host))

    def read_health(self, deliveries: Sequence[CallbackDelivery]) -> Sequence[HostHealth]:
        """1 request per 100 hosts."""
        keys = {key["PK"]: key for key in map(_host_key, deliveries)}
        found = dict(zip(keys, map(_health_from, self._database.get_many(list(keys.values()))), strict=True))
        return [found[_host_key(delivery)["PK"]] for delivery in deliveries]

    def change_health(self, delivery: CallbackDelivery, before: HostHealth, after: HostHealth, now: int) -> bool:
        """1 request."""
        is_unchanged = Attr("timeouts").eq(before.timeouts) & Attr("suspended_until").eq(before.suspended_until)
        # An absent item is the health of a host that never timed out.
        when = is_unchanged if before != HEALTHY else is_unchanged | ITEM_ABSENT
        return self._try(update(_host_key(delivery), {**_HEALTH.render(after), EXPIRES_AT: now + _DAY}, when=when))

    def postpone(self, delivery: CallbackDelivery, due: int) -> CallbackDelivery | None:
        """1 request."""
        after = replace(delivery, state=DeliveryState.RETRY_SCHEDULED, next_attempt_at=due)
        return after if self._try(_changed(delivery, after)) else None

    def find_due(self, shard: str, now: int, limit: int) -> Sequence[CallbackDelivery]:
        """1 request per megabyte of the index, and 1 per 100 deliveries that are returned."""
        keys = [{"PK": row["PK"], "SK": row["SK"]} for row in _take_turns(self._rows(shard, now, limit), limit)]
        items = self._database.get_many(keys)
        found = [delivery_from(item) for item in items if item is not None]
        # The index is eventually consistent.
        return [
            delivery for delivery in found if delivery.next_attempt_at is not None and delivery.next_attempt_at <= now
        ]

    def _rows(self, shard: str, now: int, limit: int) -> Sequence[Item]:
        """Return the keys of due deliveries, oldest first: enough that accounts can take turns."""
        return self._database.query(
            "#work = :shard AND work_at <= :now",
            {"shard": f"DUE#{shard}", "now": now},
            limit=_ROWS_PER_DELIVERY * limit,
            index="work",
            work="work",
        )


_MAX_WRITE_ATTEMPTS: Final = 5

_ROWS_PER_DELIVERY: Final = 20
"""Rows of the index, of about 100 bytes, that are read for each delivery that is wanted."""


def _take_turns(rows: Sequence[Item], limit: int) -> list[Item]:
    """Choose rows, oldest first, such that no account has more than another that has some left."""
    if len(rows) <= limit:
        return list(rows)
    places: Counter[str] = Counter()
    turns: list[tuple[int, int]] = []
    for number, row in enumerate(rows):
        account = row["PK"].partition("#")[0]
        turns.append((places[account], number))
        places[account] += 1
    return [rows[number] for _, number in sorted(turns)[:limit]]


def _changed(before: CallbackDelivery, after: CallbackDelivery, *conditions: Condition) -> Write:
    """Write the difference on condition that attempts and state are unchanged since the read; a lease may be new."""
    old, new = _item(before), _item(after)
    # `state` is always assigned, because an update needs at least one assignment.
    changed = {name: value for name, value in new.items() if value != old[name] or name == "state"}
    assigned, removed = split_absent(changed)
    is_unchanged = Attr(ATTEMPT_COUNT).eq(before.attempt_count) & Attr("state").eq(before.state)
    for condition in conditions:
        is_unchanged &= condition
    return update(_key(before), assigned, remove=removed, when=is_unchanged)


def deliveries_partition(account: str, resource_id: str) -> str:
    """Name the partition of all callback deliveries of a recording, conference or call."""
    return f"{account}#CB#{resource_id}"


def _key(delivery: CallbackDelivery) -> dict[str, str]:
    return {"PK": deliveries_partition(delivery.account, delivery.resource_id), "SK": delivery.id}


def _host_key(delivery: CallbackDelivery) -> dict[str, str]:
    return {"PK": f"{delivery.account}#HOST#{delivery.host}", "SK": "HOST"}


_HEALTH: Final = FieldTable(
    Field("timeouts", "timeouts"),
    Field("suspended_at", "suspended_at"),
    Field("suspended_until", "suspended_until"),
)


def _health_from(item: Item | None) -> HostHealth:
    return HostHealth(**_HEALTH.parse(item)) if item is not None else HEALTHY


def _encode_attempts(attempts: Sequence[DeliveryAttempt]) -> list[Item]:
    """Omit a response that equals the previous one: each write costs the size of the whole item."""
    before = None
    encoded: list[Item] = []
    for attempt in attempts:
        encoded.append(
            {
                "at": attempt.at,
                "milliseconds": attempt.milliseconds,
                "status": attempt.status,
                "failure": attempt.failure,
                RESPONSE_EXCERPT: attempt.response_excerpt if attempt.response_excerpt != before else None,
            }
        )
        before = attempt.response_excerpt
    return encoded


def _decode_attempts(stored: Sequence[Item]) -> tuple[DeliveryAttempt, ...]:
    excerpt = ""
    attempts: list[DeliveryAttempt] = []
    for each in stored:
        excerpt = each.get(RESPONSE_EXCERPT, excerpt)
        attempts.append(
            DeliveryAttempt(each["at"], each["milliseconds"], each.get("status"), each.get("failure"), excerpt)
        )
    return tuple(attempts)


_DELIVERY: Final = FieldTable(
    Field(DELIVERY_SEQUENCE, "sequence"),
    Field("event", "event"),
    Field("dialect", "dialect"),
    Field("url", "url"),
    Field("method", "method"),
    Field("body", "body"),
    Field(IDEMPOTENCY_TOKEN, "idempotency_token"),
    Field("created", "created"),
    Field("state", "state", decode=DeliveryState),
    Field(FIRST_ATTEMPT_AT, "first_attempt_at", None),
    Field(NEXT_ATTEMPT_AT, "next_attempt_at", None),
    Field(LEASE_EXPIRES_AT, "lease_expires_at"),
    Field(ATTEMPT_COUNT, "attempt_count"),
    Field("attempts", "attempts", encode=_encode_attempts, decode=_decode_attempts),
)


def _item(delivery: CallbackDelivery) -> Item:
    item = _DELIVERY.render(delivery)
    item[EXPIRES_AT] = delivery.created + DELIVERY_RETENTION_DAYS * _DAY
    item["work"] = f"DUE#{delivery.resource_id[-1]}" if delivery.next_attempt_at is not None else None
    item["work_at"] = delivery.next_attempt_at
    return item


def delivery_from(item: Item) -> CallbackDelivery:
    """Parse the item of a delivery."""
    values = _DELIVERY.parse(item)
    values["account"], _, values["resource_id"] = item["PK"].split("#")
    return CallbackDelivery(**values)
