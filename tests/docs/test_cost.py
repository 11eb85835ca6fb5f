"""The bill of `make cost` keeps its budget, counts what leaves the functions, and is what the README states."""

import re
from typing import Final

from benchmarks.cost.bill import figures
from tests.client import ROOT


def test_a_million_updates_cost_at_most_six_dollars() -> None:
    """A million updates in full batches cost at most 6 USD with all that follows, without domain events."""
    assert figures()["busy updates"].usd <= 6.00
    assert figures()["busy updates"].meter.units["domain events"] == 0


def test_each_request_of_two_updates_is_counted() -> None:
    """A pause that waits and a resume are 2 requests and 2 reports of the engine, 4 writes, a check, and 7 reads.

    Each of the two commands is sent, received and deleted once.
    """
    meter = figures()["updates"].meter
    counted = {unit: number for unit, number in meter.units.items() if unit not in {"log bytes", _SECONDS}}
    assert meter.by_function == {"update_call_recording": 2, "take_engine_events": 2, "publish_changes": 3}
    assert counted == {
        "api requests": 4, "lambda requests": 7, "write units": 5, "read units": 7, "standard queue requests": 6,
    }  # fmt: skip


_SECONDS: Final = "lambda gigabyte-seconds"


def test_domain_events_are_charged_where_they_are_published() -> None:
    """With domain events, each update has two of them: of the request and of its confirmation."""
    assert figures()["published updates"].meter.units["domain events"] == 4
    assert figures()["updates"].meter.units["domain events"] == 0


def test_the_readme_states_the_bill() -> None:
    """The README has the sums of updates, in full batches and alone, and of a month without traffic."""
    text = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    found = re.findall(r"Idle, it costs \[about (\d+) USD a month\].*?a million updates cost (\d) to (\d) USD", text)
    bill = figures()
    assert found == [tuple(f"{bill[name].usd:.0f}" for name in ("month", "busy updates", "updates"))]


def test_the_idle_cost_is_explained_as_it_is_computed() -> None:
    """The explanation names as many keys, metrics with alarms and custom metrics as the bill of a month has."""
    text = " ".join((ROOT / "docs" / "explanation" / "cost-and-limits.md").read_text(encoding="utf-8").split())
    idle = text.partition("## Idle cost")[2].partition("## Cost of requests")[0]
    units = figures()["month"].meter.units
    assert (units["keys"], units["alarm metrics"], units["custom metrics"]) == (2, 52, 6)
    assert re.findall(r"(\w+) KMS keys|on (\w+) metrics|(\w+) \[custom metrics\]", idle) == [
        ("two", "", ""), ("", "52", ""), ("", "", "six"),
    ]  # fmt: skip
