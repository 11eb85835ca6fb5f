"""List what is unsettled in all accounts, each by its own clock."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.selection import TWILIO
from tapedeck_standin.clock import VirtualClock, working_for

Page = Mapping[str, Any]
ListUnsettled = Callable[[Mapping[str, Any]], Page]
"""The function `list_unsettled`: gets its event, returns a page."""


def pages_of(list_unsettled: ListUnsettled, event: Mapping[str, Any]) -> Iterator[Page]:
    """Yield all pages of the list."""
    page = list_unsettled(event)
    yield page
    while page["next_page_token"] is not None:
        page = list_unsettled({**event, "page_token": page["next_page_token"]})
        yield page


def by_own_clocks(
    list_unsettled: ListUnsettled, open_accounts: Callable[[], Iterable[str]], clock: VirtualClock
) -> ListUnsettled:
    """Return the function, but without `account_sid` each account's time says what is overdue in it (C-309).

    It then answers with a single page. The list is read once for each time that accounts with open work have.

    What is overdue is chosen from the whole list. The function looks only at what the reconciler has found to be due,
    a minute later at most: but the minute of an account whose clock stands still does not end.

    Args:
        list_unsettled: the function, which reads the clock of the account that its thread works for.
        open_accounts: returns the accounts that have anything open.
        clock: the stand-in's clock.
    """

    def list_whole(event: Mapping[str, Any]) -> Page:
        page = list_unsettled({name: value for name, value in event.items() if name != "overdue"})
        found = [entry for entry in page["unsettled"] if entry["overdue"] or not event.get("overdue")]
        return {**page, "unsettled": found}

    def list_all(event: Mapping[str, Any]) -> Page:
        if "account_sid" in event:
            return list_whole(event)
        accounts_by_lead: dict[int, str | None] = {0: None}
        for each in open_accounts():
            accounts_by_lead.setdefault(clock.lead_of(each), each)
        at, found = 0, list[Mapping[str, Any]]()
        for lead, account in sorted(accounts_by_lead.items(), key=lambda each: each[0]):
            with working_for(account):
                for page in pages_of(list_whole, event):
                    at = page["at"] if account is None else at
                    found += [entry for entry in page["unsettled"] if clock.lead_of(_account_of(entry)) == lead]
        return {"at": at, "unsettled": found, "next_page_token": None}

    return list_all


def _account_of(entry: Mapping[str, Any]) -> str:
    return TWILIO.parse_sid(ResourceType.ACCOUNT, entry["account_sid"]["twilio"]) or ""
