"""A client that invokes the functions in this process with events of API Gateway or of SAM CLI's local gateway."""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import unquote, urlencode

from tapedeck.dialects.dialect import Dialect, ResourceType
from tapedeck.dialects.selection import SIGNALWIRE, TWILIO
from tapedeck.ports.forwarding import ForwardedResponse
from tapedeck_standin.aws.function_loader import load_handler
from tapedeck_standin.aws.template import Route, Template
from tests.wire.validator import check_response

ROOT: Final = Path(__file__).resolve().parents[1]
TEMPLATE: Final = Template.load(ROOT / "template.yaml")
DIALECTS: Final[Mapping[str, Dialect]] = {dialect.name: dialect for dialect in (TWILIO, SIGNALWIRE)}

Gateway = Literal["api-gateway", "sam"]
Form = Mapping[str, str | Sequence[str]] | str | bytes | None


def _pattern(route: Route) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(route.path or "")) + r"\Z")


_ROUTES: Final = [(route, _pattern(route)) for route in TEMPLATE.routes if route.path is not None]
_DEFAULT: Final = next(route for route in TEMPLATE.routes if route.path is None)


def find_route(method: str, path: str) -> tuple[Route, dict[str, str]]:
    """Return API Gateway's route and its path variables: the match with the fewest variables, else `$default`."""
    matches = [
        (route, match.groupdict())
        for route, pattern in _ROUTES
        if route.method == method and (match := pattern.match(path)) is not None
    ]
    return min(matches, key=lambda found: len(found[1]), default=(_DEFAULT, {}))


@dataclass(frozen=True)
class Answer:
    """A response: status, headers by lower-case name, and the body as bytes, text and JSON."""

    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.content.decode()

    @property
    def body(self) -> Any:
        """The parsed JSON of the body; None if it is empty."""
        return json.loads(self.content) if self.content else None


def make_event(
    method: str, path: str, *, query: str = "", headers: Mapping[str, str], body: bytes, gateway: Gateway
) -> dict[str, Any]:
    """Make an HTTP API event (payload 2.0) as API Gateway or as SAM CLI's event constructor does."""
    route, variables = find_route(method, unquote(path))
    if gateway == "api-gateway":
        # API Gateway encodes forms in base64 and lower-cases header names.
        content_type = next((value for name, value in headers.items() if name.lower() == "content-type"), "")
        is_text = content_type.startswith(("text/", "application/json"))
        spelled = {name.lower(): value for name, value in headers.items()}
        text = body.decode("utf-8", "replace") if is_text else base64.b64encode(body).decode()
        is_base64 = not is_text and bool(body)
    else:
        spelled = {**headers, "X-Forwarded-Proto": "http", "X-Forwarded-Port": "3000"}
        text, is_base64 = base64.b64encode(body).decode(), True
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": route.key,
        "rawPath": unquote(path),
        "rawQueryString": query,
        "headers": spelled,
        "requestContext": {
            "domainName": "localhost",
            "http": {"method": method, "path": unquote(path), "sourceIp": "127.0.0.1"},
            "routeKey": route.key,
            "stage": "$default",
        },
        "isBase64Encoded": is_base64,
    }
    if variables:
        event["pathParameters"] = variables
    if body:
        event["body"] = text
    return event


def forward_in_process(
    domain: str, method: str, target: str, headers: Mapping[str, str], body: bytes
) -> ForwardedResponse:
    """Invoke the function of a request in this process, as a deployed API does: the test double of `Forwarder`."""
    path, _, query = target.partition("?")
    event = make_event(method, path, query=query, headers={"Host": domain, **headers}, body=body, gateway="api-gateway")
    reply = load_handler(ROOT, find_route(method, unquote(path))[0].operation)(json.loads(json.dumps(event)), None)
    sent = {name.lower(): value for name, value in reply["headers"].items()}
    return ForwardedResponse(reply["statusCode"], sent, _content_of(reply))


def _content_of(reply: Mapping[str, Any]) -> bytes:
    return base64.b64decode(reply["body"]) if reply["isBase64Encoded"] else str(reply["body"]).encode()


@dataclass
class FunctionClient:
    """A client of one dialect and one account that invokes the functions in this process.

    Every response is checked against the wire format in tests/wire/data.
    """

    dialect: Dialect
    account: str
    secret: str
    gateway: Gateway = "api-gateway"
    root: str = ""
    suffix: str = ".json"
    user: str | None = None
    answers: list[Answer] = field(default_factory=list)

    def sid(self, kind: ResourceType, identifier: str) -> str:
        """Return an id in the format of this client's dialect."""
        return self.dialect.format_sid(kind, identifier)

    def sid_of_call(self, identifier: str) -> str:
        """Return a call's id in the format of this client's dialect."""
        return self.sid(ResourceType.CALL, identifier)

    @property
    def base(self) -> str:
        """The path of the account."""
        return f"{self.root or self.dialect.root}/Accounts/{self.sid(ResourceType.ACCOUNT, self.account)}"

    def path(self, *parts: str) -> str:
        """Return a path below the account, with the client's suffix."""
        return "/".join((self.base, *parts)) + self.suffix

    def get(self, *parts: str, **query: str) -> Answer:
        """GET a path below the account."""
        return self.request("GET", self.path(*parts) + (f"?{urlencode(query)}" if query else ""))

    def delete(self, *parts: str) -> Answer:
        """DELETE a path below the account."""
        return self.request("DELETE", self.path(*parts))

    def post(self, *parts: str, form: Form = None) -> Answer:
        """POST a form to a path below the account."""
        return self.request("POST", self.path(*parts), form=form)

    def request(
        self,
        method: str,
        path: str,
        *,
        form: Form = None,
        content_type: str = "application/x-www-form-urlencoded",
        headers: Mapping[str, str] | None = None,
        authorization: str | None = "",
    ) -> Answer:
        """Send a request; `path` includes the query.

        `authorization`: None sends no header, an empty text the client's credentials.
        """
        path, _, query = path.partition("?")
        body = _encode(form)
        sent = {"Host": "localhost", **({"Content-Type": content_type} if body else {}), **(headers or {})}
        if authorization is not None:
            sent["Authorization"] = authorization or self._basic()
        event = make_event(method, path, query=query, headers=sent, body=body, gateway=self.gateway)
        route, _ = find_route(method, unquote(path))
        # Event and response pass through JSON, as between gateway and function.
        reply = load_handler(ROOT, route.operation)(json.loads(json.dumps(event)), None)
        headers_back = {name.lower(): value for name, value in reply["headers"].items()}
        answer = Answer(reply["statusCode"], headers_back, _content_of(reply))
        check_response(
            method,
            unquote(path),
            answer.status,
            answer.headers,
            answer.content,
            authorization=sent.get("Authorization"),
        )
        self.answers.append(answer)
        return answer

    def _basic(self) -> str:
        user = self.user if self.user is not None else self.sid(ResourceType.ACCOUNT, self.account)
        return "Basic " + base64.b64encode(f"{user}:{self.secret}".encode()).decode()


def _encode(form: Form) -> bytes:
    if form is None:
        return b""
    if isinstance(form, bytes):
        return form
    return form.encode() if isinstance(form, str) else urlencode(form, doseq=True).encode()
