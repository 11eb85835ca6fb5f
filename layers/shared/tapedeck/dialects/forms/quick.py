"""Parameters that are read without Pydantic, whose import takes a fifth of a cold start.

Only valid parameters are read here. All others are left to the Pydantic model of the operation, which alone decides
what is invalid, and why.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from tapedeck.dialects.forms.parameters import DEFAULT_PAUSE_BEHAVIOR, PAUSE_BEHAVIORS, SETTABLE_STATUSES
from tapedeck.domain.recording import RecordingStatus

if TYPE_CHECKING:
    from tapedeck.dialects.dialect import Dialect
    from tapedeck.dialects.forms.base import Form
    from tapedeck.domain.warnings import AccountWarning


@dataclass(frozen=True, slots=True)
class QuickUpdateRecording:
    """Parameters of `update_call_recording` and `update_conference_recording`, read without their Pydantic model."""

    status: str
    pause_behavior: str

    @property
    def target(self) -> RecordingStatus:
        """The requested status."""
        return RecordingStatus(self.status)

    @property
    def warnings(self) -> "tuple[AccountWarning, ...]":
        """None: every invalid field is an error."""
        return ()

    # --8<-- [start:quick]
    @classmethod
    def load_model(cls) -> "type[Form]":
        """Import the Pydantic model."""
        from tapedeck.dialects.forms.base import UpdateRecording  # noqa: PLC0415

        return UpdateRecording

    @classmethod
    def read(cls, fields: Mapping[str, Sequence[str]], dialect: "Dialect") -> Self:
        """Read decoded fields as the model does: the last value of a field counts, an empty one counts as absent."""
        status, behavior = (_last(fields, name) for name in ("Status", "PauseBehavior"))
        if status not in SETTABLE_STATUSES or behavior not in {*PAUSE_BEHAVIORS, ""}:
            cls.load_model().read(fields, dialect)
            raise AssertionError("The model accepts what is not valid here")
        return cls(status, behavior or DEFAULT_PAUSE_BEHAVIOR)

    # --8<-- [end:quick]


def _last(fields: Mapping[str, Sequence[str]], name: str) -> str:
    return next(reversed(fields.get(name, ())), "")
