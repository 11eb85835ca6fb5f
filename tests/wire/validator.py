"""Checks every response of the API against the facts in `data/`, and the vendors' files if they are available."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from tests.wire.bodies import Context, body_check
from tests.wire.errors import error_faults
from tests.wire.facts import DialectName, load
from tests.wire.faults import Fault, one_of, report
from tests.wire.pages import EMPTY_LIST, LIST_OF, page_check
from tests.wire.requests import Request, find_request, user_of
from tests.wire.vendor_files import are_available, vendor_faults

_FIRST_ERROR = 400
_REPEATABLE = frozenset({408, 503})
_WITHOUT_BODY = frozenset({204, 304})
_WITH_OTHER_BODIES = frozenset({307, 416})
_HAS_VENDOR_FILES = are_available()


def check_response(
    method: str,
    path: str,
    status: int,
    headers: Mapping[str, str],
    body: str | bytes,
    *,
    injected: bool = False,
    authorization: str | None = None,
) -> None:
    """Check the response to `method path`.

    Args:
        method: the method of the request.
        path: the path of the request, percent-decoded.
        status: the status of the response.
        headers: its headers.
        body: its body.
        authorization: the request's header, whose user name selects the dialect of a path without an account.
        injected: whether a fault may be injected; an injected error may be one of another operation.

    Raises:
        AssertionError: the response has faults; the message lists them.
    """
    request = find_request(method, path.partition("?")[0], user_of(authorization))
    lowered = {name.lower(): value for name, value in headers.items()}
    faults = list(_header_faults(request.dialect, status, lowered))
    statuses = request.statuses()
    if status in statuses:
        faults += _body_faults(request, status, lowered.get("content-type", ""), _bytes(body), injected=injected)
    else:
        faults.append(Fault("", f"status {one_of(statuses)}", status))
    report(f"{request.dialect} {request.operation_name}: {method} {path} answered {status}", faults)


def _bytes(body: str | bytes) -> bytes:
    return body.encode() if isinstance(body, str) else body


def _header_faults(dialect: DialectName, status: int, headers: Mapping[str, str]) -> Iterator[Fault]:
    formats = load().formats
    for name in formats.headers["every_response"]:
        if not headers.get(name.lower()):
            yield Fault(f"header {name}", "a value", headers.get(name.lower(), ...))
    if status in _REPEATABLE:
        for name, value in formats.headers["repeatable"].items():
            if headers.get(name.lower()) != value:
                yield Fault(f"header {name}", value, headers.get(name.lower(), ...))
    if status == 401:
        for name, value in formats.headers["unauthorized"].items():
            expected = value.replace("{realm}", formats.dialects[dialect].realm)
            if headers.get(name.lower()) != expected:
                yield Fault(f"header {name}", expected, headers.get(name.lower(), ...))


def _body_faults(request: Request, status: int, content_type: str, body: bytes, *, injected: bool) -> Iterator[Fault]:
    formats = load().formats
    if status in _WITHOUT_BODY:
        if body:
            yield Fault("body", "nothing", body.decode(errors="replace"))
    elif (request.method == "HEAD" and not body) or (request.media is not None and status in _WITH_OTHER_BODIES):
        pass  # no body, or one that is not specified: a redirect, an unsatisfiable range
    elif request.media is not None and status in formats.media.statuses:
        if content_type != formats.media.types[request.media]:
            yield Fault("header Content-Type", formats.media.types[request.media], content_type)
        if not body:
            yield Fault("body", "audio", ...)
    else:
        expected = formats.headers["json"]["Content-Type"]
        if content_type != expected:
            yield Fault("header Content-Type", expected, content_type)
        yield from _json_faults(request, status, body, injected=injected)


def _json_faults(request: Request, status: int, text: bytes, *, injected: bool) -> Iterator[Fault]:
    try:
        body = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_object)
    except ValueError as error:
        yield Fault("body", f"JSON ({error})", text.decode(errors="replace"))
        return
    context = Context(request.method, request.operation_name)
    if status >= _FIRST_ERROR:
        yield from error_faults(request.dialect, context, status, body, request.path, injected=injected)
    else:
        assert request.operation is not None
        yield from _success_faults(request, request.operation.answers.success[status], body, context)
    if _HAS_VENDOR_FILES:
        yield from vendor_faults(request, status, body)


def _success_faults(request: Request, name: str, body: Any, context: Context) -> Iterator[Fault]:
    if name.startswith((LIST_OF, EMPTY_LIST)):
        yield from page_check(request.dialect, name).faults(body, request.page_path, context)
        return
    wrong = list(body_check(request.dialect, name).faults(body, "", context))
    yield from wrong
    if not wrong:
        yield from request.sid_faults(body)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError(f"a name occurs twice in {list(made)}")
    return made
