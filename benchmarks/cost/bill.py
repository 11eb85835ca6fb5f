"""The bill: what a million updates and a million recorded calls cost with all that follows, and an idle stack."""

from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache
from typing import Final, NamedTuple

from benchmarks.cost.deployment import TEMPLATE, Deployment
from benchmarks.cost.prices import (
    ACCESS_LOG_BYTES,
    ALIVE_PER_MINUTE,
    AS_OF,
    CONNECTOR_POLLS_PER_MINUTE,
    CPU_MS,
    LATENCY_MS,
    MONTH_MINUTES,
    PLATFORM_LOG_BYTES,
    POLLS_PER_MINUTE,
    PRICES,
    REGION,
)
from benchmarks.cost.wire import Meter

MILLION: Final = 1_000_000
TOGETHER: Final = 100
"""How many recordings or calls change at once where batches are not of one: as many as a batch of the stream has."""

_CALLBACK: Final = "RecordingStatusCallback=https%3A%2F%2Fcustomer.example.com%2Frecordings"


def count_updates(deployment: Deployment, at_once: int) -> Meter:
    """Count pauses that wait for their engine, and as many resumes, with all that follows."""
    recordings = [_start(deployment) for _ in range(at_once)]
    deployment.measured()
    for status in ("paused", "in-progress"):
        for call, recording in recordings:
            deployment.request("POST", "Calls", f"CA{call}", "Recordings", f"RE{recording}", form=f"Status={status}")
        _settle(deployment)
    return deployment.measured()


def count_calls(deployment: Deployment, at_once: int) -> Meter:
    """Count calls with a recording, its conversion and its callback, but without an update."""
    _record(deployment, 1)  # a process decrypts a signing key once
    deployment.measured()
    _record(deployment, at_once)
    return deployment.measured()


def _record(deployment: Deployment, at_once: int) -> None:
    """Let calls be recorded from their start to the callback that reports the audio."""
    recordings = [_start(deployment, settle=False) for _ in range(at_once)]
    _settle(deployment)
    stops = [{"type": "recording.stopped", **_parent(call), "recording": recording} for call, recording in recordings]
    ends = [{"type": "call.ended", "call": call} for call, _ in recordings]
    deployment.report(*(event for pair in zip(stops, ends, strict=True) for event in pair))
    _settle(deployment)
    deployment.report(*(deployment.upload(call, recording) for call, recording in recordings))
    _settle(deployment)
    deployment.convert()
    _settle(deployment)
    deployment.deliver()


def count_minute(deployment: Deployment) -> Meter:
    """Count a minute without traffic: a run of the reconciler, an engine that is alive, and the polls of queues."""
    deployment.reconcile()
    deployment.measured()
    deployment.reconcile()
    for _ in range(ALIVE_PER_MINUTE):
        deployment.report({"type": "engine.alive"})
    for mapping in TEMPLATE.resources("AWS::Lambda::EventSourceMapping").values():
        source = mapping["EventSourceArn"]["Fn::GetAtt"][0]
        if source in deployment.queue_urls:
            deployment.queues.count(deployment.queue_urls[source], POLLS_PER_MINUTE)
    deployment.queues.count(deployment.commands_url, CONNECTOR_POLLS_PER_MINUTE)
    return deployment.measured()


def count_month(deployment: Deployment) -> Meter:
    """Count a month without traffic, with what is charged for existing."""
    minute, month = count_minute(deployment), Meter()
    for unit, number in minute.units.items():
        month.add(unit, number * MONTH_MINUTES)
    month.by_function = Counter({name: number * MONTH_MINUTES for name, number in minute.by_function.items()})
    alarms = TEMPLATE.resources("AWS::CloudWatch::Alarm").values()
    month.add("alarm metrics", sum(max(1, _added(alarm)) for alarm in alarms))
    month.add("custom metrics", len(_RECONCILER_METRICS))
    month.add("keys", len(TEMPLATE.resources("AWS::KMS::Key")))
    return month


_RECONCILER_METRICS: Final = (
    "CommandsUnconfirmed", "PausesUnconfirmed", "CommandsExpired", "RecordingsTimedOut", "EngineLost", "CallsTooLong",
)  # fmt: skip
"""The metrics that every run of the reconciler writes."""


