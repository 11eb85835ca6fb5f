"""MP3s are encoded when they are first requested, and are those that a deployment has."""

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tapedeck.adapters.audio import WavCodec
from tapedeck_standin.aws.late_mp3 import LateMp3Codec
from tapedeck_standin.aws.media import MediaFolder
from tapedeck_standin.clock import VirtualClock
from tapedeck_standin.recordings.audio import Part, write_wav
from tests.conftest import TestAccount
from tests.standin.conftest import serving
from tests.standin.test_account_clocks import START, Tenant
from tests.standin.test_engine import EngineDriver

if TYPE_CHECKING:
    from tapedeck.ports.media import StoredObject

WAV = "account/recording/original.wav"
MP3 = "account/recording/original.mp3"


@pytest.fixture
def media() -> Iterator[MediaFolder]:
    """An empty folder of media."""
    with MediaFolder.temporary() as folder:
        yield folder


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A WAV of two channels."""
    path = tmp_path / "capture.wav"
    write_wav(path, [Part(2_500, is_sound=True)], [True, True])
    return path


@pytest.fixture
def encoded(tmp_path: Path, source: Path) -> bytes:
    """The MP3 of the WAV."""
    path = tmp_path / "expected.mp3"
    WavCodec().encode(source, path)
    return path.read_bytes()


@pytest.fixture
def encodings(monkeypatch: pytest.MonkeyPatch, encoded: bytes) -> list[Path]:
    """The targets of the encodings from now on."""
    del encoded  # is encoded before
    targets: list[Path] = []
    encode = WavCodec.encode

    def encode_later(codec: WavCodec, source: Path, target: Path) -> None:
        targets.append(target)
        encode(codec, source, target)

    monkeypatch.setattr(WavCodec, "encode", encode_later)
    return targets


def store(media: MediaFolder, source: Path) -> None:
    """Store a WAV and its MP3 as a conversion does, whose files are deleted then."""
    target = source.with_suffix(".mp3")
    media.write(WAV, source)
    LateMp3Codec(media).encode(source, target)
    media.write(MP3, target)
    target.unlink()
    source.unlink()


def stat(media: MediaFolder, tmp_path: Path, encoded: bytes) -> None:
    """Inspect the MP3."""
    del tmp_path
    found = media.stat(MP3)
    assert found is not None
    assert found.size == len(encoded)


def read(media: MediaFolder, tmp_path: Path, encoded: bytes) -> None:
    """Read a part of the MP3."""
    del tmp_path
    assert media.read(MP3, 10, 19) == encoded[10:20]


def fetch(media: MediaFolder, tmp_path: Path, encoded: bytes) -> None:
    """Copy the MP3 into a file."""
    assert media.fetch(MP3, tmp_path / "fetched")
    assert (tmp_path / "fetched").read_bytes() == encoded


@pytest.mark.parametrize("look", [stat, read, fetch])
def test_an_mp3_is_encoded_at_the_first_look(
    media: MediaFolder,
    source: Path,
    encoded: bytes,
    encodings: list[Path],
    tmp_path: Path,
    look: Callable[[MediaFolder, Path, bytes], None],
) -> None:
    """Storing it encodes nothing, and it is encoded once; the WAV stays what it is (C-342)."""
    content = source.read_bytes()
    store(media, source)
    assert encodings == []
    for each in (look, stat, read, fetch):
        each(media, tmp_path, encoded)
    assert len(encodings) == 1
    assert media.read(WAV, 0, len(content)) == content


def test_readers_at_the_same_time_encode_it_once(
    media: MediaFolder, source: Path, encoded: bytes, encodings: list[Path]
) -> None:
    """All of them get the same MP3."""
    store(media, source)
    found: list[StoredObject | None] = []
    threads = [threading.Thread(target=lambda: found.append(media.stat(MP3))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [media.stat(MP3)] * 4
    assert (len(encodings), media.read(MP3, 0, len(encoded))) == (1, encoded)


@pytest.mark.parametrize("is_replaced", [False, True])
def test_an_mp3_that_is_deleted_while_it_is_encoded_is_gone(
    media: MediaFolder, source: Path, monkeypatch: pytest.MonkeyPatch, *, is_replaced: bool
) -> None:
    """No file of it is left; if it is replaced, what is new is found."""
    store(media, source)
    encode, new = WavCodec.encode, source.with_name("new")
    new.write_bytes(b"MPEG")

    def delete_before(codec: WavCodec, source: Path, target: Path) -> None:
        media.delete([WAV, MP3])
        if is_replaced:
            media.write(MP3, new)
        encode(codec, source, target)

    monkeypatch.setattr(WavCodec, "encode", delete_before)
    assert media.read(MP3, 0, 9) == (b"MPEG" if is_replaced else None)
    assert len(list(media._folder.iterdir())) == (1 if is_replaced else 0)


def test_an_mp3_that_is_deleted_at_the_end_of_its_encoding_is_gone(
    media: MediaFolder, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was encoded is deleted, too."""
    store(media, source)
    encode = WavCodec.encode

    def delete_after(codec: WavCodec, source: Path, target: Path) -> None:
        encode(codec, source, target)
        media.delete([WAV, MP3])

    monkeypatch.setattr(WavCodec, "encode", delete_after)
    assert media.stat(MP3) is None
    assert list(media._folder.iterdir()) == []


def test_a_file_that_is_not_stored_is_encoded_at_once(
    media: MediaFolder, source: Path, encoded: bytes, tmp_path: Path
) -> None:
    """So is the mix of a recording, which is requested when it is made."""
    target = tmp_path / "mono.mp3"
    LateMp3Codec(media).encode(source, target)
    assert target.read_bytes() == encoded


def test_without_links_an_mp3_is_encoded_at_once(
    media: MediaFolder, source: Path, encoded: bytes, encodings: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file system may have none."""

    def refuse(*_: Any) -> None:
        raise OSError

    monkeypatch.setattr(os, "link", refuse)
    store(media, source)
    assert len(encodings) == 1
    assert (media.read(MP3, 0, len(encoded)), len(encodings)) == (encoded, 1)


def test_a_wav_of_another_place_is_copied(
    media: MediaFolder, source: Path, encoded: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A WAV that cannot be linked is the MP3 all the same."""

    def refuse(*_: Any) -> None:
        raise OSError

    monkeypatch.setattr(os, "link", refuse)
    media.write(MP3, source)
    source.unlink()
    assert media.read(MP3, 0, len(encoded)) == encoded


def test_a_recording_is_finished_without_its_mp3(
    make_account: Callable[[], TestAccount], encodings: list[Path], tmp_path: Path, aws: None
) -> None:
    """An advance encodes none; the first request for it does, and gets the whole MP3."""
    del aws  # only has to be there
    with serving(clock=VirtualClock(lambda: START, is_frozen=True)) as standin:
        tenant = Tenant(standin, make_account())
        call, recording = tenant.record(RecordingChannels="dual")
        tenant.advance(5)
        tenant.control.post(f"/calls/{call}/hangup")
        tenant.advance(1)
        assert tenant.api.get("Recordings", recording).body["status"] == "completed"
        assert encodings == []
        driver = EngineDriver(tenant.api, tenant.control, standin)
        answers = [driver.media(recording, ".mp3") for _ in range(2)]
        assert len(encodings) == 1
        source, target = tmp_path / "found.wav", tmp_path / "found.mp3"
        source.write_bytes(driver.media(recording).content)
        WavCodec().encode(source, target)
        expected = (200, target.read_bytes())
        assert [(answer.status_code, answer.content) for answer in answers] == [expected] * 2
