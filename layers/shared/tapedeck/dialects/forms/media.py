"""The parameters of requests for one recording below its account: metadata and audio."""

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Self

from pydantic import Field

from tapedeck.dialects.dialect import Dialect
from tapedeck.dialects.forms.base import Boolean, Form, choice_validator


class GetRecording(Form):
    """Parameters of a recording's metadata; only Twilio has them. Parameters of its audio are ignored."""

    KNOWN: ClassVar[frozenset[str]] = frozenset({"IncludeSoftDeleted"})

    include_deleted: Boolean = Field(default=False, alias="IncludeSoftDeleted")
    requested_channels: Annotated[str, choice_validator("choice", "1", "2")] | None = Field(
        None, alias="RequestedChannels"
    )

    @classmethod
    def read(cls, fields: Mapping[str, Sequence[str]], dialect: Dialect) -> Self:
        """Parse and validate decoded fields; ignore those not in `KNOWN`, and all in SignalWire's dialect."""
        known = {
            name: values
            for name, values in fields.items()
            if dialect.supports_include_soft_deleted and name in cls.KNOWN
        }
        return super().read(known, dialect)

    @property
    def channels(self) -> int | None:
        """The requested number of channels, 1 or 2; None for the default."""
        return int(self.requested_channels) if self.requested_channels is not None else None


class GetAudio(GetRecording):
    """Parameters of a recording's audio. `IncludeSoftDeleted` is ignored: deleted audio cannot be fetched."""

    KNOWN: ClassVar[frozenset[str]] = frozenset({"RequestedChannels"})
