"""Where the project's own files are: in a checkout, or inside an installed wheel."""

from pathlib import Path
from typing import Final

_PACKAGE: Final = Path(__file__).resolve().parents[1]


def find_root() -> Path:
    """The folder that holds `template.yaml` and `functions/`.

    Raises:
        FileNotFoundError: neither a checkout nor a complete wheel is around this file.
    """
    for candidate in (_PACKAGE / "project", _PACKAGE.parents[1]):
        if (candidate / "template.yaml").is_file():
            return candidate
    raise FileNotFoundError("template.yaml is neither beside this package nor inside it")
