"""The control API's call that tells a media event by hand, as an engine of somebody's own would."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError

from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.selection import parse_any_sid
from tapedeck.domain.identity import new_id
from tapedeck.engine_protocol.schema import EVENTS
from tapedeck.ports.messaging import Queue, QueueMessage
from tapedeck.ports.stores import Clock
from tapedeck_standin.control.requests import (
    AccountRegistry,
    ControlError,
    ControlRoute,
    ControlRoutes,
    Result,
    read_object,
)
from tapedeck_standin.http.messages import ServerRequest

_NAMED: Final = {
    "account": ResourceType.ACCOUNT,
    "call": ResourceType.CALL,
    "parent_call": ResourceType.CALL,
    "ending_call": ResourceType.CALL,
    "call_to_coach": ResourceType.CALL,
    "conference": ResourceType.CONFERENCE,
    "recording": ResourceType.RECORDING,
    "transcription": ResourceType.TRANSCRIPTION,
}
"""What the fields of an event name: their sids may be spelled as either dialect does."""

_PARENTS: Final = {"call": ResourceType.CALL, "conference": ResourceType.CONFERENCE}


class EventRoutes:
    """Tells events.

    Args:
        books: which accounts there are.
        events: where engines tell what has happened.
        clock: dates what is not dated.
    """

    def __init__(self, books: AccountRegistry, events: Queue, clock: Clock) -> None:
        self._books = books
        self._events = events
        self._clock = clock

    @property
    def routes(self) -> ControlRoutes:
        """What it may be asked for."""
        return {("events",): {"POST": ControlRoute(self._report_event)}}

    def _report_event(self, request: ServerRequest, _named: str) -> Result:
        now = self._clock()
        given = {"id": new_id(now), "at": now, **_with_ids(read_object(request))}
        # By an id that cannot be read, nobody is known.
        account = given.get("account")
        event = {**given, "account": account if account is not None else self._books.own}
        try:
            # An engine of a later version may tell more; what is told by hand is mistyped.
            EVENTS.validate_python(event, extra="forbid")
        except ValidationError as invalid:
            raise _refusal_of(invalid) from invalid
        self._books.account(event["account"])
        self._events.send([QueueMessage(event, _group_of(event), event["id"])])
        return 202, {"id": event["id"]}


def _with_ids(given: Mapping[str, Any]) -> dict[str, Any]:
    """An event whose sids are ids, as far as they are any."""
    event = {name: _id_of(_NAMED[name], value) if name in _NAMED else value for name, value in given.items()}
    parent = event.get("parent")
    if isinstance(parent, dict) and isinstance(parent.get("type"), str) and parent["type"] in _PARENTS:
        event["parent"] = {**parent, "id": _id_of(_PARENTS[parent["type"]], parent.get("id"))}
    return event


def _id_of(kind: ResourceType, sid: object) -> object:
    return (parse_any_sid(kind, sid) if isinstance(sid, str) else None) or sid


def _group_of(event: Mapping[str, Any]) -> str:
    """What it happens to: all of that is told in order."""
    parent = event.get("parent") or {}
    group: str = parent.get("id") or event.get("conference") or event.get("call") or event["recording"]
    return group


def _refusal_of(invalid: ValidationError) -> ControlError:
    """400, with the first field that cannot be used; of an event of no known type, that."""
    first = invalid.errors(include_url=False, include_context=False, include_input=False)[0]
    # The type comes first, which is none of the event's fields.
    field = str(first["loc"][1]) if len(first["loc"]) > 1 else "type"
    return ControlError(400, f"{field}: {first['msg']}", field)
