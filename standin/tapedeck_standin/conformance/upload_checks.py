"""Checks of uploads and of the evidence chain."""

import io
import time
import wave
from dataclasses import replace
from hashlib import sha256
from typing import Final

from tapedeck_protocol.evidence import BrokenChain, first_hash, head_of
from tapedeck_standin.conformance.journal import Records, SeenRequest
from tapedeck_standin.conformance.proxy import Forward, Interceptor
from tapedeck_standin.conformance.registry import CheckList
from tapedeck_standin.conformance.rig import QUIET_SECONDS, CheckSkipped, Rig, TestRecording, check
from tapedeck_standin.http.messages import ServerRequest, ServerResponse

CHECKS: Final = CheckList()

_SAMPLE_BITS: Final = 16
_AUDIBLE_SECONDS: Final = 0.1
_LONG_ENOUGH_SECONDS: Final = 1.2
"""A recording of less than a second becomes `absent`."""


@CHECKS.add("upload", "UPLOAD-1", "After a stop the capture is uploaded once, as WAV, and reported with its ticket.")
def upload(rig: Rig) -> None:
    """The upload follows the stop; size and hash fit the file; the recording becomes `completed`."""
    made = _recorded(rig, _LONG_ENOUGH_SECONDS)
    event = rig.expect_event(made.recording, "recording.completed").event
    stopped = rig.expect_event(made.recording, "recording.stopped")
    (request,) = rig.journal.read(lambda seen: _uploads_of(seen, made))[:1]
    check(request.number > stopped.number, "the outcome of recording.stopped before the upload", "the upload first")
    files = rig.journal.read(
        lambda seen: [put.body for put in seen.requests_to("put") if sha256(put.body).hexdigest() == event["sha256"]]
    )
    check(len(files) == 1, "one PUT of the reported file", f"{len(files)} of them")
    stated = {name: request.body.get(name) for name in ("bytes", "sha256")}
    reported = {name: event.get(name) for name in ("bytes", "sha256")}
    real = {"bytes": len(files[0]), "sha256": sha256(files[0]).hexdigest()}
    check(stated == reported == real, f"{real} in the request and in the event", f"{stated} and {reported}")
    _check_wave(files[0])
    rig.wait_for_status(made, "completed")


@CHECKS.add("upload-answer-lost", "UPLOAD-3", "A PUT that gets no answer is repeated; 412 then means that it is done.")
def upload_answer_lost(rig: Rig) -> None:
    """The file is stored, but the answer is lost; the recording is reported as completed all the same."""

    def lose(request: ServerRequest, forward: Forward) -> ServerResponse:
        forward(request)
        return ServerResponse.dropped()

    made = _recorded_with_a_bad_upload(rig, lose)
    rig.wait_for_status(made, "completed")


@CHECKS.add("upload-unavailable", "UPLOAD-3", "A PUT that is answered with 503 is repeated.")
def upload_unavailable(rig: Rig) -> None:
    """The first PUT is answered with 503; the recording is completed all the same."""
    _recorded_with_a_bad_upload(rig, lambda _request, _forward: ServerResponse(503))


@CHECKS.add("upload-damaged", "UPLOAD-3", "A PUT that is answered with 400, because the file was damaged, is repeated.")
def upload_damaged(rig: Rig) -> None:
    """The file of the first PUT arrives damaged, so that it is refused; the recording is completed all the same."""

    def damage(request: ServerRequest, forward: Forward) -> ServerResponse:
        return forward(replace(request, body=bytes(255 - byte for byte in request.body)))

    made = _recorded_with_a_bad_upload(rig, damage)
    rig.wait_for_status(made, "completed")


@CHECKS.add("upload-of-deleted", "UPLOAD-2", "An upload that is refused with `deleted` is given up.")
def upload_of_deleted(rig: Rig) -> None:
    """The request for an upload is answered with 409 `deleted`; it is not repeated, and nothing is uploaded."""

    def refuse(_request: ServerRequest, _forward: Forward) -> ServerResponse:
        return ServerResponse.of_json(409, {"refused": "deleted"})

    with rig.proxy.intercepting("uploads", refuse):
        made = _recorded(rig)
        rig.expect("a request for an upload", lambda seen: _uploads_of(seen, made))
        rig.expect_nothing(
            "second request for the upload", lambda seen: len(_uploads_of(seen, made)) > 1, QUIET_SECONDS
        )
    completed = rig.journal.read(lambda seen: seen.events_of(made.recording, "recording.completed"))
    check(not completed, "no recording.completed", [each.event for each in completed])


