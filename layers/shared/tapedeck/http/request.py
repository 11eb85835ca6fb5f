"""HTTP requests from API Gateway's HTTP API (payload 2.0) or SAM's local gateway, and their responses.

The two gateways differ in body encoding, header case and path decoding; both are supported.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl

from tapedeck.dialects.dialect import Response
from tapedeck.domain.errors import BodyTooLarge, MalformedBody
from tapedeck.http.routes import collapse_slashes

MAX_BYTES: Final = 64 * 1024
MAX_FIELDS: Final = 200
"""Limits of a request body, checked before it is parsed (C-13, REL-17)."""

_BROKEN_ESCAPE: Final = re.compile(rb"%(?![0-9a-fA-F]{2})")
_FORM: Final = "application/x-www-form-urlencoded"
_TOO_MANY_FIELDS: Final = "the body has more than 200 fields"

Fields = dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """The parts of a Lambda event that this service reads.

    `path` is the decoded path without the query, with single slashes; `has_doubled_slashes` is whether others were sent
    (C-136). `variables` are the path parameters, by their names in the template. Header names are lower-case. `body` is
    as sent, truncated just above the limit; None if its base64 is malformed. `domain` is the API's, from the gateway.
    """

    method: str
    path: str
    query: str
    variables: Mapping[str, str]
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(repr=False)
    domain: str = ""
    has_doubled_slashes: bool = False

    @classmethod
    def from_event(cls, event: Mapping[str, Any], max_bytes: int = MAX_BYTES) -> "HttpRequest":
        """Parse an event; missing fields are empty. The body is truncated just above `max_bytes`."""
        context = event.get("requestContext") or {}
        http = context.get("http") or {}
        sent = event.get("rawPath") or http.get("path") or ""
        path = collapse_slashes(sent)
        return cls(
            method=http.get("method") or "",
            path=path,
            query=event.get("rawQueryString") or "",
            variables=event.get("pathParameters") or {},
            headers={name.lower(): value for name, value in (event.get("headers") or {}).items()},
            body=_body(event, max_bytes),
            domain=context.get("domainName") or "",
            has_doubled_slashes=path != sent,
        )

    @property
    def origin(self) -> str:
        """Scheme and host that the client used."""
        return f"{self.headers.get('x-forwarded-proto', 'https')}://{self.headers.get('host', 'localhost')}"

    def query_fields(self) -> Fields:
        """Return the decoded query fields, each with its values in order; operators stay in names (`DateCreated<`)."""
        fields: Fields = {}
        for name, value in parse_qsl(self.query, keep_blank_values=True):
            fields.setdefault(name, []).append(value)
        return fields

    def fields(self, *, accepts_json: bool) -> Fields:
        """Return the decoded body fields, each with its values in order.

        Args:
            accepts_json: whether to accept a JSON object as well; if False, any body but a form is ignored (C-12).

        Raises:
            BodyTooLarge: the body exceeds 64 KB or 200 fields.
            MalformedBody: the body does not match its content type (C-14).
        """
        if self.body is None:
            raise MalformedBody("the base64 of the body is malformed")
        if len(self.body) > MAX_BYTES:
            raise BodyTooLarge("the body has more than 64 KB")
        content_type = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if not self.body:
            return {}
        if not accepts_json:
            return _form_fields(self.body) if content_type == _FORM else {}
        if content_type == "application/json" or content_type.endswith("+json"):
            return _json_fields(self.body)
        return _form_fields(self.body)


def to_lambda_response(reply: Response, request_id: str) -> dict[str, Any]:
    """Convert a response to API Gateway's format, with no headers but these (C-15)."""
    headers = {"X-Request-Id": request_id, **reply.headers}
    if reply.content is not None:
        content = base64.b64encode(reply.content).decode()
        return {"statusCode": reply.status, "headers": headers, "body": content, "isBase64Encoded": True}
    if reply.body is None:
        return {"statusCode": reply.status, "headers": headers, "body": "", "isBase64Encoded": False}
    headers["Content-Type"] = "application/json; charset=utf-8"
    body = json.dumps(reply.body, ensure_ascii=False, separators=(",", ":"))
    return {"statusCode": reply.status, "headers": headers, "body": body, "isBase64Encoded": False}


def _body(event: Mapping[str, Any], max_bytes: int) -> bytes | None:
    body = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return str(body)[: max_bytes + 1].encode("utf-8", "surrogatepass")
    try:
        # Decode just enough to detect a body over the limit.
        return base64.b64decode(body[: 4 * (max_bytes // 3 + 1)], validate=True)
    except (binascii.Error, ValueError):
        return None


def _form_fields(body: bytes) -> Fields:
    if body.count(b"&") >= MAX_FIELDS:
        raise BodyTooLarge(_TOO_MANY_FIELDS)
    if _BROKEN_ESCAPE.search(body):
        raise MalformedBody("a percent escape in the form is broken")
    fields: Fields = {}
    try:
        for name, value in parse_qsl(body.decode("utf-8"), keep_blank_values=True, errors="strict"):
            fields.setdefault(name, []).append(value)
    except UnicodeDecodeError as error:
        raise MalformedBody("the form is not UTF-8") from error
    return fields


def _json_fields(body: bytes) -> Fields:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise MalformedBody("the body is not JSON") from error
    if not isinstance(content, dict):
        raise MalformedBody("the JSON is not an object")
    if len(content) > MAX_FIELDS:
        raise BodyTooLarge(_TOO_MANY_FIELDS)
    return {name: [_word(element) for element in _listed(value)] for name, value in content.items()}


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _word(value: object) -> str:
    """Return a JSON value as a form would encode it; nested values become JSON text, which validation rejects."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # JSON Schema counts 7.0 as an integer
    return value if isinstance(value, str) else json.dumps(value)
