"""Tables from `template.yaml` and the layer: endpoints, functions, settings, metrics and alarms."""

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

from scripts.docs_generators.markdown import ROOT, anchor_of, code, described, one_line, table
from scripts.docs_generators.texts import ALARM_ACTIONS, METRICS, VARIABLES
from tapedeck.http.routes import PREFIXES, is_engine_path, strip_suffix
from tapedeck_standin.aws.template import Template

_FUNCTION: Final = "AWS::Serverless::Function"
_ALARM: Final = "AWS::CloudWatch::Alarm"
_MAPPING: Final = "AWS::Lambda::EventSourceMapping"
_COMPARISONS: Final = {"GreaterThanOrEqualToThreshold": "≥", "LessThanThreshold": "<"}
_NAMESPACE: Final = "Tapedeck"
_LAYER: Final = ROOT / "layers" / "shared" / "tapedeck"
_METRIC_SOURCES: Final = (
    "observability.py",
    "background/handlers.py",
    "background/engine_events.py",
    "background/event_batches.py",
)


@cache
def template() -> Template:
    """Return the template."""
    return Template.load(ROOT / "template.yaml")


def endpoints() -> str:
    """Return the table of routes below `/Accounts/{AccountSid}`; accounts themselves have their whole path."""
    paths: dict[tuple[str, str, str], set[str]] = {}
    for route in template().routes:
        for prefix in PREFIXES:
            if route.path is not None and route.path.startswith(f"{prefix}/"):
                path = strip_suffix(route.path).removeprefix(prefix)
                shape = path.removeprefix("/Accounts/{AccountSid}") or path
                paths.setdefault((shape, route.method, route.operation), set()).add(prefix)
    for key, prefixes in paths.items():
        if prefixes != set(PREFIXES):
            raise ValueError(f"{key} does not exist under both prefixes")
    summaries, anchors = function_summaries(), _operation_anchors()
    rows = [
        (method, f"`{shape}`", _linked(operation, anchors), summaries[operation])
        for shape, method, operation in sorted(paths, key=lambda key: (key[0], _METHODS.index(key[1])))
    ]
    return table(("Method", "Path", "Function", "What it does"), rows)


def engine_endpoints() -> str:
    """Return the table of the routes of the engine protocol."""
    summaries = function_summaries()
    rows = [
        (route.method, f"`{route.path}`", f"`{route.operation}`", summaries[route.operation])
        for route in template().routes
        if is_engine_path(route.path or "")
    ]
    return table(("Method", "Path", "Function", "What it does"), sorted(rows))