def _added(alarm: Mapping[str, object]) -> int:
    metrics = alarm.get("Metrics")
    return sum("MetricStat" in each for each in metrics) if isinstance(metrics, list) else 1


def _start(deployment: Deployment, *, settle: bool = True) -> tuple[str, str]:
    """Let a call be answered and recorded; return both ids."""
    deployment.now += 10
    call = deployment.make_id()
    deployment.report({"type": "call.answered", "call": call, "to": "+15550100", "from": "+15550101"})
    made = deployment.request("POST", "Calls", f"CA{call}", "Recordings", form=_CALLBACK)
    if settle:
        _settle(deployment)
    return call, str(made["sid"])[2:]


def _settle(deployment: Deployment) -> None:
    """Publish, carry out commands, and publish what they led to."""
    deployment.publish()
    deployment.carry_out_commands()
    deployment.publish()


def _parent(call: str) -> dict[str, object]:
    return {"parent": {"type": "call", "id": call}}


class Figure(NamedTuple):
    """One part of the bill: what is counted, and how often it happened."""

    title: str
    meter: Meter
    factor: float

    @property
    def usd(self) -> float:
        """The sum in USD."""
        units = self.meter.units.items()
        return sum(number * self.factor * PRICES[unit].usd / PRICES[unit].per for unit, number in units)


@cache
def figures() -> Mapping[str, Figure]:
    """Return the parts of the bill, by name."""
    found = {}
    for name, (title, count, at_once, happened) in _SCENARIOS.items():
        with Deployment({}).running() as deployment:
            found[name] = Figure(title, count(deployment, at_once), MILLION / happened)
    with Deployment({"PublishDomainEvents": "true"}).running() as deployment:
        counted = count_updates(deployment, 1)
        found["published updates"] = Figure(f"{found['updates'].title}, with domain events", counted, MILLION / 2)
    with Deployment({}).running() as deployment:
        found["month"] = Figure("a month without traffic, with one engine", count_month(deployment), 1)
    return found


_SCENARIOS: Final[Mapping[str, tuple[str, Callable[[Deployment, int], Meter], int, int]]] = {
    "updates": ("a million updates, each alone", count_updates, 1, 2),
    "busy updates": (f"a million updates, {TOGETHER} at once", count_updates, TOGETHER, 2 * TOGETHER),
    "calls": ("a million recorded calls, each alone", count_calls, 1, 1),
    "busy calls": (f"a million recorded calls, {TOGETHER} at once", count_calls, TOGETHER, TOGETHER),
}


def report() -> str:
    """Return the whole bill as text."""
    heading = f"List prices of {REGION}, {AS_OF}, in USD: what is counted, how many, what they cost."
    return "\n\n".join([heading, *(_section(figure) for figure in figures().values())])


def price_list() -> str:
    """Return the prices and the assumptions as text."""
    prices = [f"  {unit:<26}{price.usd:>10g} per {price.per:>13,}  {price.name}" for unit, price in PRICES.items()]
    assumed = [
        *(f"  {name:<26}{value:>10g} ms" for name, value in CPU_MS.items()),
        *(f"  a request to {service:<13}{value:>10g} ms" for service, value in LATENCY_MS.items()),
        f"  Lambda's own log lines    {PLATFORM_LOG_BYTES:>10} bytes for each invocation",
        f"  a line of the access log  {ACCESS_LOG_BYTES:>10} bytes",
        f"  Lambda's polls of a queue {POLLS_PER_MINUTE:>10} a minute while it is idle",
        f"  a connector's polls       {CONNECTOR_POLLS_PER_MINUTE:>10} a minute while its queue is idle",
        f"  engine.alive              {ALIVE_PER_MINUTE:>10} a minute",
    ]
    return "\n".join(["Prices in USD:", *prices, "", "Assumed, not counted:", *assumed])


def _section(figure: Figure) -> str:
    lines = [f"{figure.title}: {figure.usd:.2f}"]
    for unit, price in PRICES.items():
        if number := figure.meter.units[unit] * figure.factor:
            lines.append(f"  {unit:<26}{_number(number):>16}{number * price.usd / price.per:>10.2f}")
    invocations = sorted(figure.meter.by_function.items())
    runs = [f"    {name:<24}{_number(each * figure.factor):>16}" for name, each in invocations]
    return "\n".join([*lines, "  invocations of", *runs])


def _number(number: float) -> str:
    return f"{round(number):,}"
