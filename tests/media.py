"""Test support for recordings with audio: store a capture, finish a recording, read WAV and MP3."""

import io
import tempfile
import wave
from array import array
from functools import cache
from hashlib import sha256
from pathlib import Path

from tapedeck.adapters.audio import WavCodec
from tapedeck.domain.recording import Recording, RecordingStatus
from tapedeck.http.services import ApiServices
from tapedeck.operations.media import capture_key
from tapedeck_standin.recordings.audio import Part, make_wav


def capture(service: ApiServices, recording: Recording, content: bytes) -> Recording:
    """Store bytes as the capture of a recording, and note them if it is stopped; return the recording."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "capture.wav"
        path.write_bytes(content)
        service.media._objects.write(capture_key(recording), path)
    digest, now = sha256(content).hexdigest(), service.clock() // 1000
    noted = service.media._store.note_capture(recording.parent, recording.id, len(content), digest, now)
    assert noted is not None
    return noted


def finish(service: ApiServices, recording: Recording, *, channels: int = 1, seconds: float = 2) -> Recording:
    """Stop a recording and complete it with a capture of this many seconds."""
    service.recordings.update(recording.parent, recording.id, RecordingStatus.STOPPED)
    capture(service, recording, sound(seconds, channels))
    return service.media.complete(recording.parent, recording.id)


@cache
def sound(seconds: float, channels: int = 1) -> bytes:
    """Return a WAV with a different tone in each channel."""
    return make_wav([Part(round(seconds * 1000), is_sound=True)], [True] * channels)


@cache
def encoded(content: bytes) -> bytes:
    """Encode a WAV as MP3."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "source.wav", Path(folder) / "target.mp3"
        source.write_bytes(content)
        WavCodec().encode(source, target)
        return target.read_bytes()


def samples_of(content: bytes) -> list[list[int]]:
    """Return the samples of a WAV, one list per channel."""
    with wave.open(io.BytesIO(content)) as file:
        samples = array("h", file.readframes(file.getnframes()))
        return [list(samples[channel :: file.getnchannels()]) for channel in range(file.getnchannels())]


def mp3_frames(content: bytes) -> list[tuple[int, int, int]]:
    """Return the frames of an MP3 in order: bits per second, samples per second, channels (ISO 13818-3).

    Raises:
        AssertionError: some bytes are not an MP3 frame.
    """
    found, place = [], 0
    rates = {3: [44_100, 48_000, 32_000], 2: [22_050, 24_000, 16_000], 0: [11_025, 12_000, 8_000]}
    while place < len(content):
        head = int.from_bytes(content[place : place + 4], "big")
        version, layer, speed = head >> 19 & 3, head >> 17 & 3, head >> 10 & 3
        assert (head >> 21, layer) == (0x7FF, 1), f"no frame at byte {place}"
        kilobits = (_KILOBITS_1 if version == 3 else _KILOBITS_2)[head >> 12 & 15]
        rate = rates[version][speed]
        found.append((kilobits * 1000, rate, 1 if head >> 6 & 3 == 3 else 2))
        place += (144 if version == 3 else 72) * kilobits * 1000 // rate + (head >> 9 & 1)
    return found


_KILOBITS_1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KILOBITS_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
