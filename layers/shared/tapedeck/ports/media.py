"""Ports for media objects and their conversion."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class StoredObject:
    """The metadata of a media object: size in bytes, entity tag, and SHA-256 in hex if it was uploaded with one."""

    size: int
    etag: str
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class PresignedUpload:
    """Where and how to upload one object with a PUT request: its URL, and the headers that it must have."""

    url: str
    headers: Mapping[str, str]


class MediaStore(Protocol):
    """The media objects (audio), by key.

    Raises:
        StoreBusy, StoreUnavailable: as for `ports.stores.Store`.
    """

    def stat(self, key: str) -> StoredObject | None:
        """Return the metadata of an object; None if it does not exist."""
        ...

    def read(self, key: str, first: int, last: int) -> bytes | None:
        """Return a range of bytes, both ends inclusive; None if the object does not exist."""
        ...

    def fetch(self, key: str, target: Path) -> bool:
        """Download an object into a file; False if it does not exist."""
        ...

    def write(self, key: str, source: Path) -> None:
        """Upload a file, replacing any existing object."""
        ...

    def delete(self, keys: Sequence[str]) -> None:
        """Delete these objects; missing ones are ignored."""
        ...

    def clear(self, key: str) -> None:
        """Replace an object, which may be missing, by an empty one, so that no presigned upload can store it again."""
        ...

    def presign(self, key: str, content_type: str) -> str:
        """Return a URL that serves the object publicly for one minute, with this content type."""
        ...

    def presign_upload(self, key: str, size: int, sha256: str, seconds: int) -> PresignedUpload:
        """Return a URL that stores an object of this size and SHA-256 (hex) within `seconds`, and replaces none.

        The upload is refused with 412 if there is an object, with 409 during another upload of it, with 400 if the
        content is another one, and with 403 after its time.
        """
        ...


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """The properties of a WAV file; `is_silent`: no sample exceeds the silence threshold."""

    milliseconds: int
    channels: int
    is_silent: bool


class Codec(Protocol):
    """Reads and converts audio files.

    Raises:
        MediaMissing: the source is not a 16-bit WAV in one or two channels, or its sample rate does not exist in MP3.
    """

    def probe(self, source: Path) -> AudioInfo:
        """Return the duration, the channels and whether the file is silent."""
        ...

    def trim(self, source: Path, target: Path) -> Path:
        """Write the audio without the silence at both ends; return `target`."""
        ...

    def downmix(self, source: Path, target: Path) -> None:
        """Mix two channels down to one."""
        ...

    def encode(self, source: Path, target: Path) -> None:
        """Encode as MP3."""
        ...
