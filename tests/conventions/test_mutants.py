"""The list of mutants fits the code: every mutant applies, and the tests that must notice it exist."""

import ast
from collections import Counter
from collections.abc import Sequence
from typing import Final

import pytest

from scripts.mutants import Mutant, Result, Tree, main, pass_unchanged, read_mutants, select
from tests.client import ROOT

MUTANTS: Final = read_mutants()


def test_the_list_is_long_enough() -> None:
    """At least 120 mutants have different names and cover each layer, the dialects and the template."""
    assert len(MUTANTS) >= 120
    assert [name for name, number in Counter(mutant.name for mutant in MUTANTS).items() if number > 1] == []
    files = {mutant.file for mutant in MUTANTS}
    places = (
        "adapters/dynamodb", "adapters/webhooks", "background", "dialects/signalwire", "dialects/twilio", "domain",
        "http", "operations",
    )  # fmt: skip
    wanted = {f"layers/shared/tapedeck/{place}/" for place in places} | {"template.yaml"}
    assert {place for place in wanted if not any(file.startswith(place) for file in files)} == set()


def test_every_mutant_applies() -> None:
    """The old text occurs exactly once in the file; the changed file is another one, and is valid Python."""
    faults = []
    for mutant in MUTANTS:
        original = (ROOT / mutant.file).read_text(encoding="utf-8")
        changed = mutant.apply(original)
        if changed is None or changed == original:
            faults.append(f"{mutant.name}: the old text occurs {original.count(mutant.old)} times in {mutant.file}")
        elif mutant.file.endswith(".py"):
            ast.parse(changed, mutant.name)
    assert faults == []


def test_the_tests_of_every_mutant_exist() -> None:
    """Each mutant names a test file, or a test function in it."""
    missing = []
    for mutant in MUTANTS:
        assert mutant.tests, mutant.name
        for test in mutant.tests:
            path, _, name = test.partition("::")
            file = ROOT / path
            function = f"def {name.partition('[')[0]}("
            if not file.is_file() or (name and function not in file.read_text(encoding="utf-8")):
                missing.append(f"{mutant.name}: {test}")
    assert missing == []


def test_ten_tenths_are_the_whole_list() -> None:
    """Each mutant is in one of ten parts of about the same size."""
    parts = [select(MUTANTS, str(tenth), "") for tenth in range(10)]
    assert sorted((mutant for part in parts for mutant in part), key=lambda mutant: mutant.name) == MUTANTS
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    assert select(MUTANTS, "auto", "") in parts


@pytest.mark.parametrize(
    ("survives", "outcome", "is_expected"),
    [
        ("", "caught", True),
        ("", "survived", False),
        ("", "does not apply", False),
        ("", "no test ran", False),
        ("no test can notice it", "survived", True),
        ("no test can notice it", "caught", False),
    ],
)
def test_a_survivor_needs_an_explanation(survives: str, outcome: str, *, is_expected: bool) -> None:
    """A mutant must be caught, or must survive as the list explains."""
    mutant = Mutant("name", "file", "old", "new", ("test",), survives)
    assert Result(mutant, outcome, 1.0).is_expected == is_expected
    assert mutant.apply("an old text") == "an new text"
    assert mutant.apply("an old old text") is None
    assert mutant.apply("a text") is None


class RecordingTree(Tree):
    """A tree without files that notes which tests it is to run."""

    def __init__(self) -> None:
        self.ran: list[list[str]] = []

    def test(self, tests: Sequence[str], seconds: int = 0) -> tuple[int, str]:
        """Note the tests; all pass."""
        del seconds
        self.ran.append([*tests])
        return 0, "1 passed"


def test_only_tests_of_mutants_are_run() -> None:
    """A copy of the tree for which no file of tests is left runs nothing: pytest without paths runs all tests."""
    copies = [RecordingTree(), RecordingTree(), RecordingTree()]
    mutants = [Mutant(name, "file", "old", "new", ("tests/a.py::test_a",)) for name in ("one", "two", "three")]
    assert pass_unchanged(mutants, copies)
    assert [copy.ran for copy in copies] == [[["tests/a.py::test_a"]], [], []]


def test_nothing_selected_is_an_error() -> None:
    """A name that no mutant has ends with status 2, before any test runs."""
    with pytest.raises(SystemExit) as ended:
        main(["--only", "no mutant has this name"])
    assert ended.value.code == 2
