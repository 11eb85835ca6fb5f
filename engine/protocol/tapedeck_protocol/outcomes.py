"""`POST /engine/v2/events`: up to 50 events, and an outcome for each; and the form of every refused request."""

from typing import Annotated, Any, Final, Literal

from pydantic import Field

from tapedeck_protocol.words import Count, EncodableText, EngineMessage, Flag, Id, Milliseconds, Protocol, ShortText

MAX_EVENTS: Final = 50
"""Events in one request."""

Outcome = Literal["taken", "repeated", "stale", "later", "refused"]
EventRefusalCode = Literal[
    "unreadable", "unknown_type", "not_yours", "wrong_state", "unknown_key", "name_taken", "bad_id", "superseded"
]


class EventBatch(EngineMessage):
    """Events, in the order in which they happened. Each is applied by itself: a bad one does not affect the others."""

    protocol: Protocol
    boot: Annotated[Id, Field(description="Boot of the session")]
    sent_at: Annotated[Milliseconds, Field(description="Engine's clock at this request, in ms")]
    events: Annotated[
        list[Any], Field(min_length=1, max_length=MAX_EVENTS, description="The events, as in the schema of events")
    ]


class EventOutcomeMessage(EngineMessage):
    """What became of one event."""

    id: Annotated[EncodableText | None, Field(description="Id of the event; null if it has no valid one")]
    outcome: Annotated[Outcome, Field(description="What became of it")]
    code: Annotated[EventRefusalCode | None, Field(description="Of `refused`: why")] = None
    detail: Annotated[
        EncodableText | None,
        Field(max_length=200, description="A sentence for the log; of `unreadable`: the invalid field"),
    ] = None
    after_ms: Annotated[Count | None, Field(description="Of `later`: when to report the event again")] = None


class EventBatchAnswer(EngineMessage):
    """The outcomes, in the order of the events."""

    now: Annotated[Milliseconds, Field(description="Tapedeck's clock, in ms")]
    results: Annotated[tuple[EventOutcomeMessage, ...], Field(description="One outcome for each event")]
    resync: Annotated[Flag, Field(description="Open a session with all live resources")] = False
    superseded: Annotated[
        Flag, Field(description="Another connector has opened a session for this engine: exit with code 3")
    ] = False


class RefusedRequest(EngineMessage):
    """The body of an answer with a status of 400 or more."""

    refused: Annotated[ShortText, Field(description="Code of the reason")]
    detail: Annotated[EncodableText | None, Field(max_length=200, description="A sentence for the log")] = None
    field: Annotated[ShortText | None, Field(description="Of `unreadable`: the invalid field")] = None
