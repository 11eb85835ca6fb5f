"""The control API's `POST /events`: reports an engine event by hand, and answers what became of it."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from pydantic import ValidationError

from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.selection import parse_any_sid
from tapedeck.domain.identity import new_id
from tapedeck.ports.clock import Clock
from tapedeck_standin.clock import time_of
from tapedeck_standin.control.requests import (
    AccountRegistry,
    ControlError,
    ControlRoute,
    ControlRoutes,
    Result,
    read_object,
)
from tapedeck_standin.http.messages import ServerRequest

_SID_FIELDS: Final = {
    "account": ResourceType.ACCOUNT,
    "call": ResourceType.CALL,
    "parent_call": ResourceType.CALL,
    "ending_call": ResourceType.CALL,
    "call_to_coach": ResourceType.CALL,
    "conference": ResourceType.CONFERENCE,
    "recording": ResourceType.RECORDING,
    "transcription": ResourceType.TRANSCRIPTION,
}
"""Resource type of each event field that holds a sid. Either dialect's format is accepted."""

_PARENTS: Final = {"call": ResourceType.CALL, "conference": ResourceType.CONFERENCE}

TakeEvent = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""Applies a valid event as if the stand-in's engine had reported it; returns its outcome, as an engine gets it."""


class EventRoutes:
    """The route that reports engine events; one that is not applicable yet is not repeated (C-221).

    Args:
        registry: the known accounts.
        take: applies an event.
        next_seq: returns the default sequence number of an event; None if there is no default, because the numbers of
            an external engine are not known.
        clock: default time of an event.
    """

    def __init__(
        self, registry: AccountRegistry, take: TakeEvent, next_seq: Callable[[], int] | None, clock: Clock
    ) -> None:
        self._registry = registry
        self._take = take
        self._next_seq = next_seq
        self._clock = clock

    @property
    def routes(self) -> ControlRoutes:
        """The routes, by path and method."""
        return {("events",): {"POST": ControlRoute(self._report_event)}}

    def _report_event(self, request: ServerRequest, _param: str) -> Result:
        given = _with_ids(read_object(request))
        # A malformed account must not become the default account: only a missing one does.
        account = given.get("account")
        account = account if account is not None else self._registry.default
        now = time_of(self._clock, account if isinstance(account, str) else None)
        event = {"id": new_id(now), "at": now, **given, "account": account}
        if "seq" not in event and self._next_seq is not None:
            event["seq"] = self._next_seq()
        if event.get("type") == "engine.alive":
            raise ControlError(400, "type: presence belongs to the session of an engine", "type")
        from tapedeck_protocol.events import EVENTS  # noqa: PLC0415 - its models take a tenth of a start

        try:
            # Functions ignore unknown fields of newer engines; in a manual event they are typing errors.
            EVENTS.validate_python(event, extra="forbid")
        except ValidationError as invalid:
            raise _control_error_of(invalid, event) from invalid
        self._registry.account(event["account"])
        return 200, self._take(event)


def _with_ids(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Convert the sids of an event to ids; leave malformed ones for the validation."""
    event = {name: _id_of(_SID_FIELDS[name], value) if name in _SID_FIELDS else value for name, value in fields.items()}
    parent = event.get("parent")
    if isinstance(parent, dict) and isinstance(parent.get("type"), str) and parent["type"] in _PARENTS:
        event["parent"] = {**parent, "id": _id_of(_PARENTS[parent["type"]], parent.get("id"))}
    return event


def _id_of(kind: ResourceType, sid: object) -> object:
    return (parse_any_sid(kind, sid) if isinstance(sid, str) else None) or sid


def _control_error_of(invalid: ValidationError, event: Mapping[str, Any]) -> ControlError:
    """Map to status 400 for the first invalid field, or for `type` if the event's type is unknown."""
    first = invalid.errors(include_url=False, include_context=False, include_input=False)[0]
    # The first element of `loc` is the event type, the second one the field.
    field = str(first["loc"][1]) if len(first["loc"]) > 1 else "type"
    reason = first["msg"]
    if first["type"] == "union_tag_not_found":
        reason = "Field required"
    elif first["type"] == "string_pattern_mismatch" and (kind := _sid_kind(field, event)) is not None:
        reason = f"not the sid of a {kind.name.lower()} in either format"
    return ControlError(400, f"{field}: {reason}", field)


def _sid_kind(field: str, event: Mapping[str, Any]) -> ResourceType | None:
    """Return which sid a field of an event has; None if it has none."""
    return _PARENTS[event["parent"]["type"]] if field == "parent" else _SID_FIELDS.get(field)
