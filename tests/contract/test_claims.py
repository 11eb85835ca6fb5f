"""The ledger of callbacks: what is owed is written once, sent by one at a time, and never forgotten for another."""

from collections.abc import Callable
from dataclasses import replace
from secrets import token_hex
from typing import Any, Final

import pytest
from botocore.exceptions import ClientError

from tapedeck import wiring
from tapedeck.adapters.aws import UNANSWERED
from tapedeck.adapters.claims import ClaimTable
from tapedeck.adapters.dynamodb import Database
from tapedeck.domain.claim import KEPT_DAYS, MOST_ATTEMPTS_KEPT, SECONDS_IN_QUEUE, Attempt, Claim, ClaimState
from tapedeck.domain.errors import StoreBusy

NOW: Final = 1_537_916_400
S = ClaimState

OK: Final = Attempt(NOW * 1000, 20, status=200, answer="ok")
REFUSED: Final = Attempt(NOW * 1000 + 5, 3, failure="connect")


@pytest.fixture
def held(database: str) -> Database:
    """The recordings table of this run."""
    del database  # only has to be there
    found: Database = wiring.service().calls._store._database  # type: ignore[attr-defined]
    return found


@pytest.fixture
def claims(held: Database) -> ClaimTable:
    """The ledger."""
    return ClaimTable(held)


def owed(number: int = 3, event: str = "completed", **more: Any) -> Claim:
    """A claim of an account and a recording that nobody else has."""
    made = Claim(
        account=token_hex(16), subject=token_hex(16), number=number, event=event, dialect="twilio",
        url="https://app.example.com/hooks?a=1#rc=2", method="POST", body="RecordingStatus=completed&ErrorCode=0",
        token=f"token-{token_hex(4)}", created=NOW, due=NOW + SECONDS_IN_QUEUE,
    )  # fmt: skip
    return replace(made, **more)


def read(claims: ClaimTable, claim: Claim) -> Claim | None:
    """The claim as it stands."""
    return claims.get(claim.account, claim.subject, claim.id)


def test_is_written_once(claims: ClaimTable) -> None:
    """The first to write it decides what it is; whoever comes later finds it as it stands, and changes nothing."""
    first = owed()
    assert claims.put(first) == first == read(claims, first)
    done = claims.note(first, OK, S.DONE, None)
    for other in (first, replace(first, body="another", created=NOW + 9, due=NOW + 999)):
        assert claims.put(other) == done == read(claims, first)


def test_is_found_by_whose_it_is(claims: ClaimTable) -> None:
    """By account, subject and id together; what belongs to another account is not there."""
    claim = claims.put(owed())
    assert claims.get(token_hex(16), claim.subject, claim.id) is None
    assert claims.get(claim.account, token_hex(16), claim.id) is None
    assert claims.get(claim.account, claim.subject, "00000003.absent") is None
    assert claims.of(token_hex(16), claim.subject) == []


def test_tells_what_happened_first_first(claims: ClaimTable) -> None:
    """By number, whatever they are called and whenever they were written, however many digits a number has."""
    first = owed(1, "in-progress")
    others = [replace(first, number=number, event=event) for number, event in ((11, "leave"), (2, "mute"), (1, "join"))]
    for claim in (*others, first):
        claims.put(claim)
    assert [claim.id for claim in claims.of(first.account, first.subject)] == [
        "00000001.in-progress", "00000001.join", "00000002.mute", "00000011.leave",
    ]  # fmt: skip


def test_is_sent_by_one_at_a_time(claims: ClaimTable) -> None:
    """Who has the lease keeps it until it ends; the first one's second is that of the first attempt for good."""
    claim, now = claims.put(owed()), NOW * 1000
    leased = claims.lease(claim, now, now + 60_000)
    assert leased == replace(claim, lease=now + 60_000, first_at=NOW)
    # Even to the same millisecond.
    for later in (now, now + 1, now + 59_999):
        assert claims.lease(claim, later, later + 60_000) is None
    again = claims.lease(claim, now + 60_000, now + 120_000)
    assert again == replace(leased, lease=now + 120_000) == read(claims, claim)


@pytest.mark.parametrize("state", [S.PARKED, S.DONE, S.GIVEN_UP])
def test_only_what_waits_in_the_queue_is_sent(claims: ClaimTable, state: ClaimState) -> None:
    """What is parked, done or given up cannot be leased, and what is not there cannot either."""
    claim = claims.put(owed())
    claims.note(claim, OK, state, NOW + 30 if state is S.PARKED else None)
    assert claims.lease(claim, NOW * 1000, NOW * 1000 + 1) is None
    assert claims.lease(owed(), NOW * 1000, NOW * 1000 + 1) is None


