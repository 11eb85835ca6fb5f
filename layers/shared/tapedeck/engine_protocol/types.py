"""Types shared by the commands and events of the engine protocol."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from tapedeck.domain.recording import Parent, ParentKind

Id = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
Version = Annotated[int, Field(ge=1, description="Version of the resource that requested it; rises with each change")]
Text = Annotated[str, Field(min_length=1, max_length=256)]
Channels = Literal[1, 2]
Track = Literal["inbound", "outbound", "both"]
PauseBehavior = Literal["silence", "skip"]


class EngineMessage(BaseModel):
    """A message of the engine protocol; unknown fields are ignored, for forward compatibility."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class ParentRef(EngineMessage):
    """The call or conference that is recorded."""

    type: Literal["call", "conference"]
    id: Id

    def of(self, account: str) -> Parent:
        """Return the domain's reference to this call or conference of an account."""
        return Parent(account, ParentKind.CALL if self.type == "call" else ParentKind.CONFERENCE, self.id)


class FetchUrl(EngineMessage):
    """A URL for the engine to fetch, by the rules of `adapters/webhooks/client.py`."""

    url: str
    method: Literal["GET", "POST"]
