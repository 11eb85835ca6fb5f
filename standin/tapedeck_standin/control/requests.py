"""What every part of the control API is made of: refusals, and the reading of bodies, queries, sids and accounts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl

from pydantic import BaseModel, TypeAdapter, ValidationError

from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.selection import parse_any_sid
from tapedeck.http.request import MAX_BYTES
from tapedeck_standin.aws.account_data import AccountData
from tapedeck_standin.http.messages import ServerRequest

Result = tuple[int, Mapping[str, Any] | None]
"""A status, and the JSON object of the answer, if it has one."""
Action = Callable[[ServerRequest, str], Result]
"""Gets a request and what its path names, if it names something."""

ModelT = TypeVar("ModelT", bound=BaseModel)

_OBJECT: Final = TypeAdapter(dict[str, Any])


@dataclass(frozen=True, slots=True)
class ControlRoute:
    """What one method of a path does; `waits` where it may take long, and must not hold up other calls meanwhile."""

    act: Action
    waits: bool = False


ControlRoutes = Mapping[tuple[str, ...], Mapping[str, ControlRoute]]
"""By the words of the path, NAMED in place of what it names, and the method."""

PATH_PARAM: Final = "{}"


class ControlError(Exception):
    """An answer of the control API's own: a status, what is wrong, and in which field, if in one."""

    def __init__(self, status: int, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.field = field


@dataclass(frozen=True, slots=True)
class AccountRegistry:
    """Which accounts there are, and whose telephony it is where a request names none: 32 hex digits."""

    ledger: AccountData
    own: str

    def account(self, named: str | None) -> str:
        """The account that a request is about.

        Raises:
            ControlError: there is none of this id.
        """
        account = named or self.own
        if not self.ledger.knows(account):
            raise ControlError(404, "there is no such account", "account")
        return account


def read_body(model: type[ModelT], request: ServerRequest) -> ModelT:
    """The body, which may be missing, as this model has it.

    Raises:
        ControlError: it is too large, no JSON object, or has a field that cannot be used.
    """
    try:
        return model.model_validate_json(_bounded(request) or b"{}")
    except ValidationError as invalid:
        raise refusal_of(invalid, model) from invalid


def read_object(request: ServerRequest) -> dict[str, Any]:
    """The body as any JSON object; raises as `read_body`."""
    try:
        return _OBJECT.validate_json(_bounded(request) or b"{}")
    except ValidationError as invalid:
        raise ControlError(400, "the body is no JSON object") from invalid


def read_query(model: type[ModelT], request: ServerRequest) -> ModelT:
    """The query as this model has it.

    Raises:
        ControlError: it has a field twice, or one that cannot be used.
    """
    given = parse_qsl(request.query, keep_blank_values=True)
    fields = dict(given)
    for name, _ in given:
        if [other for other, _ in given].count(name) > 1:
            raise ControlError(400, f"{name}: given more than once", name)
    try:
        return model.model_validate(fields)
    except ValidationError as invalid:
        raise refusal_of(invalid, model) from invalid


def refusal_of(invalid: ValidationError, model: type[BaseModel]) -> ControlError:
    """400, with the first field that cannot be used."""
    first = invalid.errors(include_url=False, include_context=False, include_input=False)[0]
    field = str(first["loc"][0]) if first["loc"] else None
    # What several fields do not agree on is named in the message, by its kind.
    field = field or (first["type"] if first["type"] in model.model_fields else None)
    message = "the body is no JSON object" if field is None else f"{field}: {first['msg']}"
    return ControlError(400, message, field)


def read_sid(kind: ResourceType, sid: str) -> str:
    """The id that a path names.

    Raises:
        ControlError: it is the sid of no such thing, in neither spelling.
    """
    identifier = parse_any_sid(kind, sid)
    if identifier is None:
        raise ControlError(400, f"sid: not the sid of a {kind.name.lower()}, in neither spelling", "sid")
    return identifier


def format_time(milliseconds: int) -> str:
    """Milliseconds since the epoch as ISO 8601 has them, in UTC."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")


def _bounded(request: ServerRequest) -> bytes:
    if len(request.body) > MAX_BYTES:
        raise ControlError(413, "the body is too large")
    return request.body
