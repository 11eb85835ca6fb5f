"""The internals of SAM CLI that the comparison of events uses are unchanged: a new version fails here first."""

import inspect
import json
import re
from importlib import metadata
from typing import Any

from tapedeck_standin.http.messages import ServerRequest
from tests.client import ROOT, TEMPLATE
from tests.standin.sam_gateway import RecordingRunner, SamGateway

PINNED = re.search(r"^aws-sam-cli==([0-9.]+)", (ROOT / "requirements" / "development.in").read_text(), re.MULTILINE)


def parameters(function: Any) -> list[str]:
    """The names of a function's parameters."""
    return list(inspect.signature(function).parameters)


def test_is_pinned() -> None:
    """The installed version is the one that the requirements of the tests pin."""
    assert PINNED is not None
    assert metadata.version("aws-sam-cli") == PINNED[1]


def test_gateway_class() -> None:
    """The methods and statements that the comparison depends on exist."""
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
    """SAM's providers read the same routes from the template as the stand-in."""
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


def test_templates_are_parsed_as_by_sam() -> None:
    """The stand-in's own parser returns what SAM's returns, with the same order and types."""
    from samcli.commands._utils import template as sam_template
    from samcli.yamlhelper import yaml_parse

    from tapedeck_standin.aws.template_yaml import parse_template

    assert "yaml_parse(fp.read())" in inspect.getsource(sam_template.get_template_data)
    text = (ROOT / "template.yaml").read_text(encoding="utf-8")
    short = "A: 2012-10-17\nB: !GetAtt Api.Url\nC: !If [X, !Ref Y, !Sub '${Z}']\nD: !Condition E\nF: &f {G: 1}\nH: *f\n"
    for each in (text, short):
        parsed, expected = parse_template(each), yaml_parse(each)
        assert parsed == expected
        assert json.dumps(parsed) == json.dumps(expected)  # text that looks like a date is text


def test_sends_no_telemetry() -> None:
    """SAM's telemetry gets no events."""
    from samcli.lib.telemetry.event import EventTracker

    gateway = SamGateway(ROOT / "template.yaml", RecordingRunner(), 3000)
    assert gateway.answer(ServerRequest("GET", "/2010-04-01/x")).status == 204
    assert EventTracker.get_tracked_events() == []
