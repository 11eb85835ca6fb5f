"""What lies somewhere in a simulation: media, which are but their lengths, batches that failed, and keys."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tapedeck.domain.errors import MediaMissing
from tapedeck.ports.stores import AudioInfo, StoredObject
from tapedeck_standin.telephony.audio import Part


class MemoryObjects:
    """`ports.stores.MediaStore` in memory."""

    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}

    def stat(self, key: str) -> StoredObject | None:
        """What is there."""
        content = self.content.get(key)
        return StoredObject(len(content), str(hash(content))) if content is not None else None

    def read(self, key: str, first: int, last: int) -> bytes | None:
        """Bytes of it."""
        content = self.content.get(key)
        return content[first : last + 1] if content is not None else None

    def fetch(self, key: str, target: Path) -> bool:
        """Put it into a file."""
        if key not in self.content:
            return False
        target.write_bytes(self.content[key])
        return True

    def write(self, key: str, source: Path) -> None:
        """Keep a file's content."""
        self.content[key] = source.read_bytes()

    def delete(self, keys: Sequence[str]) -> None:
        """Nothing is left of these."""
        for key in keys:
            self.content.pop(key, None)

    def presign(self, key: str, content_type: str) -> str:
        """An address that leads nowhere."""
        return f"https://media.example/{key}?{content_type}"


def write_length(target: Path, parts: Sequence[Part], heard: Sequence[bool]) -> None:
    """In place of `sound.write_wav`: how long it is, in how many channels, and whether anything is in it."""
    milliseconds = sum(part.milliseconds for part in parts)
    is_silent = not any(part.is_sound and part.milliseconds for part in parts)
    target.write_text(f"{milliseconds} {len(heard)} {int(is_silent)}", encoding="ascii")


class LengthCodec:
    """`ports.stores.Codec` of what `write_length` has written."""

    def probe(self, source: Path) -> AudioInfo:
        """What is in it."""
        try:
            milliseconds, channels, is_silent = map(int, source.read_text(encoding="ascii").split())
        except ValueError as error:
            raise MediaMissing from error
        return AudioInfo(milliseconds, channels, bool(is_silent))

    def trim(self, source: Path, target: Path) -> Path:
        """The same: there is no silence at its ends."""
        target.write_bytes(source.read_bytes())
        return target

    def downmix(self, source: Path, target: Path) -> None:
        """One channel."""
        sound = self.probe(source)
        target.write_text(f"{sound.milliseconds} 1 {int(sound.is_silent)}", encoding="ascii")

    def encode(self, source: Path, target: Path) -> None:
        """Something else."""
        target.write_bytes(b"MP3 " + source.read_bytes())


class MemoryFailures:
    """`ports.messaging.FailedBatchStore`: batches of the stream, as Lambda leaves them in a bucket."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def keep(self, record: Mapping[str, Any]) -> None:
        """One record that could not be told of."""
        payload = json.dumps({"Records": [record]})
        self.kept[f"failure-{len(self.kept):06d}"] = json.dumps({"payload": payload}).encode()

    def list(self, most: int, after: str | None = None) -> Sequence[str]:
        """The oldest, behind another."""
        return sorted(key for key in self.kept if key > (after or ""))[:most]

    def read(self, key: str) -> bytes:
        """One."""
        return self.kept[key]

    def delete(self, key: str) -> None:
        """One less."""
        del self.kept[key]


class PlainOpener:
    """`ports.messaging.Opener` of what was never sealed."""

    def decrypt(self, account: str, sealed: bytes) -> str:
        """The secret."""
        del account
        return sealed.decode()
