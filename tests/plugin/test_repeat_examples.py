"""The script that runs the examples again and again on a busy machine."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts import repeat_examples

Result = subprocess.CompletedProcess[str]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Return a function that runs the script with some results of pytest, and no busy process."""

    def run(results: list[Result]) -> int:
        monkeypatch.setattr(repeat_examples, "run_examples", lambda _folder: results.pop(0))
        monkeypatch.setattr(sys, "argv", ["repeat_examples", "3", "--busy", "0"])
        return repeat_examples.main()

    return run


def result(code: int, text: str) -> Result:
    """Return the result of a run of pytest."""
    return Result([], code, f"{text}\n", "")


def test_each_run_is_counted(run: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    """The script prints the last line of each run, and ends with 0 when all have passed."""
    assert run([result(0, "13 passed in 1.00s") for _ in range(3)]) == 0
    assert capsys.readouterr().out == "1: 13 passed in 1.00s\n2: 13 passed in 1.00s\n3: 13 passed in 1.00s\n"


def test_the_first_failure_ends_it(run: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    """The first failure is shown with its output, and no further run is made."""
    results = [result(0, "13 passed in 1.00s"), result(1, "assert 31 == 30\n1 failed"), result(0, "13 passed")]
    assert run(results) == 1
    assert capsys.readouterr().out == "1: 13 passed in 1.00s\nrun 2 of 3 failed\nassert 31 == 30\n1 failed\n"
    assert len(results) == 1


def test_it_runs_the_examples_of_both_readmes(tmp_path: Path) -> None:
    """The folder has the file of `examples/pytest` and the examples in the plugin's README."""
    repeat_examples.write_examples(tmp_path)
    names = ["test_card_number.py", "test_menu.py", "test_recording.py"]
    assert sorted(path.name for path in tmp_path.glob("*.py")) == names
    for name in ("test_card_number.py", "test_recording.py"):
        assert "assert int(finished.duration) == 30\n" in (tmp_path / name).read_text(encoding="utf-8")
    assert "def test_a_caller_who_presses_nothing_hears_goodbye(" in (tmp_path / names[1]).read_text(encoding="utf-8")


def test_a_busy_process_ends_with_its_parent() -> None:
    """A busy process ends by itself once its parent is another one than the script."""
    subprocess.run([sys.executable, "-c", repeat_examples._BUSY, "0"], check=True, timeout=60)


@pytest.mark.ci
def test_the_examples_pass(tmp_path: Path) -> None:
    """The examples pass with the server that they start, beside a busy process."""
    repeat_examples.write_examples(tmp_path)
    with repeat_examples.busy_processes(1):
        ran = repeat_examples.run_examples(tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "13 passed" in ran.stdout
