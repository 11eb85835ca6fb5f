"""SAM's own local gateway in front of the functions in this process.

Its routing, events and reading of replies are used as they are. What it adds to what a deployed HTTP API would do,
pages of its own, redirects, guesses at slashes, is taken away: whatever has no route reaches `$default`.
SAM's classes are internals: `tests/standin/test_sam_internals.py` holds what is used of them.
"""

import io
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import quote, unquote_to_bytes

from flask import Request, request
from samcli.lib.providers.api_provider import ApiProvider
from samcli.lib.providers.sam_stack_provider import SamLocalStackProvider
from samcli.local.apigw import local_apigw_service
from samcli.local.apigw.local_apigw_service import LocalApigwService
from samcli.local.apigw.route import Route
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from tapedeck_standin.aws.function_loader import load_handler
from tapedeck_standin.http.messages import ServerRequest, ServerResponse

_DEFAULT_ROUTE: Final = "/<path:any_path>"
"""How SAM calls `$default` among its rules."""
_PATH: Final = "tapedeck.path"
"""In WSGI's environment: the path, its escapes undone, as it was sent."""
_UNROUTED_PATH: Final = "/-"
_ADDED_BY_SAM: Final = ("Content-Type", "application/json")
"""Where a function tells of no type, because there is no body; what it tells itself has a charset."""
_ADDED_BY_FLASK: Final = frozenset({"content-length", "connection", "transfer-encoding", "date", "server"})


class Output(Protocol):
    """Where a runner puts a function's reply."""

    def write_str(self, output: str) -> None:
        """Take some text."""


class FunctionRunner:
    """Runs functions in this process, in place of SAM's, which starts containers.

    Args:
        root: the folder of `functions/`.
        operations: the functions' folders by logical id.
    """

    def __init__(self, root: Path, operations: Mapping[str, str]) -> None:
        self._handlers = {name: load_handler(root, operation) for name, operation in operations.items()}
        self.operations = operations

    def is_debugging(self) -> bool:
        """SAM asks this of every runner."""
        return False

    def invoke(self, function: str, event: str, stdout: Output, **_: Any) -> None:  # noqa: ANN401 - SAM's own words
        """Run a function on an event in JSON, and write its reply in JSON."""
        reply = self._handlers[function](json.loads(event), None)
        stdout.write_str(json.dumps(reply))


class _NoTelemetry:
    """In place of SAM's tracker of events, which counts every request for its telemetry."""

    @staticmethod
    def track_event(**_: object) -> None:
        """Do nothing."""


class _PathKeeper(Request):
    """A request that keeps its path: Werkzeug strips leading slashes, and a deployed API does not."""

    def __init__(self, environ: dict[str, Any], *more: Any, **named: Any) -> None:  # noqa: ANN401 - Flask's own words
        super().__init__(environ, *more, **named)
        self.path = environ[_PATH]


class _Untyped(Response):
    """A response that has no content type of its own, as one has that is not modified."""

    default_mimetype = None


