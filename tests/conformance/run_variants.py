"""Checks variants of the example connector, several at once at one stand-in: `python -m … NAME=CHECK,CHECK …`.

Prints the result of each check of each variant, as JSON. The example itself has the name `example`.
"""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Final

from tapedeck_standin.conformance.suite import ConnectorSetting, Workbench, run_checks, select_checks

WORKERS: Final = 6

PROGRAM: Final = Path(__file__).with_name("variants.py")


def check_variants(bench: Workbench, wanted: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
    """Check variants, each as an engine of its own; return the result of each check by variant and check."""
    numbers = count(1)
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)}

    def check(name: str, checks: str) -> dict[str, str]:
        setting = ConnectorSetting([sys.executable, str(PROGRAM), name], environment)
        engine = f"v{next(numbers)}"
        selected = select_checks(checks.split(",") if checks else [], with_slow=False)
        with bench.rig(setting, engine=(engine, bench.create_engine(engine))) as rig:
            results = run_checks(rig, selected, lambda _result: None)
            return {each.name: f"{each.result} {each.detail}".strip() for each in results}

    with ThreadPoolExecutor(WORKERS) as workers:
        running = {
            name: workers.submit(check, name, checks) for name, _, checks in (each.partition("=") for each in wanted)
        }
        return {name: each.result() for name, each in running.items()}


def main(wanted: Sequence[str]) -> None:
    """Check variants at a stand-in in this process."""
    from tapedeck_standin.aws.backend import isolate_aws_environment
    from tapedeck_standin.conformance.suite import serving_connectors

    isolate_aws_environment()
    with serving_connectors() as bench:
        results = check_variants(bench, wanted)
    sys.stdout.write(f"RESULTS {json.dumps(results)}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
