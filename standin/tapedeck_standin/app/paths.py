"""Location of the project's files: a source checkout or an installed wheel."""

from pathlib import Path
from typing import Final

_PACKAGE: Final = Path(__file__).resolve().parents[1]


def find_root() -> Path:
    """Return the folder that holds the template and `functions/`.

    Raises:
        FileNotFoundError: this package is neither in a checkout nor in a complete wheel.
    """
    for candidate in (_PACKAGE / "project", _PACKAGE.parents[1]):
        if any((candidate / name).is_file() for name in ("template.json", "template.yaml")):
            return candidate
    raise FileNotFoundError("the template is neither beside this package nor inside it")
