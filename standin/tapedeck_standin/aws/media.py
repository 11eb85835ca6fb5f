"""A double of the media bucket: the objects are files in a temporary folder."""

import os
import threading
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from hashlib import file_digest, md5
from http import HTTPStatus
from itertools import count
from pathlib import Path
from shutil import copyfile, copyfileobj
from tempfile import TemporaryDirectory
from typing import BinaryIO, Final
from urllib.parse import quote, unquote, urlencode, urlsplit

from tapedeck.adapters.audio import WavCodec
from tapedeck.ports.media import PresignedUpload, StoredObject

_ORIGIN: Final = "https://media.invalid"
"""No server has this name: uploads are redirected to the stand-in (`UploadWire`)."""

_COPIED_AT_ONCE: Final = 1 << 20
"""Bytes."""

_WAV: Final = b"RIFF"
"""The first bytes of a WAV."""


@dataclass(slots=True, eq=False)
class _Object:
    """An object: its file, and its metadata; None for an MP3 that is to be encoded from the WAV in the file.

    The content of a file never changes. `encoding` is held by the thread that encodes the MP3.
    """

    path: Path
    stored: StoredObject | None
    encoding: threading.Lock = field(default_factory=threading.Lock)


class MediaFolder:
    """`ports.media.MediaStore` in a folder, and the rules of an upload to a presigned URL. Thread-safe.

    Args:
        folder: the folder, which has no other files.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = count(1)
        self._lock = threading.Lock()
        self._objects: dict[str, _Object] = {}
        self._last = threading.local()

    @classmethod
    @contextmanager
    def temporary(cls) -> Iterator["MediaFolder"]:
        """Provide a store in a folder that is deleted in the end."""
        with TemporaryDirectory(prefix="tapedeck-media-") as folder:
            yield cls(Path(folder))

    def stat(self, key: str) -> StoredObject | None:
        """Return the metadata of an object; None if it does not exist."""
        found = self._find(key)
        return found.stored if found is not None else None

    def read(self, key: str, first: int, last: int) -> bytes | None:
        """Return a range of bytes, both ends inclusive; None if the object does not exist."""
        file = self._open(key)
        if file is None:
            return None
        with file:
            file.seek(first)
            return file.read(last - first + 1)

    def fetch(self, key: str, target: Path) -> bool:
        """Copy an object into a file; False if it does not exist."""
        file = self._open(key)
        if file is None:
            return False
        with file, target.open("wb") as copy:
            copyfileobj(file, copy, _COPIED_AT_ONCE)
        return True

    def write(self, key: str, source: Path) -> None:
        """Store a copy of a file, replacing any existing object. A WAV as an MP3 is encoded when it is first read."""
        if key.endswith(".mp3") and _is_wav(source):
            path = self._new_path()
            try:
                os.link(source, path)
            except OSError:  # it is in another file system
                copyfile(source, path)
            self._store(key, _Object(path, None))
            return
        path, stored = self._copied(source)
        self._store(key, _Object(path, stored))
        self._last.stored = source, path

    def last_stored(self, source: Path) -> Path | None:
        """Return the file with the object that this thread has written last, if it wrote it from this source."""
        before, path = getattr(self._last, "stored", (None, None))
        return path if before == source else None

    def delete(self, keys: Sequence[str]) -> None:
        """Delete these objects; missing ones are ignored."""
        with self._lock:
            for key in keys:
                found = self._objects.pop(key, None)
                if found is not None:
                    found.path.unlink()

    def delete_account(self, account: str) -> None:
        """Delete all objects of an account: its id is the first part of their keys."""
        self.delete([key for key in list(self._objects) if key.startswith(f"{account}/")])

    def clear(self, key: str) -> None:
        """Replace an object, which may be missing, by an empty one, so that no upload can store it again."""
        path = self._new_path()
        path.touch()
        self._store(key, _Object(path, StoredObject(0, _etag(path))))

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
        if self._store(key, _Object(path, StoredObject(copied.size, copied.etag, sha256)), is_new=True):
            return HTTPStatus.OK
        path.unlink()
        return HTTPStatus.PRECONDITION_FAILED

    def _find(self, key: str) -> _Object | None:
        """Return an object, whose MP3 is encoded first if that is still to be done; None if it does not exist."""
        while (found := self._objects.get(key)) is not None and found.stored is None:
            self._encode(key, found)
        return found

    def _open(self, key: str) -> BinaryIO | None:
        while (found := self._find(key)) is not None:
            with self._lock:
                if self._objects.get(key) is found:
                    return found.path.open("rb")
        return None

    def _encode(self, key: str, found: _Object) -> None:
        """Encode the MP3 of an object, unless another thread has done so or the object is replaced or deleted."""
        with found.encoding:
            if found.stored is not None or self._objects.get(key) is not found:
                return
            path = self._new_path()
            try:
                WavCodec().encode(found.path, path)
            except FileNotFoundError:
                if self._objects.get(key) is found:
                    raise
                return  # deleted meanwhile
            stored = StoredObject(path.stat().st_size, _etag(path))
            with self._lock:
                is_kept = self._objects.get(key) is found
                (found.path if is_kept else path).unlink()
                if is_kept:
                    found.path, found.stored = path, stored

    def _new_path(self) -> Path:
        return self._folder / str(next(self._numbers))

    def _copied(self, source: Path) -> tuple[Path, StoredObject]:
        path = self._new_path()
        copyfile(source, path)
        return path, StoredObject(path.stat().st_size, _etag(path))

    def _store(self, key: str, made: _Object, *, is_new: bool = False) -> bool:
        """Store an object; return False if there is one already, but should not be."""
        with self._lock:
            before = self._objects.get(key)
            if is_new and before is not None:
                return False
            self._objects[key] = made
            if before is not None:
                before.path.unlink()
        return True


def _is_wav(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_WAV)) == _WAV


def _etag(path: Path) -> str:
    with path.open("rb") as file:
        return f'"{file_digest(file, partial(md5, usedforsecurity=False)).hexdigest()}"'
