"""Warnings and errors of executed instructions, for the log of warnings."""

from typing import TYPE_CHECKING

from tapedeck.domain.warnings import AccountWarning
from tapedeck_standin.calls.webhook_journal import WebhookJournal
from tapedeck_standin.gateway.warning_log import LoggedWarning, WarningLog

if TYPE_CHECKING:
    from collections.abc import Callable

    from tapedeck_callflow.effects import Note

    from tapedeck_standin.calls.leg import Leg


def markup_notes(log: WarningLog, webhooks: WebhookJournal) -> "Callable[[Leg, Note, int], None]":
    """Return what writes the notes of flows into a log, each with the latest request of its call."""

    def write(leg: "Leg", note: "Note", at: int) -> None:
        latest = webhooks.latest(leg.account, leg.id)
        if latest is not None and note.level == "error" and latest.error is None:
            latest.error = (note.code, note.text)
        log.append(
            leg.account,
            LoggedWarning(
                at, leg.id, AccountWarning(note.code, note.text, note.attribute or None), note.value or None,
                note.level, note.verb or None, note.line, note.column, latest.name if latest is not None else None,
            ),
        )  # fmt: skip

    return write
