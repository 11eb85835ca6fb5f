"""Print a warning for each new commit subject that is not `area: imperative summary` of at most 72 characters.

Commits older than this script are not checked. The exit status is always 0.
"""

import re
import subprocess
from pathlib import Path
from typing import Final

MAX_LENGTH: Final = 72

_SUBJECT: Final = re.compile(r"(?P<areas>[\w./*-]+(, [\w./*-]+)*): (?P<verb>[a-z]\S*)( .+)?")
_NOT_IMPERATIVE: Final = re.compile(r"\w+(?:ed|ing)|adds|fixes|makes|moves|removes|renames|rewrites|updates|uses")
_IMPERATIVES: Final = {"bring", "feed", "embed", "need", "seed", "shed", "speed", "string", "proceed", "exceed"}


def problems_of(subject: str) -> list[str]:
    """Return the violations of a commit subject; empty if it follows the rule."""
    problems = []
    if len(subject) > MAX_LENGTH:
        problems.append(f"has {len(subject)} characters, more than {MAX_LENGTH}")
    match = _SUBJECT.fullmatch(subject)
    if match is None:
        problems.append("is not `area: imperative summary`")
    elif _NOT_IMPERATIVE.fullmatch(match["verb"]) and match["verb"] not in _IMPERATIVES:
        problems.append(f"begins with {match['verb']!r}, which is not an imperative")
    return problems


def new_subjects(repository: Path, since: str) -> list[str]:
    """Return the subjects of the commits after the one that added the file `since`, newest first."""
    added = _git(repository, "log", "--diff-filter=A", "--format=%H", "--", since)
    return _git(repository, "log", "--no-merges", "--format=%s", f"{added[-1]}..HEAD") if added else []


def _git(repository: Path, *arguments: str) -> list[str]:
    result = subprocess.run(["git", "-C", str(repository), *arguments], capture_output=True, text=True, check=True)
    return result.stdout.splitlines()


def main() -> None:
    """Check the repository that contains this script."""
    script = Path(__file__).resolve()
    root = script.parents[1]
    try:
        subjects = new_subjects(root, str(script.relative_to(root)))
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"warning: commit subjects are not checked: {error}")
        return
    for subject in subjects:
        for problem in problems_of(subject):
            print(f"warning: commit subject {subject!r} {problem}")


if __name__ == "__main__":
    main()
