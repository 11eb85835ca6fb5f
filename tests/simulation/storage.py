"""In-memory storage of a simulation: media (only their lengths), failed batches and unencrypted keys."""

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from tapedeck.domain.errors import MediaMissing
from tapedeck.ports.media import AudioInfo, PresignedUpload, StoredObject
from tapedeck_standin.recordings.audio import Part


class MemoryObjects:
    """`ports.media.MediaStore` in memory."""

    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}

    def stat(self, key: str) -> StoredObject | None:
        """Size and ETag of an object, or None."""
        content = self.content.get(key)
        if content is None:
            return None
        return StoredObject(len(content), str(hash(content)), sha256(content).hexdigest())

    def read(self, key: str, first: int, last: int) -> bytes | None:
        """Bytes `first` to `last`, inclusive."""
        content = self.content.get(key)
        return content[first : last + 1] if content is not None else None

    def fetch(self, key: str, target: Path) -> bool:
        """Copy an object to a file; return whether it exists."""
        if key not in self.content:
            return False
        target.write_bytes(self.content[key])
        return True

    def write(self, key: str, source: Path) -> None:
        """Store a file."""
        self.content[key] = source.read_bytes()

    def upload(self, key: str, source: Path) -> None:
        """Store a capture where its upload goes; `key` is that of the audio which is made of it."""
        self.write(key.replace("original", "capture"), source)

    def uploaded(self, key: str) -> bytes:
        """Return a capture that was stored by `upload` and not deleted since."""
        return self.content[key.replace("original", "capture")]

    def delete(self, keys: Sequence[str]) -> None:
        """Delete the objects."""
        for key in keys:
            self.content.pop(key, None)

    def clear(self, key: str) -> None:
        """Store an empty object."""
        self.content[key] = b""

    def presign(self, key: str, content_type: str) -> str:
        """Return a placeholder URL."""
        return f"https://media.example/{key}?{content_type}"

    def presign_upload(self, key: str, size: int, sha256: str, seconds: int) -> PresignedUpload:
        """Return a placeholder URL."""
        return PresignedUpload(f"https://media.example/{key}?{size}&{seconds}", {"x-amz-checksum-sha256": sha256})


def write_length(target: Path, parts: Sequence[Part], channels: Sequence[bool]) -> None:
    """Write, in place of audio, the length, the number of channels and whether the audio is silent."""
    milliseconds = sum(part.milliseconds for part in parts)
    is_silent = not any(part.is_sound and part.milliseconds for part in parts)
    target.write_text(f"{milliseconds} {len(channels)} {int(is_silent)}", encoding="ascii")


class LengthCodec:
    """`ports.media.Codec` for files of `write_length`."""

    def probe(self, source: Path) -> AudioInfo:
        """Read length, channels and silence."""
        try:
            milliseconds, channels, is_silent = map(int, source.read_text(encoding="ascii").split())
        except ValueError as error:
            raise MediaMissing from error
        return AudioInfo(milliseconds, channels, bool(is_silent))

    def trim(self, source: Path, target: Path) -> Path:
        """Copy the file: it has no silence at its ends."""
        target.write_bytes(source.read_bytes())
        return target

    def downmix(self, source: Path, target: Path) -> None:
        """Write the file with one channel."""
        sound = self.probe(source)
        target.write_text(f"{sound.milliseconds} 1 {int(sound.is_silent)}", encoding="ascii")

    def encode(self, source: Path, target: Path) -> None:
        """Write different bytes for another format."""
        target.write_bytes(b"MP3 " + source.read_bytes())


class MemoryFailedBatches:
    """`ports.messaging.FailedBatchStore`: failed stream batches in the format that Lambda writes to the bucket."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def keep(self, record: Mapping[str, Any]) -> None:
        """Store a batch with one record that could not be published."""
        payload = json.dumps({"Records": [record]})
        self.kept[f"failure-{len(self.kept):06d}"] = json.dumps({"payload": payload}).encode()

    def list(self, limit: int, after: str | None = None) -> Sequence[str]:
        """List the oldest keys after `after`."""
        return sorted(key for key in self.kept if key > (after or ""))[:limit]

    def read(self, key: str) -> bytes:
        """Read one batch."""
        return self.kept[key]

    def delete(self, key: str) -> None:
        """Delete one batch."""
        del self.kept[key]


class PlainDecryptor:
    """`ports.messaging.Decryptor` for keys that are not encrypted."""

    def decrypt(self, account: str, encrypted: bytes) -> str:
        """Return the key."""
        del account
        return encrypted.decode()
