"""Test the stand-in against the OpenAPI documents with schemathesis: `make openapi-test`.

Every operation gets four kinds of requests: valid ones to existing resources, which must succeed; valid ones to other
paths; invalid ones, which must be rejected; and one without credentials. Every response must be as the document says.
The requests are the same in every run.
"""

import os
import sys
from collections.abc import Iterator
from typing import Final

from tests.openapi.control_requests import test_control_api
from tests.openapi.report import NOT_CHECKED, Report
from tests.openapi.standin import ACCOUNTS, LOG, StandIn, running_standin
from tests.openapi.vendor_requests import test_dialect

MAX_SHOWN: Final = 20


def main() -> int:
    """Run everything; print what ran and what failed. Return the exit code."""
    reports = list(_reports())
    failures = [failure for report in reports for failure in report.failures]
    lines = [report.summary for report in reports]
    lines += [f"not run: {name}: {reason}" for name, reason in NOT_CHECKED.items()]
    lines += [f"\n{failure}" for failure in failures[:MAX_SHOWN]]
    times = os.times()
    seconds = times.user + times.system + times.children_user + times.children_system
    lines.append(f"{len(failures)} failures, {seconds:.0f} s of CPU time. The stand-in's log: {LOG.name} in build/")
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if failures else 0


def _reports() -> Iterator[Report]:
    with running_standin() as url:
        for dialect in ACCOUNTS:
            yield test_dialect(StandIn(url, dialect))
        yield test_control_api(StandIn(url, "twilio"))


if __name__ == "__main__":
    sys.exit(main())
