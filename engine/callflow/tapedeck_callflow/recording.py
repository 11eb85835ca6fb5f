"""`<Record>`, and recordings that run beside the verbs."""

from dataclasses import replace

from tapedeck_callflow import verbs
from tapedeck_callflow.effects import Callback, Capture, CaptureStop, Record, Stop
from tapedeck_callflow.events import Recorded
from tapedeck_callflow.gathering import action_or_current
from tapedeck_callflow.prompts import SECOND_MS
from tapedeck_callflow.requests import last_request
from tapedeck_callflow.run import Interrupted, Outcome, Request, Run, Steps


def record(run: Run, verb: verbs.Record) -> Steps[Outcome]:
    """Execute a `<Record>`: the request with the recording, or None when nothing was said (SignalWire: never)."""
    n = run.emit(
        Record,
        verb.max_length * SECOND_MS,
        verb.timeout * SECOND_MS or None,
        verb.finish_on_key,
        verb.play_beep,
        run.capture_settings(verb.settings),
        verb.transcribe,
        _transcription_callback(run, verb),
    )
    run.waits_for("speech", "digits")
    try:
        recorded = yield from run.answer(n, Recorded)
    except Interrupted:
        run.emit(Stop, n)
        recorded = yield from run.answer(n, Recorded, cleanup=True)
        if run.was_hung_up and _is_reported(run, recorded):
            yield from last_request(run, lambda: _request(run, verb, recorded))
        raise
    return _request(run, verb, recorded) if _is_reported(run, recorded) else None


def start_recording(run: Run, verb: verbs.StartRecording) -> None:
    """Execute a `<Start><Recording>`."""
    run.capture = run.emit(Capture, run.capture_settings(verb.settings))


def stop_recording(run: Run) -> None:
    """Stop what `start_recording` began."""
    if run.capture is not None:
        run.emit(CaptureStop, run.capture)
        run.capture = None


def _transcription_callback(run: Run, verb: verbs.Record) -> Callback | None:
    return run.callback(verbs.Subscription(verb.transcribe_callback, "POST", ("completed", "failed")))


def _is_reported(run: Run, recorded: Recorded) -> bool:
    return not recorded.empty or run.facts.dialect == "signalwire"


def _request(run: Run, verb: verbs.Record, recorded: Recorded) -> Request:
    digits = "hangup" if run.was_hung_up else recorded.key
    # Nothing was said: SignalWire's length is 0.
    ms = 0 if recorded.empty else recorded.ms
    parameters = {"RecordingDuration": str(ms // SECOND_MS)}
    if digits:
        parameters["Digits"] = digits
    request = action_or_current(run, verb.action, verb.method, parameters)
    return replace(request, recording=recorded.recording, recorded_ms=ms)
