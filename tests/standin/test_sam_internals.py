"""What is used of SAM CLI's insides, and of moto's, is as it was: another version fails here first, and says where."""

import inspect
import re
from importlib import metadata
from typing import Any

import pytest

from tests.client import ROOT, TEMPLATE
from tests.standin.http_client import ControlClient, HttpFunctionClient, Place

PINNED = re.search(r'"aws-sam-cli==([\d.]+)"', (ROOT / "pyproject.toml").read_text())


def parameters(function: Any) -> list[str]:
    """The names of a function's parameters."""
    return list(inspect.signature(function).parameters)


def test_is_pinned() -> None:
    """The version here is the one that the distribution names."""
    assert PINNED is not None
    assert metadata.version("aws-sam-cli") == PINNED[1]


def test_gateway_class() -> None:
    """The methods that the gateway overrides, calls, or is called by."""
    from samcli.local.apigw.local_apigw_service import LocalApigwService

    expected = {
        "__init__": ["self", "api", "lambda_runner", "static_dir", "port", "host", "stderr", "ssl_context"],
        "create": ["self"],
        "get_request_methods_endpoints": ["flask_request"],
        "_get_current_route": ["self", "flask_request"],
        "_construct_error_handling": ["self"],
        "_request_handler": ["self", "kwargs"],
        "_route_key": ["method", "path"],
    }
    assert {name: parameters(getattr(LocalApigwService, name)) for name in expected} == expected
    source = inspect.getsource(LocalApigwService)
    for used in (
        'self._add_catch_all_path(Route.ANY_HTTP_METHODS, "/<path:any_path>", default_route)',
        "route: Route = self._get_current_route(request)",
        "method, endpoint = self.get_request_methods_endpoints(request)",
        "lambda_function_name, event_str, stdout=stdout_writer, stderr=self.stderr, tenant_id=tenant_id",
        "EventTracker.track_event(",
        "self._dict_of_routes",
        "self._app",
    ):
        assert used in source


def test_providers() -> None:
    """How the template becomes routes."""
    from samcli.lib.providers.api_provider import ApiProvider
    from samcli.lib.providers.sam_stack_provider import SamLocalStackProvider

    assert parameters(SamLocalStackProvider.get_stacks)[0] == "template_file"
    stacks, remote = SamLocalStackProvider.get_stacks(str(ROOT / "template.yaml"))
    assert (len(stacks), remote) == (1, [])
    api = ApiProvider(stacks).api
    assert isinstance(api.binary_media_types_set, set)
    read = {(method, route.path, route.function_name) for route in api.routes for method in route.methods}
    ours = {(route.method, route.path, route.function) for route in TEMPLATE.routes if route.path is not None}
    assert {route for route in read if route[1] != "$default"} == ours
    assert {(path, function) for _, path, function in read if path == "$default"} == {("$default", "DefaultFunction")}


def test_event(place: Place, control: ControlClient, api: HttpFunctionClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a function is handed: payload 2.0, the body in base64, the path and its variables."""
    import json

    from tapedeck_standin.gateway.sam import FunctionRunner

    handed: list[dict[str, Any]] = []
    invoke = FunctionRunner.invoke

    def listen(self: FunctionRunner, function: str, event: str, **more: Any) -> None:
        handed.append({"function": function, **json.loads(event)})
        invoke(self, function, event, **more)

    monkeypatch.setattr(FunctionRunner, "invoke", listen)
    call = control.post("/calls").body["sid"][api.dialect.name]
    path = api.path("Calls", call, "Recordings")
    assert api.request("POST", f"{path}?a=b", form={"Trim": "trim-silence"}).status == api.dialect.created_status
    api.request("HEAD", path)
    (event, unrouted) = handed
    route = f"POST {api.dialect.root}/Accounts/{{AccountSid}}/Calls/{{CallSid}}/Recordings.json"
    account = api.base.rpartition("/")[2]
    told = {name: event[name] for name in ("function", "version", "routeKey", "rawPath", "rawQueryString")}
    assert told == {
        "function": "CreateCallRecordingFunction",
        "version": "2.0",
        "routeKey": route,
        "rawPath": path,
        "rawQueryString": "a=b",
    }
    assert event["pathParameters"] == {"AccountSid": account, "CallSid": call}
    assert (event["body"], event["isBase64Encoded"]) == ("VHJpbT10cmltLXNpbGVuY2U=", True)
    assert event["headers"]["Host"] == f"127.0.0.1:{place.port}"
    told = {name: unrouted.get(name) for name in ("function", "routeKey", "rawPath", "pathParameters")}
    assert told == {
        "function": "DefaultFunction", "routeKey": "$default", "rawPath": path, "pathParameters": None,
    }  # fmt: skip


def test_tells_nobody(place: Place) -> None:
    """SAM's telemetry hears of no request."""
    from samcli.lib.telemetry.event import EventTracker

    ControlClient(place).request("GET", "/2010-04-01/x")
    assert EventTracker.get_tracked_events() == []
