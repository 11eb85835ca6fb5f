"""Shared parts of the control API: errors, and parsing of bodies, queries, sids and accounts."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl

from pydantic import BaseModel, TypeAdapter, ValidationError

from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.selection import parse_any_sid
from tapedeck.http.request import MAX_BYTES
from tapedeck_standin.aws.account_data import AccountData
from tapedeck_standin.clock import work_for
from tapedeck_standin.http.messages import ServerRequest

Result = tuple[int, Mapping[str, Any] | None]
"""HTTP status and JSON body; None for no body."""
Action = Callable[[ServerRequest, str], Result]
"""Gets the request and the path parameter; an empty string without one."""

ModelT = TypeVar("ModelT", bound=BaseModel)

NO_JSON_OBJECT: Final = """the body is not a JSON object: send JSON, such as curl -d '{"account": "AC…"}'"""

_OBJECT: Final = TypeAdapter(dict[str, Any])


@dataclass(frozen=True, slots=True)
class ControlRoute:
    """Handler of one method of a path; `waits`: it may block, so it runs without the lock of its account."""

    handle: Action
    waits: bool = False


ControlRoutes = Mapping[tuple[str, ...], Mapping[str, ControlRoute]]
"""Routes by path segments, with `PATH_PARAM` for the parameter, and by method."""

PATH_PARAM: Final = "{}"


class ControlError(Exception):
    """An error response of the control API: status, message and the invalid field, if there is one."""

    def __init__(self, status: int, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.field = field


@dataclass(frozen=True, slots=True)
class AccountRegistry:
    """The known accounts; `default` is the default account of requests, 32 hex digits."""

    account_data: AccountData
    default: str

    def account(self, account_id: str | None) -> str:
        """Return the account that a request names, or the default account; work in its name from now on.

        Raises:
            ControlError: the account does not exist.
        """
        account = account_id or self.default
        if not self.account_data.exists(account):
            raise ControlError(404, "the account does not exist", "account")
        work_for(account)
        return account


def read_body(model: type[ModelT], request: ServerRequest) -> ModelT:
    """Parse the body as a model; an empty body counts as `{}`.

    Raises:
        ControlError: the body is too large, not a JSON object, or has an invalid field.
    """
    try:
        return model.model_validate_json(_body_within_limit(request) or b"{}")
    except ValidationError as invalid:
        raise control_error_of(invalid, model) from invalid


def read_object(request: ServerRequest) -> dict[str, Any]:
    """Parse the body as any JSON object; raises like `read_body`."""
    try:
        return _OBJECT.validate_json(_body_within_limit(request) or b"{}")
    except ValidationError as invalid:
        raise ControlError(400, NO_JSON_OBJECT) from invalid


def read_query(model: type[ModelT], request: ServerRequest) -> ModelT:
    """Parse the query as a model.

    Raises:
        ControlError: a field is repeated or invalid.
    """
    given = parse_qsl(request.query, keep_blank_values=True)
    fields = dict(given)
    for name, _ in given:
        if [other for other, _ in given].count(name) > 1:
            raise ControlError(400, f"{name}: given more than once", name)
    try:
        return model.model_validate(fields)
    except ValidationError as invalid:
        raise control_error_of(invalid, model) from invalid


def control_error_of(invalid: ValidationError, model: type[BaseModel]) -> ControlError:
    """Map a validation error to status 400 for the first invalid field."""
    first = invalid.errors(include_url=False, include_context=False, include_input=False)[0]
    field = str(first["loc"][0]) if first["loc"] else None
    # A model validator reports no location: it raises errors whose type is the field's name.
    field = field or (first["type"] if first["type"] in model.model_fields else None)
    message = NO_JSON_OBJECT if field is None else f"{field}: {first['msg']}"
    return ControlError(400, message, field)


def named_account(request: ServerRequest) -> str | None:
    """Return the id of the account that a request names in its query or its body; None if it names none.

    Whether the request is valid, or the account exists, is not checked.
    """
    named = dict(parse_qsl(request.query)).get("account") if request.method != "POST" else None
    if named is None and request.body:
        with suppress(ControlError):
            named = read_object(request).get("account")
    return parse_any_sid(ResourceType.ACCOUNT, named) if isinstance(named, str) else None


def read_sid(kind: ResourceType, sid: str) -> str:
    """Convert the sid of a path to an id; either dialect's format is accepted.

    Raises:
        ControlError: the sid is malformed.
    """
    identifier = parse_any_sid(kind, sid)
    if identifier is None:
        raise ControlError(400, f"sid: not the sid of a {kind.name.lower()} in either format", "sid")
    return identifier


def _body_within_limit(request: ServerRequest) -> bytes:
    if len(request.body) > MAX_BYTES:
        raise ControlError(413, "the body is too large")
    return request.body
