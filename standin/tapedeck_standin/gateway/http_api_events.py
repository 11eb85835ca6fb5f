"""Make the Lambda event of a request, as an HTTP API of API Gateway does with payload format 2.0."""

import re
import time
from base64 import b64encode
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final
from urllib.parse import parse_qsl, quote, unquote_to_bytes

from tapedeck_standin.gateway.route_table import Match
from tapedeck_standin.http.messages import ServerRequest

_SLASHES: Final = re.compile(b"/{2,}")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_QUERY_CHARACTERS: Final = "%/?:@!$&'()*+,;=-._~[]<>\"{}|^`\\#"
_TEXT_TYPES: Final = frozenset({"application/json", "application/javascript", "application/xml"})
_ACCOUNT: Final = "123456789012"
_API: Final = "1234567890"
_STAGE: Final = "$default"


def path_of(request: ServerRequest) -> str:
    """Return the percent-decoded path with single slashes; bytes that are not UTF-8 become U+FFFD."""
    path = request.raw_path
    if "%" not in path and "//" not in path and path.isascii():
        return path
    # In a deployment, `default` forwards a request with doubled slashes.
    return _SLASHES.sub(b"/", unquote_to_bytes(path.encode("latin-1"))).decode(errors="replace")


def make_event(request: ServerRequest, match: Match, path: str, at: int, request_id: str) -> dict[str, Any]:
    """Return the event of a request.

    Args:
        request: the request.
        match: its route.
        path: the path, as of `path_of`.
        at: time of arrival, milliseconds since the epoch.
        request_id: the gateway's id of the request.
    """
    headers, cookies = _headers_of(request)
    route_key = match.route.key
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": route_key,
        "rawPath": path,
        "rawQueryString": _ascii_query(request.query),
        "headers": headers,
        "requestContext": {
            "accountId": _ACCOUNT,
            "apiId": _API,
            "domainName": (domain := _domain_of(headers.get("host", ""))),
            "domainPrefix": domain.partition(".")[0],
            "http": {
                "method": request.method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": request.peer,
                "userAgent": headers.get("user-agent", ""),
            },
            "requestId": request_id,
            "routeKey": route_key,
            "stage": _STAGE,
            "time": _formatted(at // 1000),
            "timeEpoch": at,
        },
        "isBase64Encoded": False,
    }
    if cookies:
        event["cookies"] = cookies
    # A query such as `&` has no parameters.
    if query := parse_qsl(event["rawQueryString"], keep_blank_values=True):
        event["queryStringParameters"] = _joined(query)
    if match.parameters:
        event["pathParameters"] = match.parameters
    if request.body:
        event["body"], event["isBase64Encoded"] = _body_of(request.body, headers.get("content-type", ""))
    return event


def _headers_of(request: ServerRequest) -> tuple[dict[str, str], list[str]]:
    """Return the headers with names in lower case, and the cookies, which are not among them."""
    headers: dict[str, str] = {}
    cookies: list[str] = []
    for name, value in request.headers:
        key = name.lower()
        if key == "cookie":
            cookies += [cookie.strip() for cookie in value.split(";") if cookie.strip()]
        else:
            headers[key] = f"{headers[key]},{value}" if key in headers else value
    headers.pop("transfer-encoding", None)
    headers["content-length"] = str(len(request.body))
    forwarded = headers.get("x-forwarded-for")
    headers["x-forwarded-for"] = request.peer if forwarded is None else f"{forwarded}, {request.peer}"
    headers["x-forwarded-port"] = str(request.port)
    headers["x-forwarded-proto"] = request.scheme
    return headers, cookies


def _ascii_query(query: str) -> str:
    return query if query.isascii() else quote(query.encode("latin-1"), safe=_QUERY_CHARACTERS)


def _domain_of(host: str) -> str:
    return re.sub(r":\d*\Z", "", host) if ":" in host else host


def _joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in pairs:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _body_of(body: bytes, content_type: str) -> tuple[str, bool]:
    """Return the body as text for text types and JSON, otherwise in base64 (C-297)."""
    if _is_text(content_type.partition(";")[0].strip().lower()):
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            pass
    return b64encode(body).decode(), True


def _is_text(kind: str) -> bool:
    return kind.startswith("text/") or kind in _TEXT_TYPES or kind.endswith(("+json", "+xml"))


@lru_cache(maxsize=16)
def _formatted(seconds: int) -> str:
    """Format a time as in `12/Mar/2020:19:03:58 +0000`, independent of the language of the process."""
    then = time.gmtime(seconds)
    return time.strftime(f"%d/{_MONTHS[then.tm_mon - 1]}/%Y:%H:%M:%S +0000", then)