@pytest.mark.parametrize(
    ("state", "due", "lease"),
    [(S.QUEUED, NOW + 600, NOW * 1000 + 7), (S.PARKED, NOW + 30, 0), (S.DONE, None, 0), (S.GIVEN_UP, None, 0)],
)
def test_keeps_every_attempt(claims: ClaimTable, state: ClaimState, due: int | None, lease: int) -> None:
    """An attempt is noted with what has become of the claim; only one that is still being sent stays leased."""
    leased = claims.lease(claims.put(owed()), NOW * 1000, NOW * 1000 + 7)
    assert leased is not None
    after = claims.note(leased, REFUSED, state, due)
    assert after == replace(leased, state=state, due=due, lease=lease, tried=1, attempts=(REFUSED,))
    assert after == read(claims, leased)


def test_forgets_no_attempt_for_another(claims: ClaimTable) -> None:
    """Two who send it at the same time both note theirs; what one has delivered the other no longer puts off."""
    claim = claims.put(owed())
    claims.note(claim, REFUSED, S.PARKED, NOW + 30)
    both = claims.note(claim, OK, S.DONE, None)
    assert both == replace(claim, state=S.DONE, due=None, tried=2, attempts=(REFUSED, OK)) == read(claims, claim)
    late = replace(REFUSED, at=NOW * 1000 + 900)
    for state, due in ((S.PARKED, NOW + 30), (S.GIVEN_UP, None), (S.QUEUED, NOW + 600)):
        found = claims.note(claim, late, state, due)
        assert (found.state, found.due, found.lease, found.attempts[-1]) == (S.DONE, None, 0, late)
    assert not [each for each in claims.due(claim.subject[-1], NOW + 10_000, 10) if each.subject == claim.subject]


def test_closes_a_url(claims: ClaimTable) -> None:
    """For one recording or conference and each URL of its own; what is closed there is no claim."""
    first = claims.put(owed())
    second = claims.put(replace(first, number=4, url="https://other.example.com/"))
    assert not claims.is_closed(first)
    for _ in range(2):
        claims.close(first, NOW)
    assert (claims.is_closed(first), claims.is_closed(second)) == (True, False)
    claims.close(second, NOW)
    assert claims.is_closed(replace(first, number=9))
    assert claims.is_closed(second)
    assert not claims.is_closed(replace(first, subject=token_hex(16)))
    assert claims.of(first.account, first.subject) == [first, second]


def test_keeps_the_newest_attempts(claims: ClaimTable) -> None:
    """A hundred of them; how many there were in all is counted."""
    claim = claims.put(owed())
    attempts = [replace(REFUSED, at=NOW * 1000 + number) for number in range(MOST_ATTEMPTS_KEPT + 3)]
    for attempt in attempts:
        claim = claims.note(claim, attempt, S.PARKED, NOW + 30)
    assert claim.tried == len(attempts)
    assert claim.attempts == tuple(attempts[3:])
    assert read(claims, claim) == claim


def test_keeps_equal_answers_once(claims: ClaimTable, held: Database) -> None:
    """Each write of a claim costs what all its attempts take: an error page that comes again takes nothing more."""
    claim, answers = claims.put(owed()), ["no" * 500, "no" * 500, "", "", "yes", "no" * 500]
    for number, answer in enumerate(answers):
        claim = claims.note(claim, Attempt(number, 1, status=500, answer=answer), S.PARKED, NOW + 30)
    assert [attempt.answer for attempt in claim.attempts] == answers
    assert read(claims, claim) == claim
    item = held.get({"PK": f"{claim.account}#CB#{claim.subject}", "SK": claim.id})
    assert item is not None
    assert [attempt.get("answer") for attempt in item["attempts"]] == [answers[0], None, "", None, "yes", answers[0]]
    assert item["expires_at"] == NOW + KEPT_DAYS * 86_400


@pytest.mark.parametrize("state", list(S))
def test_is_queued_anew(claims: ClaimTable, state: ClaimState) -> None:
    """Whatever has become of it, with all that is known of it; nobody has leased it then."""
    leased = claims.lease(claims.put(owed()), NOW * 1000, NOW * 1000 + 60_000)
    assert leased is not None
    before = claims.note(leased, OK, state, NOW + 30 if state in {S.QUEUED, S.PARKED} else None)
    after = claims.reopen(before, NOW + 900)
    assert after == replace(before, state=S.QUEUED, due=NOW + 900, lease=0) == read(claims, before)
    # What is as it is to be can be made so once more.
    assert after is not None
    assert claims.reopen(after, NOW + 900) == after


def test_is_not_queued_anew_where_it_has_changed(claims: ClaimTable) -> None:
    """Whoever has read it before it was tried again leaves it alone."""
    claim = claims.put(owed())
    done = claims.note(claim, OK, S.DONE, None)
    assert claims.reopen(claim, NOW + 900) is None
    assert read(claims, claim) == done