def _operation_anchors() -> dict[str, str]:
    """Return the anchor of each operation with a section of its own on the page of the operations."""
    page = ROOT / "docs" / "reference" / "wire" / "operations.md"
    titles = re.findall(r"^### (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE) if page.is_file() else []
    return {operation: anchor_of(title) for title in titles for operation in title.split(" and ")}


def _linked(operation: str, anchors: Mapping[str, str]) -> str:
    if operation not in anchors:
        return f"`{operation}`"
    return f"[`{operation}`](wire/operations.md#{anchors[operation]})"


_METHODS: Final = ("GET", "HEAD", "POST", "DELETE")


def functions_without_routes() -> str:
    """Return the table of functions that no request reaches: those for operators and those in the background."""
    sources = _event_sources()
    routed = {route.function for route in template().routes}
    rows = []
    for name, operation in sorted(template().operations.items(), key=lambda item: (item[0] in sources, item[1])):
        if name not in routed:
            invoked_by = sources.get(name, "an operator")
            rows.append(
                (f"`{operation}`", f"`{name}`", invoked_by, _event_of(operation), function_summaries()[operation])
            )
    return table(("Function", "Name in the template", "Invoked by", "Event", "What it does"), rows)


def function_summaries() -> dict[str, str]:
    """Return the first line of each function's docstring, by the function's folder."""
    return {operation: _docstring(operation).partition("\n")[0] for operation in template().operations.values()}


@cache
def _docstring(operation: str) -> str:
    source = (ROOT / "functions" / operation / "app.py").read_text(encoding="utf-8")
    return ast.get_docstring(ast.parse(source)) or ""


def _event_of(operation: str) -> str:
    """Return what a function's docstring says of its event."""
    paragraphs = [one_line(each) for each in _docstring(operation).split("\n\n")]
    return next(each.removeprefix("No route: ") for each in paragraphs if each.startswith("No route: "))


def _event_sources() -> dict[str, str]:
    """Return what invokes each background function, by its logical id."""
    found = {}
    for mapping in template().resources(_MAPPING).values():
        source, attribute = mapping["EventSourceArn"]["Fn::GetAtt"]
        found[mapping["FunctionName"]["Ref"]] = f"the stream of `{source}`" if "Stream" in attribute else f"`{source}`"
    for name, function in template().resources(_FUNCTION).items():
        for event in function.get("Events", {}).values():
            if event["Type"] == "ScheduleV2":
                found[name] = f"a schedule, {event['Properties']['ScheduleExpression']}"
    return found


def parameters() -> str:
    """Return the table of the template's parameters."""
    rows = []
    for name, parameter in template().content["Parameters"].items():
        allowed = [code(value) for value in parameter.get("AllowedValues", [])]
        limits = [str(parameter[key]) for key in ("MinValue", "MaxValue") if key in parameter]
        values = ", ".join(allowed) or " to ".join(limits) or code(parameter.get("AllowedPattern", "any text"))
        if limits and "MaxValue" not in parameter:
            values = f"at least {limits[0]}"
        elif values == "`any text`":
            values = "any number" if parameter["Type"] == "Number" else "any text"
        rows.append((f"`{name}`", code(str(parameter["Default"])), values, one_line(parameter["Description"])))
    return table(("Parameter", "Default", "Values", "Meaning"), rows)


def variables() -> str:
    """Return the table of the functions' environment variables."""
    shared: Mapping[str, Any] = template().content["Globals"]["Function"]["Environment"]["Variables"]
    users: dict[str, list[str]] = {name: [] for name in shared}
    values = dict(shared)
    for name, function in template().resources(_FUNCTION).items():
        for variable, value in function.get("Environment", {}).get("Variables", {}).items():
            users.setdefault(variable, []).append(template().operations[name])
            values[variable] = value
    read = _settings_variables()
    texts = described([*users, *(name for name in read if name not in users)], VARIABLES, "variables", "VARIABLES")
    rows = [
        (
            f"`{name}`",
            _reference(values[name]) if name in values else "not set by the template",
            "all" if name in shared else ", ".join(f"`{each}`" for each in sorted(users.get(name, []))) or "none",
            text,
        )
        for name, text in texts.items()
    ]
    return table(("Variable", "Set from", "Functions", "Meaning"), rows)


def _settings_variables() -> list[str]:
    """Return the variables that `Settings.read` reads, in its order."""
    source = ast.parse((_LAYER / "settings.py").read_text(encoding="utf-8"))
    found = []
    for node in ast.walk(source):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="variables")), args=[ast.Constant(value=str(name)), *_]):
                found.append((node.lineno, name))
            case ast.Subscript(value=ast.Name(id="variables"), slice=ast.Constant(value=str(name))):
                found.append((node.lineno, name))
    return list(dict.fromkeys(name for _, name in sorted(found)))


def _reference(value: Any) -> str:  # noqa: ANN401 - a scalar or an intrinsic function
    match value:
        case {"Ref": "AWS::StackName"}:
            return "the stack's name"
        case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), _]}:
            kind = "parameter" if name in template().content["Parameters"] else "resource"
            return f"{kind} `{name}`"
        case {"Fn::If": [_, first, second]}:
            return f"{_reference(first)}, else {_reference(second)}"
        case _:
            return code(value)


def metrics() -> str:
    """Return the table of Tapedeck's own metrics."""
    alarms: dict[str, list[str]] = {}
    for name, alarm in template().resources(_ALARM).items():
        if alarm.get("Namespace") == _NAMESPACE:
            alarms.setdefault(alarm["MetricName"], []).append(name)
    texts = described(metric_names(), METRICS, "metrics", "METRICS")
    unknown = sorted(set(alarms) - set(texts))
    if unknown:
        raise ValueError(f"alarms watch metrics that the code does not emit: {unknown}")
    rows = [
        (
            f"`{name}`",
            "milliseconds" if name.endswith(("Milliseconds", "Ms")) else "count",
            text,
            ", ".join(f"`{alarm}`" for alarm in alarms.get(name, [])) or "none",
        )
        for name, text in texts.items()
    ]
    return table(("Metric", "Unit", "Emitted", "Alarm"), rows)


