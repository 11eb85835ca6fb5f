"""What may be asked of one recording at its account's address (operations.md, R2, R4 and R5)."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Final, Self

from pydantic import Field

from tapedeck.dialects.dialect import Dialect
from tapedeck.dialects.forms import Boolean, Form, one_of

_TWILIOS: Final = frozenset({"IncludeSoftDeleted", "RequestedChannels"})


class GetRecording(Form):
    """Its metadata or its audio; what the dialect does not know is ignored."""

    include_deleted: Boolean = Field(default=False, alias="IncludeSoftDeleted")
    requested_channels: Annotated[str, one_of("choice", "1", "2")] | None = Field(None, alias="RequestedChannels")

    @classmethod
    def read(cls, fields: Mapping[str, Sequence[str]], dialect: Dialect) -> Self:
        """The same, without what the dialect does not know."""
        known = {name: values for name, values in fields.items() if dialect.shows_deleted or name not in _TWILIOS}
        return super().read(known, dialect)

    @property
    def channels(self) -> int | None:
        """1 or 2, or None for what is usual."""
        return int(self.requested_channels) if self.requested_channels is not None else None