class Gateway(LocalApigwService):  # type: ignore[misc] # published without types
    """SAM's gateway over the routes of a template.

    Args:
        template: the file.
        runner: runs what the routes lead to.
        port: what events say that the request came to.
    """

    def __init__(self, template: Path, runner: FunctionRunner, port: int) -> None:
        local_apigw_service.EventTracker = _NoTelemetry
        stacks, _ = SamLocalStackProvider.get_stacks(str(template))
        api = ApiProvider(stacks).api
        # A body that is no UTF-8 would end in SAM's own 502 (and a deployed API sends forms in base64, too).
        api.binary_media_types_set.add("*/*")
        super().__init__(api=api, lambda_runner=runner, port=port)
        self.create()

    def create(self) -> None:
        """Make the application, then forbid it every guess."""
        super().create()
        self._app.request_class = _PathKeeper
        rules = self._app.url_map
        rules.merge_slashes = False
        for rule in rules.iter_rules():
            rule.strict_slashes = True
            rule.merge_slashes = False
        # What nobody foresaw is the application's to answer.
        self._app.config["PROPAGATE_EXCEPTIONS"] = True

    def answer(self, asked: ServerRequest) -> ServerResponse:
        """What the deployed API would answer."""
        response = _Untyped.from_app(self._app.wsgi_app, _environ(asked), buffered=True)
        # What a function tells of a body that HEAD leaves out is its own.
        added = _ADDED_BY_FLASK - ({"content-length"} if asked.method == "HEAD" else set())
        told = [header for header in response.headers if header != _ADDED_BY_SAM]
        headers = tuple((name, value) for name, value in told if name.lower() not in added)
        return ServerResponse(response.status_code, headers, response.get_data())

    def operation_of(self, asked: ServerRequest) -> str | None:
        """The name of the function that the route of a request leads to; None without one."""
        try:
            endpoint, _ = self._app.url_map.bind_to_environ(_environ(asked)).match()
        except HTTPException:
            return None
        route = self._dict_of_routes.get(self._route_key(asked.method, endpoint))
        if route is None or route is self._default or endpoint == _DEFAULT_ROUTE:
            return None
        operation: str = self.lambda_runner.operations[route.function_name]
        return operation

    def get_request_methods_endpoints(self, flask_request: Request) -> tuple[str, str]:
        """The method and the rule of a request: `$default` wherever the template has no route.

        Flask serves HEAD wherever it serves GET, for which SAM has no route.
        """
        method, endpoint = flask_request.method, flask_request.endpoint
        if endpoint is None or self._route_key(method, endpoint) not in self._dict_of_routes:
            endpoint = _DEFAULT_ROUTE
        if endpoint in {_DEFAULT_ROUTE, "/"}:
            # A deployed API gives `$default` no variables.
            flask_request.view_args = None
        return method, endpoint

    def _get_current_route(self, flask_request: Request) -> Route:
        method, endpoint = self.get_request_methods_endpoints(flask_request)
        # SAM's rules know seven methods; `$default` knows any.
        return self._dict_of_routes.get(self._route_key(method, endpoint)) or self._default

    def _construct_error_handling(self) -> None:
        """In place of SAM's pages: 403 where it has no rule, 502 for what fails."""
        self._app.register_error_handler(HTTPException, self._answer_by_default)

    @property
    def _default(self) -> Route:
        return self._dict_of_routes[self._route_key("GET", _DEFAULT_ROUTE)]

    def _answer_by_default(self, _error: HTTPException) -> Any:  # noqa: ANN401 - Flask's own words
        """Where Flask finds no rule, or none for the method."""
        request.url_rule = None
        return self._request_handler()


def _environ(asked: ServerRequest) -> dict[str, Any]:
    """A request in WSGI's words."""
    headers: dict[str, str] = {}
    for name, value in asked.headers:
        if "_" in name:
            continue  # it would pass for the one with a hyphen
        key = name.upper().replace("-", "_")
        headers[key] = f"{headers[key]},{value}" if key in headers else value
    headers.pop("TRANSFER_ENCODING", None)
    headers["CONTENT_LENGTH"] = str(len(asked.body))
    path = unquote_to_bytes(asked.raw_path.encode("latin-1"))
    environ = {f"HTTP_{key}" if not key.startswith("CONTENT_") else key: value for key, value in headers.items()}
    return {
        **environ,
        "REQUEST_METHOD": asked.method,
        "SCRIPT_NAME": "",
        # Without its leading slashes it could be somebody's.
        "PATH_INFO": _UNROUTED_PATH if path.startswith(b"//") else path.decode("latin-1"),
        _PATH: asked.path,
        # SAM reads it as UTF-8.
        "QUERY_STRING": quote(asked.query.encode("latin-1"), safe="%/?:@!$&'()*+,;=-._~[]<>\"{}|^`\\#"),
        "SERVER_NAME": "localhost",
        "SERVER_PORT": str(asked.port),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": asked.peer,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": asked.scheme,
        "wsgi.input": io.BytesIO(asked.body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