@CHECKS.add("upload-of-unknown", "UPLOAD-2", "An upload that is refused with 404 is requested again.")
def upload_of_unknown(rig: Rig) -> None:
    """The first request for an upload is answered with 404; the recording is completed all the same (C-277)."""
    made, count = rig.start_recording(), 0

    def refuse(request: ServerRequest, forward: Forward) -> ServerResponse:
        nonlocal count
        if count or made.recording.encode() not in request.body:
            return forward(request)
        count += 1
        return ServerResponse.of_json(404, {"refused": "unknown"})

    time.sleep(_AUDIBLE_SECONDS)
    with rig.proxy.intercepting("uploads", refuse):
        rig.update(made, "stopped")
        rig.expect_event(made.recording, "recording.completed", seconds=20)


@CHECKS.add("evidence", "EVIDENCE-1", "The evidence of the events of a recording is one chain.")
def evidence(rig: Rig) -> None:
    """The number of entries never falls; the entries at the end have every hash that was reported."""
    made = _recorded(rig)
    event = rig.expect_event(made.recording, "recording.completed", "recording.absent").event
    reported = rig.journal.read(
        lambda seen: [e.event["evidence"] for e in seen.new_events_of(made.recording) if e.event.get("evidence")]
    )
    if not reported:
        raise CheckSkipped("the connector reports no evidence")
    numbers = [each.get("n") for each in reported]
    check(numbers == sorted(numbers), "a number of entries that never falls", numbers)
    entries = event.get("evidence_entries")
    if not entries:
        raise CheckSkipped("recording.completed has no evidence_entries")
    try:
        heads = [first_hash(made.recording), *(head_of(made.recording, entries[: n + 1]) for n in range(len(entries)))]
    except (BrokenChain, TypeError, AttributeError) as broken:
        check(condition=False, expected="entries that are a chain", seen=broken)
        return
    wrong = [each for each in reported if each["n"] >= len(heads) or heads[each["n"]] != each["head"]]
    check(not wrong, "the hash of entry n in each event", wrong)


def _recorded_with_a_bad_upload(rig: Rig, answer: Interceptor) -> TestRecording:
    """Request a recording and stop it; answer its first PUT in this way, and wait until it is completed."""
    made, count = rig.start_recording(), 0

    def intercept(request: ServerRequest, forward: Forward) -> ServerResponse:
        nonlocal count
        # Captures of earlier checks may still be uploaded; the URL has the recording's id.
        if count or made.recording not in request.target:
            return forward(request)
        count += 1
        return answer(request, forward)

    time.sleep(_LONG_ENOUGH_SECONDS)
    with rig.proxy.intercepting("put", intercept):
        rig.update(made, "stopped")
        rig.expect_event(made.recording, "recording.completed", seconds=20)
    return made


def _recorded(rig: Rig, seconds: float = 0) -> TestRecording:
    """Request a recording, and stop it after some seconds."""
    made = rig.start_recording()
    time.sleep(seconds)
    rig.update(made, "stopped")
    return made


def _uploads_of(seen: Records, made: TestRecording) -> list[SeenRequest]:
    return [each for each in seen.requests_to("uploads") if (each.body or {}).get("recording") == made.recording]


def _check_wave(content: bytes) -> None:
    try:
        with wave.open(io.BytesIO(content)) as file:
            form = (file.getsampwidth() * 8, file.getframerate(), file.getnchannels())
    except (wave.Error, EOFError) as error:
        check(condition=False, expected="a WAV file", seen=error)
        return
    is_right = form[0] == _SAMPLE_BITS and form[1] in {8_000, 16_000} and form[2] in {1, 2}
    check(is_right, "16 bits, 8000 or 16000 samples per second, 1 or 2 channels", form)
