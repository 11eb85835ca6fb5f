"""The log of warnings: requests that were done, and instructions that were executed, but not as may be expected."""

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
    """A warning about a call, or an error of its instructions.

    `at`: milliseconds since the epoch. `call`: 32 hex digits. `value`: that of the parameter or attribute. `level`:
    `warning` or `error`. `verb`, `line`, `column`: where in the instructions. `webhook`: the id of the request that
    they came from.
    """

    at: int
    call: str | None
    warning: AccountWarning
    value: str | None = None
    level: str = "warning"
    verb: str | None = None
    line: int | None = None
    column: int | None = None
    webhook: str | None = None

    def body(self) -> dict[str, Any]:
        """Return the JSON representation; for a request of the API, the fields about instructions are null."""
        return {
            "at": format_time(self.at),
            "level": self.level,
            "code": self.warning.code,
            "text": self.warning.text,
            "call": format_sid_in_both_dialects(ResourceType.CALL, self.call) if self.call is not None else None,
            "webhook": self.webhook,
            "line": self.line,
            "column": self.column,
            "verb": self.verb,
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
    about += [name for name in (entry.verb, warning.parameter) if name is not None]
    about += [f"line {entry.line}"] if entry.line is not None else []
    return " ".join([entry.level, str(warning.code), *about]) + f": {warning.text}"
