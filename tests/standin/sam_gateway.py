"""SAM's local gateway, to compare its events with those of the stand-in's gateway.

SAM's routing, event format and response parsing are unchanged. Its error pages, redirects and slash normalization,
which a deployed HTTP API lacks, are disabled: every request without a route reaches `$default`.
SAM's classes are internals: `tests/standin/test_sam_internals.py` checks the ones used here.
"""

import io
import json
import re
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import quote, unquote_to_bytes

from flask import Request, request
from samcli.commands._utils import template as sam_template
from samcli.lib.providers.api_provider import ApiProvider
from samcli.lib.providers.provider import Api
from samcli.lib.providers.sam_stack_provider import SamLocalStackProvider
from samcli.local.apigw import local_apigw_service
from samcli.local.apigw.local_apigw_service import LocalApigwService
from samcli.local.apigw.route import Route
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from tapedeck_standin.aws.template_yaml import parse_template
from tapedeck_standin.http.messages import ServerRequest, ServerResponse

_DEFAULT_RULE: Final = "/<path:any_path>"
"""The Flask rule that SAM creates for `$default`."""
_PATH: Final = "tapedeck.path"
"""Key in the WSGI environment: the percent-decoded path."""
_SLASHES: Final = re.compile(b"/{2,}")
_ADDED_BY_SAM: Final = ("Content-Type", "application/json")
"""SAM adds this to responses without a content type; the functions' own values have a charset."""
_ADDED_BY_FLASK: Final = frozenset({"content-length", "connection", "transfer-encoding", "date", "server"})


class Output(Protocol):
    """Receives a function's response from a runner."""

    def write_str(self, output: str) -> None:
        """Write the response as JSON text."""


class RecordingRunner:
    """Records each event in place of running a function; SAM's own runner starts containers."""

    def __init__(self) -> None:
        self.invoked: list[tuple[str, dict[str, Any]]] = []
        self.reply: Any = {"statusCode": 204}

    def is_debugging(self) -> bool:
        """Return False; part of SAM's runner interface."""
        return False

    def invoke(self, function: str, event: str, stdout: Output, **_: Any) -> None:
        """Record a JSON event and write the reply."""
        self.invoked.append((function, json.loads(event)))
        stdout.write_str(json.dumps(self.reply))


class _NoTelemetry:
    """Replacement of SAM's `EventTracker`, which would count requests for telemetry."""

    @staticmethod
    def track_event(**_: object) -> None:
        """Do nothing."""


class _RawPathRequest(Request):
    """A request with all slashes of its path: Werkzeug strips leading ones, a deployed API does not."""

    def __init__(self, environ: dict[str, Any], *more: Any, **named: Any) -> None:
        super().__init__(environ, *more, **named)
        self.path = environ[_PATH]


class _UntypedResponse(Response):
    """A response without a default content type."""

    default_mimetype = None


@lru_cache(maxsize=2)
def _read_api(template: Path, _modified: int) -> Api:
    """Return the API of a template with its routes, read once for all gateways: SAM takes a second for it."""
    sam_template.yaml_parse = parse_template
    stacks, _ = SamLocalStackProvider.get_stacks(str(template))
    api = ApiProvider(stacks).api
    # Otherwise SAM answers 502 to bodies that are not UTF-8. Deployed APIs send forms in base64, too.
    api.binary_media_types_set.add("*/*")
    return api


class SamGateway(LocalApigwService):  # type: ignore[misc] # published without types
    """SAM's gateway for the routes of a template.

    Args:
        template: path of the template.
        runner: records the events.
        port: the port that Lambda events contain.
    """

    def __init__(self, template: Path, runner: RecordingRunner, port: int) -> None:
        local_apigw_service.EventTracker = _NoTelemetry
        super().__init__(api=_read_api(template, template.stat().st_mtime_ns), lambda_runner=runner, port=port)
        self.create()

    def create(self) -> None:
        """Create the Flask application, then disable slash normalization and redirects."""
        super().create()
        self._app.request_class = _RawPathRequest
        rules = self._app.url_map
        rules.merge_slashes = False
        for rule in rules.iter_rules():
            rule.strict_slashes = True
            rule.merge_slashes = False
        # Let unexpected exceptions reach the dispatcher, which responds to them.
        self._app.config["PROPAGATE_EXCEPTIONS"] = True

    def answer(self, incoming: ServerRequest) -> ServerResponse:
        """Answer a request as the deployed API would."""
        response = _UntypedResponse.from_app(self._app.wsgi_app, _environ(incoming), buffered=True)
        # For HEAD, Content-Length comes from the function.
        added = _ADDED_BY_FLASK - ({"content-length"} if incoming.method == "HEAD" else set())
        sent = [header for header in response.headers if header != _ADDED_BY_SAM]
        headers = tuple((name, value) for name, value in sent if name.lower() not in added)
        return ServerResponse(response.status_code, headers, response.get_data())

    def get_request_methods_endpoints(self, flask_request: Request) -> tuple[str, str]:
        """Return the method and the rule of a request: that of `$default` if the template has no route.

        Flask also routes HEAD for each GET rule, but SAM has no route for it.
        """
        method, endpoint = flask_request.method, flask_request.endpoint
        if endpoint is None or self._route_key(method, endpoint) not in self._dict_of_routes:
            endpoint = _DEFAULT_RULE
        if endpoint in {_DEFAULT_RULE, "/"}:
            # A deployed API passes no path parameters to `$default`.
            flask_request.view_args = None
        return method, endpoint

    def _get_current_route(self, flask_request: Request) -> Route:
        method, endpoint = self.get_request_methods_endpoints(flask_request)
        # SAM's rules have seven methods; `$default` must accept all others, too.
        return self._dict_of_routes.get(self._route_key(method, endpoint)) or self._default_route

    def _construct_error_handling(self) -> None:
        """Replace SAM's error pages: 403 without a rule, 502 for exceptions."""
        self._app.register_error_handler(HTTPException, self._invoke_default)

    @property
    def _default_route(self) -> Route:
        return self._dict_of_routes[self._route_key("GET", _DEFAULT_RULE)]

    def _invoke_default(self, _error: HTTPException) -> Any:
        """Invoke `$default` if Flask has no rule for the path or the method."""
        request.url_rule = None
        return self._request_handler()


def _environ(incoming: ServerRequest) -> dict[str, Any]:
    """Build the WSGI environment of a request."""
    headers: dict[str, str] = {}
    for name, value in incoming.headers:
        if "_" in name:
            continue  # in WSGI it would collide with the name that has a hyphen
        key = name.upper().replace("-", "_")
        headers[key] = f"{headers[key]},{value}" if key in headers else value
    headers.pop("TRANSFER_ENCODING", None)
    headers["CONTENT_LENGTH"] = str(len(incoming.body))
    # Doubled slashes count as one. In a deployment, `default` forwards a request without a route.
    path = _SLASHES.sub(b"/", unquote_to_bytes(incoming.raw_path.encode("latin-1")))
    environ = {f"HTTP_{key}" if not key.startswith("CONTENT_") else key: value for key, value in headers.items()}
    return {
        **environ,
        "REQUEST_METHOD": incoming.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path.decode("latin-1"),
        _PATH: path.decode(errors="replace"),
        # SAM decodes the query as UTF-8.
        "QUERY_STRING": quote(incoming.query.encode("latin-1"), safe="%/?:@!$&'()*+,;=-._~[]<>\"{}|^`\\#"),
        "SERVER_NAME": "localhost",
        "SERVER_PORT": str(incoming.port),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": incoming.peer,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": incoming.scheme,
        "wsgi.input": io.BytesIO(incoming.body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
