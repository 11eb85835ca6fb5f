"""What all parameters have in common, with and without Pydantic, and the values that both accept."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, Protocol, Self

if TYPE_CHECKING:
    from tapedeck.dialects.dialect import Dialect
    from tapedeck.domain.warnings import AccountWarning


class Parameters(Protocol):
    """What the endpoint needs of the parameters of an operation."""

    @property
    def warnings(self) -> "tuple[AccountWarning, ...]":
        """The warnings about fields that were left out because they cannot be used."""
        ...

    @classmethod
    def read(cls, fields: Mapping[str, Sequence[str]], dialect: "Dialect") -> Self:
        """Parse and validate decoded fields; raises InvalidParameter for the first invalid one."""
        ...


SETTABLE_STATUSES: Final = ("paused", "in-progress", "stopped")
PAUSE_BEHAVIORS: Final = ("skip", "silence")
DEFAULT_PAUSE_BEHAVIOR: Final = "silence"