def metric_names() -> list[str]:
    """Return the names of the metrics that the layer emits, found in its source."""
    found = (_metrics_in(ast.parse((_LAYER / file).read_text("utf-8"))) for file in _METRIC_SOURCES)
    return list(dict.fromkeys(name for names in found for name in names))


def _metrics_in(tree: ast.Module) -> Iterator[str]:
    """Yield metric names: keys of dictionaries with a number, and values of `_METRICS` and of `METRICS_OF_RUN`."""
    for node in ast.walk(tree):
        match node:
            case ast.AnnAssign(target=ast.Name(id="_METRICS" | "METRICS_OF_RUN"), value=ast.Dict(values=values)):
                yield from (str(each.value) for each in values if isinstance(each, ast.Constant))
            case ast.Dict(keys=keys, values=values):
                for key, value in zip(keys, values, strict=True):
                    if isinstance(key, ast.Constant) and _is_number(value):
                        yield str(key.value)
            case ast.Assign(targets=[ast.Subscript(slice=ast.Constant(value=str(name)))], value=value):
                if _is_number(value):
                    yield name


def _is_number(node: ast.expr) -> bool:
    return (
        (isinstance(node, ast.Constant) and type(node.value) is int)
        or (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "round")
        or (isinstance(node, ast.Name) and node.id == "number")
    )


def alarms() -> str:
    """Return the table of alarms."""
    found = template().resources(_ALARM)
    actions = described(found, ALARM_ACTIONS, "alarms", "ALARM_ACTIONS")
    rows = [
        (f"`{name}`", _watched(alarm), _condition(alarm), one_line(alarm["AlarmDescription"]), actions[name])
        for name, alarm in found.items()
    ]
    return table(("Alarm", "Metric", "Raised when", "Meaning", "What to do"), rows)


def _watched(alarm: Mapping[str, Any]) -> str:
    if "Metrics" not in alarm:
        dimensions = [_dimension(each["Value"]) for each in alarm.get("Dimensions", ()) if each["Name"] != "service"]
        return f"`{alarm['Namespace']}` `{alarm['MetricName']}`" + "".join(f" of {each}" for each in dimensions)
    parts = [each["MetricStat"]["Metric"] for each in alarm["Metrics"] if "MetricStat" in each]
    if "SERVICE_QUOTA" in alarm["Metrics"][0]["Expression"]:
        values = " ".join(each["Value"] for each in parts[0]["Dimensions"] if each["Name"] in {"Service", "Resource"})
        return f"`{parts[0]['Namespace']}` `{parts[0]['MetricName']}` of `{values}`, in percent of the quota"
    names = " + ".join(_dimension(part["Dimensions"][0]["Value"]) for part in parts)
    return f"`{parts[0]['Namespace']}` `{parts[0]['MetricName']}` of {names}"


def _dimension(value: Mapping[str, Any]) -> str:
    name = value["Ref"] if "Ref" in value else value["Fn::GetAtt"][0]
    return f"`{name}`"


def _condition(alarm: Mapping[str, Any]) -> str:
    added = alarm["Metrics"][1]["MetricStat"] if "Metrics" in alarm else {}
    statistic = alarm.get("Statistic") or alarm.get("ExtendedStatistic") or added["Stat"]
    period = alarm.get("Period") or added["Period"]
    minutes, count = period // 60, alarm["EvaluationPeriods"]
    unit = "minute" if minutes == 1 else f"{minutes} minutes"
    times = f"{statistic.lower()} per {unit} {_COMPARISONS[alarm['ComparisonOperator']]} {alarm['Threshold']}"
    return times + (f", {count} times in a row" if count > 1 else "")


def outputs() -> str:
    """Return the table of the stack's outputs."""
    rows = [
        (f"`{name}`", one_line(output.get("Description", f"The name of `{output['Value'].get('Ref', name)}`.")))
        for name, output in template().content["Outputs"].items()
    ]
    return table(("Output", "Meaning"), rows)
