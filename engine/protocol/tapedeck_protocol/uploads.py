"""`POST /engine/v2/uploads`: a place for one capture."""

from typing import Annotated, Final, Literal

from pydantic import Field

from tapedeck_protocol.words import EncodableText, EngineMessage, Id, Milliseconds, ParentRef, Sha256, ShortText, Url

MAX_CAPTURE_BYTES: Final = 4 * 1024**3


class OpenUploadRequest(EngineMessage):
    """Request a URL for a capture. The recording has stopped, or was given up; it is the engine's own."""

    account: Annotated[Id, Field(description="Account of the recording")]
    parent: Annotated[ParentRef, Field(description="Call or conference that was recorded")]
    recording: Annotated[Id, Field(description="The recording")]
    bytes: Annotated[int, Field(strict=True, ge=1, le=MAX_CAPTURE_BYTES, description="Size of the file")]
    sha256: Annotated[Sha256, Field(description="SHA-256 of the file")]
    content_type: Annotated[Literal["audio/wav"], Field(description="Always `audio/wav`")] = "audio/wav"


class OpenUploadAnswer(EngineMessage):
    """A place for the capture: send one `PUT` with exactly these headers and `Content-Length`."""

    url: Annotated[Url, Field(description="URL for the `PUT`")]
    headers: Annotated[dict[ShortText, ShortText], Field(description="Headers of the `PUT`")]
    expires_at: Annotated[Milliseconds, Field(description="When the URL expires, in ms by Tapedeck's clock")]
    ticket: Annotated[EncodableText, Field(max_length=2_000, description="Repeat it in `recording.completed`")]
