"""`POST /engine/v2/documents`: request instructions from the application of a call."""

from typing import Annotated, Final

from pydantic import Field

from tapedeck_protocol.words import Count, DialectName, EncodableText, EngineMessage, Id, Method, ShortText, Url

MAX_PARAMETERS: Final = 32
MAX_BODY_CHARACTERS: Final = 90_000
"""Base64 of 65,537 bytes."""

_Cookies = Annotated[EncodableText, Field(max_length=8_000)]


class FetchDocumentRequest(EngineMessage):
    """Request a document from the application. Tapedeck adds the parameters of the call, signs and sends it."""

    account: Annotated[Id, Field(description="Account of the call")]
    call: Annotated[Id, Field(description="The call that needs instructions; it is the engine's own")]
    dialect: Annotated[DialectName, Field(description="Dialect of the instructions")]
    url: Annotated[Url, Field(description="Absolute http or https URL")]
    method: Annotated[Method, Field(description="Method of the request")] = "POST"
    parameters: Annotated[
        dict[ShortText, Annotated[EncodableText, Field(max_length=10_000)]],
        Field(max_length=MAX_PARAMETERS, default_factory=dict, description="Parameters of the verb, such as `Digits`"),
    ]
    recording: Annotated[Id | None, Field(description="The recording that the request is about")] = None
    dialed_call: Annotated[Id | None, Field(description="The call that a `<Dial>` created")] = None
    conference: Annotated[Id | None, Field(description="The conference in which the call waits")] = None
    conference_name: Annotated[ShortText, Field(description="Its name")] = ""
    cookies: Annotated[_Cookies, Field(description="`cookies` of the last answer for this call")] = ""


class FetchDocumentAnswer(EngineMessage):
    """What the application answered, or the vendor's error code."""

    code: Annotated[
        Count | None, Field(description="Error code, such as 11200; the fields from `url` to `body` are empty then")
    ] = None
    attempts: Annotated[Count, Field(description="Attempts that were made")]
    milliseconds: Annotated[Count, Field(description="Duration of all of them")]
    url: Annotated[EncodableText, Field(description="URL that answered, after redirects")] = ""
    status: Annotated[Count, Field(description="HTTP status")] = 0
    content_type: Annotated[EncodableText, Field(description="Content type of the body")] = ""
    body: Annotated[
        EncodableText,
        Field(max_length=MAX_BODY_CHARACTERS, description="Base64 of the body; of a large one the first 65,537 bytes"),
    ] = ""
    cookies: Annotated[_Cookies, Field(description="Repeat it in the next request for this call")] = ""
