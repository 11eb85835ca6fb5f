"""Which commit subjects the gate warns about."""

import subprocess
from pathlib import Path

import pytest

from scripts.commit_subjects import new_subjects, problems_of


@pytest.mark.parametrize(
    "subject",
    [
        "engine: ignore expired requests when an engine event arrives",
        "layer, standin: rename private names to the field's standard terms",
        "tests/unit: seed the random source",
        "adapters: " + "x" * 62,
    ],
)
def test_a_subject_with_area_and_imperative_is_accepted(subject: str) -> None:
    """`area: imperative summary` of at most 72 characters causes no warning."""
    assert problems_of(subject) == []


@pytest.mark.parametrize(
    ("subject", "problem"),
    [
        ("Let an expired request override nothing", "is not `area: imperative summary`"),
        ("engine: Ignore expired requests", "is not `area: imperative summary`"),
        ("engine: ignored expired requests", "begins with 'ignored', which is not an imperative"),
        ("engine: fixes a race", "begins with 'fixes', which is not an imperative"),
        ("adapters: " + "x" * 63, "has 73 characters, more than 72"),
    ],
)
def test_another_subject_causes_a_warning(subject: str, problem: str) -> None:
    """A subject without area, not in the imperative, or too long is reported with the reason."""
    assert problems_of(subject) == [problem]


def test_only_commits_after_the_rule_are_checked(tmp_path: Path) -> None:
    """Subjects up to the commit that added the script are not checked."""

    def git(*arguments: str) -> None:
        subprocess.run(["git", "-C", str(tmp_path), *arguments], check=True, capture_output=True)

    def commit(subject: str) -> None:
        git("-c", "user.name=A", "-c", "user.email=a@example.com", "commit", "--allow-empty", "-qm", subject)

    git("init", "-q")
    commit("An older subject")
    (tmp_path / "rule.py").touch()
    git("add", "rule.py")
    commit("gate: add the rule")
    commit("First")
    commit("Second")
    assert new_subjects(tmp_path, "rule.py") == ["Second", "First"]
    assert new_subjects(tmp_path, "absent.py") == []
