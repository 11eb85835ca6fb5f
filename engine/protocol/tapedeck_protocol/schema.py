"""The JSON Schemas of the protocol, made from the models."""

from typing import Any, Final

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import models_json_schema

from tapedeck_protocol.commands import COMMANDS
from tapedeck_protocol.documents import FetchDocumentAnswer, FetchDocumentRequest
from tapedeck_protocol.events import EVENTS
from tapedeck_protocol.outcomes import EventBatch, EventBatchAnswer, RefusedRequest
from tapedeck_protocol.session import OpenSessionAnswer, OpenSessionRequest
from tapedeck_protocol.uploads import OpenUploadAnswer, OpenUploadRequest

_DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"

REQUESTS: Final[dict[str, tuple[type[BaseModel], type[BaseModel]]]] = {
    "POST /engine/v2/sessions": (OpenSessionRequest, OpenSessionAnswer),
    "POST /engine/v2/events": (EventBatch, EventBatchAnswer),
    "POST /engine/v2/uploads": (OpenUploadRequest, OpenUploadAnswer),
    "POST /engine/v2/documents": (FetchDocumentRequest, FetchDocumentAnswer),
}
"""The body of the request and of the answer of each route."""


def messages_schema(messages: TypeAdapter[Any], title: str) -> dict[str, Any]:
    """Build the JSON Schema of all commands or of all events."""
    return {"$schema": _DRAFT, "title": title, **messages.json_schema(by_alias=True, mode="validation")}


def requests_schema(title: str) -> dict[str, Any]:
    """Build the JSON Schema of all requests and answers: one definition for each."""
    models: list[type[BaseModel]] = [RefusedRequest]
    for request, answer in REQUESTS.values():
        models += [request, answer]
    _, schema = models_json_schema([(model, "validation") for model in models], by_alias=True)
    return {"$schema": _DRAFT, "title": title, **schema}


def make_schemas() -> dict[str, dict[str, Any]]:
    """Build every published schema by the name of its file."""
    return {
        "engine-commands.json": messages_schema(COMMANDS, "Commands that Tapedeck sends to a media engine"),
        "engine-events.json": messages_schema(EVENTS, "Events that a media engine reports to Tapedeck"),
        "engine-session.json": requests_schema("Requests of a connector to Tapedeck, and their answers"),
    }
