"""`<Dial>`: other parties, conferences, and the request that follows."""

from dataclasses import replace
from typing import Final

from tapedeck_callflow import verbs
from tapedeck_callflow.effects import Connect, Dial, Join, Party, Stop, Whisper
from tapedeck_callflow.events import Connected, DialEnded, Left, Redirected, StreamEnded
from tapedeck_callflow.prompts import SECOND_MS
from tapedeck_callflow.requests import last_request
from tapedeck_callflow.run import Interrupted, Outcome, Request, Run, Steps

CALLER_ID: Final = 13214
COACH: Final = 13240
WAIT_URL: Final = 13233

WITHOUT_CALLBACK: Final = verbs.RecordingSettings(1, "both", "do-not-trim", verbs.Subscription())
"""The settings of a dialing that is not recorded."""


def dial(run: Run, verb: verbs.Dial) -> Steps[Outcome]:
    """Execute a `<Dial>`: the request for its `action`, or None when it has none."""
    if verb.conference is not None:
        return (yield from _join(run, verb, verb.conference))
    parties = _parties(run, verb)
    if not parties:
        return _request(run, verb, DialEnded(0, "failed"))
    n = run.emit(
        Dial,
        parties,
        verb.timeout * SECOND_MS,
        verb.time_limit * SECOND_MS,
        verb.caller_id,
        verb.hangup_on_star,
        answer=not run.answered,
        sequential=verb.sequential,
        record=verb.record,
        settings=run.capture_settings(verb.settings if verb.record else WITHOUT_CALLBACK),
    )
    run.waits_for("party")
    try:
        ended = yield from _dialed(run, n)
    except Interrupted:
        run.emit(Stop, n)
        ended = yield from run.answer(n, DialEnded, cleanup=True)
        yield from _last_request(run, verb, ended)
        raise
    return _request(run, verb, ended)


def _dialed(run: Run, n: int) -> Steps[DialEnded]:
    while True:
        event = yield from run.answer(n, Connected, DialEnded)
        if isinstance(event, DialEnded):
            run.answered = run.answered or event.bridged
            return event
        run.answered = True


def _parties(run: Run, verb: verbs.Dial) -> tuple[Party, ...]:
    if not verb.targets:
        return ()
    if run.facts.caller.startswith("client:") and not verb.caller_id:
        numbers = [target for target in verb.targets if target.kind == "number"]
        if numbers:
            run.note(CALLER_ID, "a client needs a callerId to dial a number")
        return tuple(_party(run, target) for target in verb.targets if target.kind != "number")
    return tuple(_party(run, target) for target in verb.targets)


def _party(run: Run, target: verbs.Target) -> Party:
    whisper = None
    if target.whisper is not None:
        request = run.resolve(target.whisper, lambda url: Request(url, target.whisper_method, "whisper"))
        whisper = Whisper(request.url, request.method)
    detection = target.detection
    return Party(
        target.kind,
        target.address,
        target.send_digits,
        whisper,
        run.callback(target.callback),
        detection.mode if detection is not None else "",
        run.callback(detection.callback) if detection is not None else None,
        target.parameters,
    )


def _join(run: Run, verb: verbs.Dial, conference: verbs.Conference) -> Steps[Outcome]:
    """Join a conference, and stay until the call leaves it."""
    n = run.emit(
        Join,
        conference.name,
        conference.muted,
        conference.start_on_enter,
        conference.end_on_exit,
        conference.beep,
        _wait(run, conference),
        conference.max_participants,
        run.capture_settings(conference.settings) if conference.record else None,
        run.callback(conference.callback),
        conference.label,
        conference.coach,
        verb.hangup_on_star,
        verb.time_limit * SECOND_MS,
        run.capture_settings(verb.settings) if verb.record else None,
    )
    run.waits_for("conference")
    try:
        left = yield from run.answer(n, Left)
    except Interrupted:
        run.emit(Stop, n)
        left = yield from run.answer(n, Left, cleanup=True)
        yield from _last_request(run, verb, _end_of(left))
        raise
    if left.reason == "coach_unknown":
        run.note(COACH, "the call to coach is not in the conference")
    return _request(run, verb, _end_of(left))


def _end_of(left: Left) -> DialEnded:
    status = "failed" if left.reason == "coach_unknown" else "answered"
    return DialEnded(left.n, status, recording=left.recording, recorded_ms=left.recorded_ms)


def _wait(run: Run, conference: verbs.Conference) -> Whisper | None:
    if not conference.wait_url:
        return None if conference.wait_url is None else Whisper("", conference.wait_method)
    url = run.absolute(conference.wait_url)
    if url is None:
        run.note(WAIT_URL, "the wait URL is no absolute http or https URL")
        return None
    return Whisper(url, conference.wait_method)


def _last_request(run: Run, verb: verbs.Dial, ended: DialEnded) -> Steps[None]:
    """Report the end to the `action` of a call that has been hung up or redirected; the API's hang up does not."""
    redirected = isinstance(run.interruption, Redirected)
    if verb.action is None or not (redirected or run.was_hung_up):
        return
    if redirected and verb.conference is None:
        ended = replace(ended, status="completed")
    reported = ended
    yield from last_request(run, lambda: _request(run, verb, reported))


def _request(run: Run, verb: verbs.Dial, ended: DialEnded) -> Request | None:
    if verb.action is None:
        return None
    parameters = {"DialCallStatus": ended.status}
    if verb.conference is None:
        if run.facts.dialect == "twilio":
            parameters["DialBridged"] = "true" if ended.bridged else "false"
        if ended.ms is not None:
            parameters["DialCallDuration"] = str(ended.ms // SECOND_MS)
        if ended.sip_code is not None:
            parameters["DialSipResponseCode"] = str(ended.sip_code)
        if ended.sip_call_id:
            parameters["DialSipCallId"] = ended.sip_call_id
    if ended.recorded_ms is not None and run.facts.dialect == "twilio":
        parameters["RecordingDuration"] = str(ended.recorded_ms // SECOND_MS)
    return run.resolve(
        verb.action,
        lambda url: Request(url, verb.method, "action", parameters, ended.recording, ended.recorded_ms, ended.call),
    )


def connect(run: Run, verb: verbs.ConnectStream) -> Steps[Outcome]:
    """Execute a `<Connect>`: wait until the far end closes the stream."""
    stream = verb.stream
    n = run.emit(Connect, stream.kind, stream.name, stream.url, stream.track, stream.parameters)
    run.waits_for("stream")
    try:
        yield from run.answer(n, StreamEnded)
    except Interrupted:
        run.emit(Stop, n)
        raise
    if verb.action is None:
        return None
    return run.resolve(verb.action, lambda url: Request(url, verb.method, "action"))
