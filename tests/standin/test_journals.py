"""The journals of a stand-in keep the entries of quiet accounts, however busy another one is."""

from collections.abc import Callable
from typing import Any, Final

import pytest

from tapedeck.domain.delivery import CallbackDelivery
from tapedeck.domain.warnings import AccountWarning
from tapedeck_standin import journals
from tapedeck_standin.callbacks.callback_log import CallbackLog
from tapedeck_standin.gateway.request_log import ApiRequestLog, LoggedRequest
from tapedeck_standin.gateway.warning_log import LoggedWarning, WarningLog

NOTHING: Final[Any] = None


class Requests:
    """The journal of requests."""

    def __init__(self) -> None:
        self._log = ApiRequestLog()

    def append(self, account: str, number: int) -> None:
        """Append an entry with a number."""
        entry = LoggedRequest(str(number), 0, "GET", "/", None, {}, 200, None, None, None, 0, None)
        self._log.append(account, entry)

    def of(self, account: str) -> list[int]:
        """Return the numbers of an account's entries."""
        return [int(entry["id"]) for entry in self._log.of(account)]

    def forget(self, account: str) -> None:
        """Delete an account's entries."""
        self._log.forget(account)


class Warnings:
    """The journal of warnings."""

    def __init__(self) -> None:
        self._log = WarningLog(lambda _: None)

    def append(self, account: str, number: int) -> None:
        """Append an entry with a number."""
        self._log.append(account, LoggedWarning(0, None, AccountWarning(number, "")))

    def of(self, account: str) -> list[int]:
        """Return the numbers of an account's entries."""
        return [entry["code"] for entry in self._log.find(account)]

    def forget(self, account: str) -> None:
        """Delete an account's entries."""
        self._log.forget(account)


class Callbacks:
    """The journal of callbacks."""

    def __init__(self) -> None:
        self._log = CallbackLog(NOTHING, lambda _: None)

    def append(self, account: str, number: int) -> None:
        """Append an entry with a number."""
        name = f"{number:032x}"
        self._log.record(CallbackDelivery(account, name, 1, "completed", "twilio", "http://a/", "POST", "", "", 0))

    def of(self, account: str) -> list[int]:
        """Return the numbers of an account's entries."""
        found = (self._log.get(account, f"{number:032x}.00000001.completed") for number in range(20))
        return [int(entry.delivery.resource_id, 16) for entry in found if entry is not None]

    def forget(self, account: str) -> None:
        """Delete an account's entries."""
        self._log.forget(account)


@pytest.mark.parametrize("make", [Requests, Warnings, Callbacks])
def test_a_busy_account_displaces_only_its_own_entries(
    make: Callable[[], Requests | Warnings | Callbacks], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a full journal, the account with the most entries loses its oldest one (C-308)."""
    monkeypatch.setattr(journals, "MAX_ENTRIES", 5)
    journal = make()
    for number in (1, 2):
        journal.append("quiet", number)
    for number in range(3, 12):
        journal.append("busy", number)
    assert (journal.of("quiet"), journal.of("busy")) == ([1, 2], [9, 10, 11])
    journal.append("late", 12)
    assert (journal.of("quiet"), journal.of("busy"), journal.of("late")) == ([1, 2], [10, 11], [12])
    journal.forget("busy")
    for number in range(13, 16):
        journal.append("late", number)
    assert (journal.of("quiet"), journal.of("busy"), journal.of("late")) == ([1, 2], [], [13, 14, 15])


def test_an_account_alone_has_the_whole_journal() -> None:
    """It keeps its newest 10,000 entries."""
    journal = journals.AccountJournal[int]()
    for number in range(10_003):
        journal.append("alone", number)
    assert journal.of("alone") == list(range(3, 10_003))
