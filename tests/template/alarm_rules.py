"""Rules of alarms: every alarm notifies the topic, and every kind of failure has an alarm."""

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
from tapedeck.background import engine_events, event_batches, handlers
from tapedeck.domain.errors import StoreBusy
from tests.template.rules import Rule, triggers_of
from tests.template.translation import Stack


def alarms_notify(stack: Stack) -> Iterator[str]:
    """Every alarm notifies the topic; missing data is healthy, except for alarms on a minimum."""
    for name, alarm in stack.of_type("CloudWatch::Alarm").items():
        if alarm.get("AlarmActions") != [{"Ref": "Alarms"}]:
            yield f"{name} has no action"
        is_below = str(alarm.get("ComparisonOperator", "")).startswith("LessThan")
        if alarm.get("TreatMissingData") != ("breaching" if is_below else "notBreaching"):
            yield f"{name} does not define missing data"
        if not alarm.get("AlarmDescription"):
            yield f"{name} has no description"


def metrics_have_alarms(stack: Stack) -> Iterator[str]:
    """Each metric that the code emits has an alarm, and each alarm in the namespace has a metric."""
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
    """Return the metrics that the log lines of every status and outcome emit."""
    with redirect_stdout(StringIO()) as written:
        log = observability.CanonicalLog("metrics")
        for status in range(200, 600):
            for error in (None, StoreBusy()):
                log.request(
                    operation="o", dialect="d", account=None, sid=None, status=status, code=None, request_id="r",
                    started=0, error=error,
                )  # fmt: skip
                log.engine_request(
                    operation="o", engine=None, status=status, code=None, request_id="r", started=0, error=error
                )
        log.engine_clock(operation="o", engine="e", boot="b", skew_ms=1, is_excessive=True)
        log.unsent_command("a", "r", 1)
        log.lost_resources(engine="e", boot="b", number=1)
        log.ended_pause("e", "b", "r")
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
    return frozenset(metric["Name"] for metrics in sets for metric in metrics["Metrics"]) - _WITHOUT_ALARM


_WITHOUT_ALARM: Final = {"EngineClockSkewMs"}
"""Metrics that only explain another one, which has an alarm."""


@cache
def background_metrics() -> frozenset[str]:
    """Return the metrics of background functions: the CamelCase strings in the modules that count."""
    texts = {
        node.value
        for module in (handlers, engine_events, event_batches)
        for node in ast.walk(ast.parse(inspect.getsource(module)))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return frozenset(text for text in texts if re.fullmatch(r"(?:[A-Z][a-z]+){2,}", text))


def metrics_of_alarms(stack: Stack) -> list[dict[str, Any]]:
    """Return the metric of each alarm, or all metrics of its expression."""
    alarms = stack.of_type("CloudWatch::Alarm").values()
    added = [
        each["MetricStat"]["Metric"] for alarm in alarms for each in alarm.get("Metrics", ()) if "MetricStat" in each
    ]
    return [alarm for alarm in alarms if "MetricName" in alarm] + added


def throttling_has_alarms(stack: Stack) -> Iterator[str]:
    """Throttled reads and writes of each table, and errors of the gateway, have alarms.

    So have throttled functions, those without routes also by themselves, and the use of the quota of concurrency.
    """
    alarms = [
        (alarm["Namespace"], alarm["MetricName"], _logical_id(dimension["Value"]))
        for alarm in metrics_of_alarms(stack)
        for dimension in alarm.get("Dimensions") or [{"Value": "all"}]
    ]
    expected = [
        ("AWS/DynamoDB", f"{kind}ThrottleEvents", table)
        for table in stack.of_type("DynamoDB::Table")
        for kind in ("Read", "Write")
    ]
    routed = stack.routed()
    expected += [
        ("AWS/Lambda", "Throttles", function)
        for function in stack.functions
        if function not in routed and triggers_of(stack, function)
    ]
    expected += [
        ("AWS/ApiGateway", "5xx", "Api"),
        ("AWS/Lambda", "Throttles", "all"),
        ("AWS/Usage", "ResourceCount", "ConcurrentExecutions"),
    ]
    for each in expected:
        if each not in alarms:
            yield f"no alarm for {' '.join(each)}"
    metrics = [alarm["Metrics"] for alarm in stack.of_type("CloudWatch::Alarm").values() if "Metrics" in alarm]
    if not any("SERVICE_QUOTA(used)" in each[0]["Expression"] for each in metrics):
        yield "concurrency is compared with no quota"


def failures_have_alarms(stack: Stack) -> Iterator[str]:
    """Dead letters, old messages, stream lag and errors of each background function have alarms."""
    watched = [
        (alarm["MetricName"], _logical_id(dimension["Value"]))
        for alarm in metrics_of_alarms(stack)
        for dimension in alarm.get("Dimensions", ())
    ]
    expected = []
    for name, queue in stack.of_type("SQS::Queue").items():
        has_dead_letter_queue = "RedrivePolicy" in queue
        expected.append(
            ("ApproximateAgeOfOldestMessage" if has_dead_letter_queue else "ApproximateNumberOfMessagesVisible", name)
        )
    for name, mapping in stack.of_type("Lambda::EventSourceMapping").items():
        if "StartingPosition" in mapping:
            reader = _logical_id(mapping["FunctionName"])
            expected += [("IteratorAge", reader), (_FAILED_BATCHES, name), ("DestinationDeliveryFailures", reader)]
            if mapping.get("MetricsConfig") != {"Metrics": ["EventCount"]}:
                yield f"{name} does not count failed batches"
    routed = stack.routed()
    expected += [
        ("Errors", function) for function in stack.functions if function not in routed and triggers_of(stack, function)
    ]
    expected += [
        ("Invocations", _logical_id(schedule["Target"]["Arn"]))
        for schedule in stack.of_type("Scheduler::Schedule").values()
    ]
    yield from (f"no alarm for {' '.join(each)}" for each in expected if each not in watched)


_FAILED_BATCHES: Final = "OnFailureDestinationDeliveredEventCount"


def _logical_id(value: Any) -> str:
    """Return the logical id of a dimension value."""
    match value:
        case {"Ref": name} | {"Fn::GetAtt": [name, _]}:
            return str(name)
        case _:
            return str(value)


def alarms_of_other_accounts_use_no_key(stack: Stack) -> Iterator[str]:
    """CloudWatch may use the key of the alarms' topic only for alarms of this account."""
    for statement in stack.properties("AlarmsKey")["KeyPolicy"]["Statement"]:
        if "Service" in statement["Principal"] and statement.get("Condition") != {
            "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
        }:
            yield f"{statement['Principal']} may use the key for {statement.get('Condition', 'every account')}"


RULES: Final[tuple[Rule, ...]] = (
    alarms_notify,
    metrics_have_alarms,
    throttling_has_alarms,
    failures_have_alarms,
    alarms_of_other_accounts_use_no_key,
)
