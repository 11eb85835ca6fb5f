"""Run tests of mutants: started once for each copy of the tree, in the copy, by scripts/mutants.py.

Reads a JSON list of pytest's arguments from each line of the input, runs pytest in a child process, and answers with a
line: its exit status, a space, and the last line that it printed. The packages that most tests need are imported once;
the project's own code is imported by each child, as it is then.
"""

import json
import os
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Final

import pytest

PACKAGES: Final = (
    "_pytest.assertion.rewrite", "aws_lambda_powertools.logging", "aws_lambda_powertools.utilities.batch", "boto3",
    "botocore.session", "botocore.awsrequest", "hypothesis", "moto", "moto.core.botocore_stubber",
    "moto.dynamodb.models", "moto.dynamodb.responses", "pydantic", "yaml",
)  # fmt: skip


def run(arguments: list[str]) -> tuple[int, str]:
    """Run pytest in a child process; return its exit status and the last line that it printed."""
    with tempfile.TemporaryFile("w+") as output:
        child = os.fork()
        if not child:
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
            status = int(pytest.main(arguments))
            sys.stdout.flush()
            # Without the cleanup of the parent's modules; a thread of a test may still wait.
            os._exit(status)
        _, status = os.waitpid(child, 0)
        output.seek(0)
        lines = output.read().strip().splitlines()
        return os.waitstatus_to_exitcode(status), lines[-1] if lines else ""


def main() -> None:
    """Serve until the input ends."""
    for package in PACKAGES:
        import_module(package)
    sys.path.insert(0, str(Path.cwd()))
    for line in sys.stdin:
        status, last = run(json.loads(line))
        print(status, last, flush=True)


if __name__ == "__main__":
    main()
