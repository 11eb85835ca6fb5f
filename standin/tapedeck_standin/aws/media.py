"""A double of the media bucket: the objects are files in a temporary folder."""

import threading
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import md5
from http import HTTPStatus
from itertools import count
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory
from typing import Final
from urllib.parse import quote, unquote, urlencode, urlsplit

from tapedeck.ports.media import PresignedUpload, StoredObject

_ORIGIN: Final = "https://media.invalid"
"""No server has this name: uploads are redirected to the stand-in (`UploadWire`)."""


class MediaFolder:
    """`ports.media.MediaStore` in a folder, and the rules of an upload to a presigned URL. Thread-safe.

    Args:
        folder: the folder, which has no other files.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = count(1)
        self._lock = threading.Lock()
        self._objects: dict[str, tuple[Path, StoredObject]] = {}
        """File and metadata of each object; a file never changes."""

    @classmethod
    @contextmanager
    def temporary(cls) -> Iterator["MediaFolder"]:
        """Provide a store in a folder that is deleted in the end."""
        with TemporaryDirectory(prefix="tapedeck-media-") as folder:
            yield cls(Path(folder))

    def stat(self, key: str) -> StoredObject | None:
        """Return the metadata of an object; None if it does not exist."""
        found = self._objects.get(key)
        return found[1] if found is not None else None

    def read(self, key: str, first: int, last: int) -> bytes | None:
        """Return a range of bytes, both ends inclusive; None if the object does not exist."""
        with self._lock:
            if key not in self._objects:
                return None
            file = self._objects[key][0].open("rb")
        with file:
            file.seek(first)
            return file.read(last - first + 1)

    def fetch(self, key: str, target: Path) -> bool:
        """Copy an object into a file; False if it does not exist."""
        with self._lock:
            if key not in self._objects:
                return False
            copyfile(self._objects[key][0], target)
        return True

    def write(self, key: str, source: Path) -> None:
        """Store a copy of a file, replacing any existing object."""
        self._store(key, *self._copied(source))

    def delete(self, keys: Sequence[str]) -> None:
        """Delete these objects; missing ones are ignored."""
        with self._lock:
            for key in keys:
                found = self._objects.pop(key, None)
                if found is not None:
                    found[0].unlink()

    def delete_account(self, account: str) -> None:
        """Delete all objects of an account: its id is the first part of their keys."""
        self.delete([key for key in list(self._objects) if key.startswith(f"{account}/")])

    def clear(self, key: str) -> None:
        """Replace an object, which may be missing, by an empty one, so that no upload can store it again."""
        path = self._new_path()
        path.touch()
        self._store(key, path, StoredObject(0, _etag(path)))

    def presign(self, key: str, content_type: str) -> str:
        """Return a URL that no server answers: in the stand-in, all media are in the response itself."""
        return f"{_ORIGIN}/{quote(key)}?{urlencode({'response-content-type': content_type})}"

    def presign_upload(self, key: str, size: int, sha256: str, seconds: int) -> PresignedUpload:
        """Return a URL and headers for `upload`."""
        checksum = b64encode(bytes.fromhex(sha256)).decode()
        query = urlencode({"bytes": size, "sha256": sha256, "seconds": seconds})
        return PresignedUpload(
            f"{_ORIGIN}/{quote(key)}?{query}", {"If-None-Match": "*", "x-amz-checksum-sha256": checksum}
        )

    def upload(self, url: str, headers: Mapping[str, str], file: Path) -> HTTPStatus:
        """Do what a `PUT` with these headers to a URL of `presign_upload` does; return the HTTP status."""
        given = {name.lower(): value for name, value in headers.items()}
        path, copied = self._copied(file)
        sha256 = b64decode(given["x-amz-checksum-sha256"]).hex()
        key = unquote(urlsplit(url).path).removeprefix("/")
        if self._store(key, path, StoredObject(copied.size, copied.etag, sha256), is_new=True):
            return HTTPStatus.OK
        path.unlink()
        return HTTPStatus.PRECONDITION_FAILED

    def _new_path(self) -> Path:
        return self._folder / str(next(self._numbers))

    def _copied(self, source: Path) -> tuple[Path, StoredObject]:
        path = self._new_path()
        copyfile(source, path)
        return path, StoredObject(path.stat().st_size, _etag(path))

    def _store(self, key: str, path: Path, stored: StoredObject, *, is_new: bool = False) -> bool:
        """Make a file an object; return False if there is one already, but should not be."""
        with self._lock:
            before = self._objects.get(key)
            if is_new and before is not None:
                return False
            self._objects[key] = path, stored
            if before is not None:
                before[0].unlink()
        return True


def _etag(path: Path) -> str:
    return f'"{md5(path.read_bytes(), usedforsecurity=False).hexdigest()}"'