def test_finds_what_is_due(claims: ClaimTable) -> None:
    """Of a shard, up to a second, the longest overdue first, no more than wanted; what is final is never due."""
    subject = token_hex(16)
    first = owed(subject=subject, due=NOW + 10)
    second = replace(first, number=4, due=NOW + 20)
    other = replace(first, subject=f"{subject[:-1]}{'0' if subject[-1] != '0' else '1'}", due=NOW + 5)
    done = replace(first, number=5, due=NOW + 1)
    for claim in (second, other, done, first):
        claims.put(claim)
    claims.note(done, OK, S.DONE, None)

    def due(now: int, limit: int = 1000) -> list[Claim]:
        mine = {first.subject, other.subject}
        return [claim for claim in claims.due(subject[-1], now, limit) if claim.subject in mine]

    assert due(NOW + 9) == []
    assert due(NOW + 10) == [first]
    assert due(NOW + 99) == [first, second]
    parked = claims.note(first, REFUSED, S.PARKED, NOW + 50)
    assert due(NOW + 49) == [second]
    assert due(NOW + 50) == [second, parked]
    claims.note(second, OK, S.GIVEN_UP, None)
    assert due(NOW + 99) == [parked]
    claims.note(parked, OK, S.DONE, None)


def test_finds_no_more_than_wanted(claims: ClaimTable) -> None:
    """What is left is found when the others are no longer due."""
    first = owed(due=NOW - 10_000)
    second = replace(first, number=4, due=NOW - 9_999)
    for claim in (first, second):
        claims.put(claim)
    assert list(claims.due(first.subject[-1], NOW - 9_000, 1)) == [first]
    claims.note(first, OK, S.DONE, None)
    assert list(claims.due(first.subject[-1], NOW - 9_000, 1)) == [second]
    claims.note(second, OK, S.DONE, None)


# Answers that are lost.


class Repeating:
    """A client each of whose writes goes out twice, for the first answer is lost; `meanwhile` happens in between."""

    def __init__(self, client: Any, meanwhile: Callable[[], object] = lambda: None) -> None:
        self._client = client
        self._meanwhile = meanwhile

    def __getattr__(self, name: str) -> Any:
        """What is read is read once."""
        return getattr(self._client, name)

    def update_item(self, **request: Any) -> Any:
        """The second answer, which tells that it is the second."""
        self._client.update_item(**request)
        self._meanwhile()
        try:
            return self._client.update_item(**request)
        except ClientError as error:
            metadata: Any = error.response["ResponseMetadata"]
            metadata[UNANSWERED] = True
            raise


@pytest.fixture
def repeating(held: Database) -> Callable[..., ClaimTable]:
    """Makes ledgers whose first answers are all lost."""
    return lambda *more: ClaimTable(Database(Repeating(held._client, *more), held._table, lambda _seconds: None))


def test_a_lost_answer_changes_nothing(claims: ClaimTable, repeating: Callable[..., ClaimTable]) -> None:
    """Each write is done once, and answered as if nothing had been lost."""
    ledger, claim, now = repeating(), owed(), NOW * 1000
    assert ledger.put(claim) == claim
    leased = ledger.lease(claim, now, now + 60_000)
    assert leased == replace(claim, lease=now + 60_000, first_at=NOW)
    assert leased is not None
    parked = ledger.note(leased, REFUSED, S.PARKED, NOW + 30)
    assert parked == replace(leased, state=S.PARKED, due=NOW + 30, lease=0, tried=1, attempts=(REFUSED,))
    queued = ledger.reopen(parked, NOW + 900)
    assert queued == replace(parked, state=S.QUEUED, due=NOW + 900) == read(claims, claim)


def test_a_lost_answer_is_not_taken_for_another_ones(claims: ClaimTable, repeating: Callable[..., ClaimTable]) -> None:
    """Where somebody else has come in between, the lease is theirs, and their attempt is kept."""
    claim, now = claims.put(owed()), NOW * 1000
    other = repeating(lambda: claims.lease(claim, now + 5, now + 65_000))
    assert other.lease(claim, now, now + 4) is None
    found = read(claims, claim)
    assert found is not None
    late = repeating(lambda: claims.note(replace(found, tried=1, attempts=(REFUSED,)), OK, S.DONE, None))
    assert late.note(found, REFUSED, S.QUEUED, found.due).attempts == (REFUSED, OK)
    assert read(claims, claim) == replace(found, state=S.DONE, due=None, lease=0, tried=2, attempts=(REFUSED, OK))


def test_gives_up_against_endless_others(held: Database, claims: ClaimTable) -> None:
    """Whoever always comes second is told to come again, and nothing is written by halves."""
    claim = claims.put(owed())
    number = iter(range(1, 99))

    class Busy(Repeating):
        def update_item(self, **request: Any) -> Any:
            """Somebody else is always first."""
            found = read(claims, claim)
            assert found is not None
            claims.note(found, replace(REFUSED, at=next(number)), S.QUEUED, found.due)
            return held._client.update_item(**request)

    ledger = ClaimTable(Database(Busy(held._client), held._table, lambda _seconds: None))
    with pytest.raises(StoreBusy):
        ledger.note(claim, OK, S.DONE, None)
    found = read(claims, claim)
    assert found is not None
    assert (found.state, OK in found.attempts) == (S.QUEUED, False)
