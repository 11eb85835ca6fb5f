"""The log of warnings: requests that were done, but not as their client may expect."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tapedeck.admin.endpoint import format_sid_in_both_dialects
from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.selection import TWILIO
from tapedeck.domain.warnings import AccountWarning
from tapedeck_standin.clock import format_time
from tapedeck_standin.journals import AccountJournal


@dataclass(frozen=True, slots=True)
class LoggedWarning:
    """A warning about a call.

    `at`: milliseconds since the epoch. `call`: 32 hex digits. `value`: the value of the parameter.
    """

    at: int
    call: str | None
    warning: AccountWarning
    value: str | None = None

    def body(self) -> dict[str, Any]:
        """Return the JSON representation; the fields about instructions and their requests are null."""
        return {
            "at": format_time(self.at),
            "level": "warning",
            "code": self.warning.code,
            "text": self.warning.text,
            "call": format_sid_in_both_dialects(ResourceType.CALL, self.call) if self.call is not None else None,
            "webhook": None,
            "line": None,
            "column": None,
            "verb": None,
            "attribute": self.warning.parameter,
            "value": self.value,
        }


class WarningLog:
    """The latest warnings of all accounts. Thread-safe.

    Args:
        report: receives a line for each warning, without the value.
    """

    def __init__(self, report: Callable[[str], object]) -> None:
        self._report = report
        self._warnings = AccountJournal[LoggedWarning]()

    def append(self, account: str, entry: LoggedWarning) -> None:
        """Append a warning of this account, and report it."""
        self._warnings.append(account, entry)
        self._report(_format_line(entry))

    def find(self, account: str, call: str | None = None, code: int | None = None) -> list[dict[str, Any]]:
        """Return an account's warnings about a call and with a code (None: any), oldest first."""
        entries = self._warnings.of(account)
        return [entry.body() for entry in entries if call in {None, entry.call} and code in {None, entry.warning.code}]

    def forget(self, account: str) -> None:
        """Delete the warnings of this account."""
        self._warnings.forget(account)


def _format_line(entry: LoggedWarning) -> str:
    warning = entry.warning
    about = [TWILIO.format_sid(ResourceType.CALL, entry.call)] if entry.call is not None else []
    about += [warning.parameter] if warning.parameter is not None else []
    return " ".join(["warning", str(warning.code), *about]) + f": {warning.text}"
