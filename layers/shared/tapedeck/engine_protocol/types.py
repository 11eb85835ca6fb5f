"""Of what the messages of the media contract are made, in either direction."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from tapedeck.domain.recording import Parent, ParentKind

Id = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
Version = Annotated[int, Field(ge=1, description="That of the change which asked, as it rises with each of a resource")]
Text = Annotated[str, Field(min_length=1, max_length=256)]
Channels = Literal[1, 2]
Track = Literal["inbound", "outbound", "both"]
PauseBehavior = Literal["silence", "skip"]


class EngineMessage(BaseModel):
    """What is not known of a message is passed over: it may be of a later day."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class ParentRef(EngineMessage):
    """The call or conference that is recorded."""

    type: Literal["call", "conference"]
    id: Id

    def of(self, account: str) -> Parent:
        """The same, of an account."""
        return Parent(account, ParentKind.CALL if self.type == "call" else ParentKind.CONFERENCE, self.id)


class FetchUrl(EngineMessage):
    """What the engine is to fetch: by the rules of `adapters/webhook.py`."""

    url: str
    method: Literal["GET", "POST"]
