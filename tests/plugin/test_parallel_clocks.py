"""One stand-in serves all workers of a run of tests, each test with a clock of its own."""

import pytest

from benchmarks.parallel_tests import run_tests
from tests.standin.test_options import running_standin
from tests.thoroughness import scaled


@pytest.mark.ci
@pytest.mark.sized
def test_workers_advance_their_own_clocks_by_hours() -> None:
    """Durations are exact in every test, although the others advance their clocks at the same time."""
    number, workers = scaled(deep=200, ci=12, fast=6), scaled(deep=8, ci=2, fast=2)
    with running_standin("--clock", "frozen") as (standin, _):
        ran = run_tests(f"http://127.0.0.1:{standin.port}", number, workers)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert f"{number} passed" in ran.stdout
