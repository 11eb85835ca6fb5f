"""How a simulated engine delivers the media of a finished capture."""

import hashlib
import tempfile
from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from tapedeck.ports.clock import Clock
from tapedeck_standin.recordings.audio import MAX_SECONDS, RATE, write_wav
from tapedeck_standin.recordings.captures import Capture
from tapedeck_standin.recordings.commands import EventReporter

Upload = Callable[[Mapping[str, Any], Path], int]
"""Sends a file to the address in an upload's answer; returns the HTTP status."""

MissingMediaFault = Callable[[str], int | None]
"""Returns the error code if the next recording of this account must have no media; otherwise None."""

_ABSENCE_REASONS: Final = {16101: "too_short", 16102: "only_silence"}
"""The protocol's word for a vendor's error code of a recording without media; `failed` for any other."""

_STORED: Final = frozenset({200, 412})
"""Statuses of an upload that leave a capture stored: now, or by an earlier upload."""

_REPEATED: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS})
"""Refusals below 500 after which the same request is sent again, for ever."""

UNKNOWN_MS: Final = 300_000
"""For how long a request that is answered with 404 is sent again."""


class CaptureUploader:
    """Writes the WAV file of a capture, uploads it, and reports the result.

    Args:
        post: sends a request to a route of the engine API.
        upload: sends a file.
        missing_media_fault: returns the error code if the next recording of an account must have no media.
        report: reports an event.
        log: receives a line for each capture that Tapedeck does not accept.
        clock: milliseconds since the epoch.
    """

    def __init__(
        self,
        post: Callable[[str, dict[str, Any]], tuple[int, Mapping[str, Any]]],
        upload: Upload,
        missing_media_fault: MissingMediaFault,
        report: EventReporter,
        log: Callable[[str], object],
        clock: Clock,
    ) -> None:
        self._post = post
        self._upload = upload
        self._missing_media_fault = missing_media_fault
        self._report = report
        self._log = log
        self._clock = clock

    def finish(self, capture: Capture) -> bool:
        """Deliver the media of a capture; return False if that must be tried again."""
        error = self._missing_media_fault(capture.account)
        if error is not None or capture.milliseconds == 0:
            reason = "too_short" if error is None else _ABSENCE_REASONS.get(error, "failed")
            self._report(capture.parent["id"], {**_subject("recording.absent", capture), "reason": reason})
            return True
        with tempfile.TemporaryDirectory() as folder:
            wav_file = Path(folder) / "capture.wav"
            write_wav(wav_file, capture.parts, capture.audible_channels)
            return self._deliver(capture, wav_file)

    def _deliver(self, capture: Capture, wav_file: Path) -> bool:
        with wav_file.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        size = wav_file.stat().st_size
        request = {
            "account": capture.account, "parent": capture.parent, "recording": capture.recording, "bytes": size,
            "sha256": digest, "content_type": "audio/wav",
        }  # fmt: skip
        status, answer = self._post("uploads", request)
        if status != HTTPStatus.OK:
            return self._is_final(capture, status, answer)
        if self._upload(answer, wav_file) not in _STORED:
            return False
        samples = min(capture.milliseconds, MAX_SECONDS * 1000) * RATE // 1000
        capture.seal(digest, size, samples)
        self._report(
            capture.parent["id"],
            {
                **_subject("recording.completed", capture),
                "ticket": answer["ticket"],
                "bytes": size,
                "samples": samples,
                "rate": RATE,
                "channels": capture.channels,
                "sha256": digest,
                "evidence_entries": list(capture.evidence.entries),
                "recovered": False,
                "lost_ms": 0,
            },
        )
        return True

    def _is_final(self, capture: Capture, status: int, answer: Mapping[str, Any]) -> bool:
        """Whether a refused upload is given up: at once, but with 404 only after five minutes (C-277)."""
        if status in _REPEATED or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return False
        if status == HTTPStatus.NOT_FOUND:
            now = self._clock()
            if capture.unknown_since is None:
                capture.unknown_since = now
            if now - capture.unknown_since < UNKNOWN_MS:
                return False
        refused = str(answer.get("refused"))
        self._log(f"engine: the media of recording {capture.recording} were not accepted: {refused}")
        return True


def _subject(event_type: str, capture: Capture) -> dict[str, Any]:
    return {
        "type": event_type, "account": capture.account, "parent": capture.parent, "recording": capture.recording,
        "evidence": capture.evidence_state,
    }  # fmt: skip
