"""Forward requests whose path has doubled slashes, which count as one (C-136).

AWS does not document that API Gateway finds the route of such a path. If it finds none, the function `default` forwards
the request to the path with single slashes, so that the function of the operation answers it.
"""

from typing import Final
from urllib.parse import quote

from tapedeck.dialects.dialect import Response
from tapedeck.domain.errors import MalformedBody
from tapedeck.http.request import HttpRequest
from tapedeck.ports.forwarding import Forwarder

_REQUEST_HEADERS: Final = ("authorization", "content-type", "if-none-match", "if-range", "range")
"""The headers that are forwarded: those that the functions read."""

_RESPONSE_HEADERS: Final = (
    "Accept-Ranges", "Cache-Control", "Content-Range", "Content-Type", "ETag", "Location", "Retry-After",
    "WWW-Authenticate", "X-Request-Id",
)  # fmt: skip
"""The headers of a response that are returned: those that the functions send."""

_SAFE_IN_PATH: Final = "/:@!$&'()*+,;=-._~"
_SAFE_IN_QUERY: Final = f"{_SAFE_IN_PATH}%?"


def forward(http: HttpRequest, forwarder: Forwarder) -> Response:
    """Forward the request to the same API with single slashes, and return that response.

    Raises:
        MalformedBody: the base64 of the body is malformed.
    """
    if http.body is None:
        raise MalformedBody
    target = quote(http.path, safe=_SAFE_IN_PATH)
    if http.query:
        target += f"?{quote(http.query, safe=_SAFE_IN_QUERY)}"
    headers = {name: http.headers[name] for name in _REQUEST_HEADERS if name in http.headers}
    reply = forwarder(http.domain, http.method, target, headers, http.body)
    # A response to HEAD has the length of the response to GET.
    names = (*_RESPONSE_HEADERS, "Content-Length") if http.method == "HEAD" else _RESPONSE_HEADERS
    returned = {name: reply.headers[name.lower()] for name in names if name.lower() in reply.headers}
    return Response(reply.status, None, returned, content=reply.content or None)
