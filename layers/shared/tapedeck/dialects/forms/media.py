"""What may be asked of one recording at its account's address (operations.md, R2, R4 and R5)."""

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Self

from pydantic import Field

from tapedeck.dialects.dialect import Dialect
from tapedeck.dialects.forms.base import Boolean, Form, choice_validator


class GetRecording(Form):
    """R2, its metadata; what belongs to its audio is unknown here, and ignored. All of it is Twilio's alone."""

    KNOWN: ClassVar[frozenset[str]] = frozenset({"IncludeSoftDeleted"})

    include_deleted: Boolean = Field(default=False, alias="IncludeSoftDeleted")
    requested_channels: Annotated[str, choice_validator("choice", "1", "2")] | None = Field(
        None, alias="RequestedChannels"
    )

    @classmethod
    def read(cls, fields: Mapping[str, Sequence[str]], dialect: Dialect) -> Self:
        """The same, without what is not known here."""
        known = {
            name: values
            for name, values in fields.items()
            if dialect.supports_include_soft_deleted and name in cls.KNOWN
        }
        return super().read(known, dialect)

    @property
    def channels(self) -> int | None:
        """1 or 2, or None for what is usual."""
        return int(self.requested_channels) if self.requested_channels is not None else None


class GetMedia(GetRecording):
    """R4 and R5, its audio; what belongs to its metadata is ignored: audio that was deleted is gone."""

    KNOWN: ClassVar[frozenset[str]] = frozenset({"RequestedChannels"})
