"""What somebody hears of: each alarm rings, and every kind of failure has one."""

import ast
import inspect
import json
import re
from collections.abc import Iterator
from contextlib import redirect_stdout
from functools import cache
from io import StringIO
from typing import Any, Final

from tapedeck import observability
from tapedeck.background import handlers
from tests.template.rules import Rule, doors_of
from tests.template.translation import Stack


def alarms_ring(stack: Stack) -> Iterator[str]:
    """Every alarm tells somebody, and takes silence for health: but one listens for what must happen all the time."""
    for name, alarm in stack.of_type("CloudWatch::Alarm").items():
        if alarm.get("AlarmActions") != [{"Ref": "Alarms"}]:
            yield f"{name} tells nobody"
        is_below = str(alarm.get("ComparisonOperator", "")).startswith("LessThan")
        if alarm.get("TreatMissingData") != ("breaching" if is_below else "notBreaching"):
            yield f"{name} is undecided while nothing happens"
        if not alarm.get("AlarmDescription"):
            yield f"{name} does not say what has happened"


def metrics_are_watched(stack: Stack) -> Iterator[str]:
    """Each metric that the code emits has an alarm of its dimension, and each alarm of ours a metric that exists."""
    emitted, stack_name = _emitted(), {"Ref": "AWS::StackName"}
    watched = {
        alarm["MetricName"]
        for alarm in metrics_of_alarms(stack)
        if alarm["Namespace"] == observability.NAMESPACE
        and alarm["Dimensions"] == [{"Name": _DIMENSION, "Value": stack_name}]
    }
    yield from (f"{metric} has no alarm" for metric in sorted(emitted - watched))
    yield from (f"{metric} is never emitted" for metric in sorted(watched - emitted))
    for function, properties in stack.functions.items():
        if properties["Environment"]["Variables"].get("SERVICE") != stack_name:
            yield f"{function} emits metrics of another service"


_DIMENSION: Final = "service"


@cache
def _emitted() -> frozenset[str]:
    """The metrics in the lines of every status and every outcome."""
    with redirect_stdout(StringIO()) as written:
        log = observability.CanonicalLog("metrics")
        for status in range(200, 600):
            for is_busy in (False, True):
                log.request(
                    operation="o", dialect="d", account=None, sid=None, status=status, code=None, request_id="r",
                    started=0, is_busy=is_busy,
                )  # fmt: skip
        for outcome in ("done", "refused", "fault"):
            log.task(operation="o", account=None, outcome=outcome)
        for metric in background_metrics():
            log.background(operation="o", outcome="done", counted={metric: 1})
    sets = [
        metrics
        for line in written.getvalue().splitlines()
        for metrics in json.loads(line).get("_aws", {}).get("CloudWatchMetrics", ())
    ]
    assert {metrics["Namespace"] for metrics in sets} == {observability.NAMESPACE}
    assert all(metrics["Dimensions"] == [[_DIMENSION]] for metrics in sets)
    return frozenset(metric["Name"] for metrics in sets for metric in metrics["Metrics"])


@cache
def background_metrics() -> frozenset[str]:
    """What functions that nobody calls count beside their lines: whatever `background.handlers` names in this form."""
    tree = ast.parse(inspect.getsource(handlers))
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return frozenset(text for text in texts if re.fullmatch(r"(?:[A-Z][a-z]+){2,}", text))


def metrics_of_alarms(stack: Stack) -> list[dict[str, Any]]:
    """The metric that each alarm watches, or all of those that it adds up."""
    alarms = stack.of_type("CloudWatch::Alarm").values()
    added = [
        each["MetricStat"]["Metric"] for alarm in alarms for each in alarm.get("Metrics", ()) if "MetricStat" in each
    ]
    return [alarm for alarm in alarms if "MetricName" in alarm] + added


def throttling_is_watched(stack: Stack) -> Iterator[str]:
    """An alarm for reads and one for writes of every table, and one for what the gateway answers by itself."""
    alarms = [
        (alarm["Namespace"], alarm["MetricName"], dimension["Value"].get("Ref"))
        for alarm in metrics_of_alarms(stack)
        for dimension in alarm["Dimensions"]
    ]
    wanted = [
        ("AWS/DynamoDB", f"{kind}ThrottleEvents", table)
        for table in stack.of_type("DynamoDB::Table")
        for kind in ("Read", "Write")
    ]
    for each in (*wanted, ("AWS/ApiGateway", "5xx", "Api")):
        if each not in alarms:
            yield f"nothing watches {' '.join(each)}"


def failures_are_watched(stack: Stack) -> Iterator[str]:
    """Somebody hears of dead letters, of messages and changes that wait, and of each function that nobody calls."""
    watched = [
        (alarm["MetricName"], _named(dimension["Value"]))
        for alarm in metrics_of_alarms(stack)
        for dimension in alarm["Dimensions"]
    ]
    wanted = []
    for name, queue in stack.of_type("SQS::Queue").items():
        is_living = "RedrivePolicy" in queue
        wanted.append(("ApproximateAgeOfOldestMessage" if is_living else "ApproximateNumberOfMessagesVisible", name))
    for name, mapping in stack.of_type("Lambda::EventSourceMapping").items():
        if "StartingPosition" in mapping:
            reader = _named(mapping["FunctionName"])
            wanted += [("IteratorAge", reader), (_GIVEN_UP, name), ("DestinationDeliveryFailures", reader)]
            if mapping.get("MetricsConfig") != {"Metrics": ["EventCount"]}:
                yield f"{name} does not count what it gives up"
    routed = stack.routed()
    wanted += [
        ("Errors", function) for function in stack.functions if function not in routed and doors_of(stack, function)
    ]
    wanted += [
        ("Invocations", _named(schedule["Target"]["Arn"])) for schedule in stack.of_type("Scheduler::Schedule").values()
    ]
    yield from (f"nothing watches {' '.join(each)}" for each in wanted if each not in watched)


_GIVEN_UP: Final = "OnFailureDestinationDeliveredEventCount"


def _named(value: Any) -> str:
    """The logical id that a dimension names."""
    match value:
        case {"Ref": name} | {"Fn::GetAtt": [name, _]}:
            return str(name)
        case _:
            return str(value)


RULES: Final[tuple[Rule, ...]] = (alarms_ring, metrics_are_watched, throttling_is_watched, failures_are_watched)
