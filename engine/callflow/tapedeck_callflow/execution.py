"""Executes a document: its verbs one after the other, each to its end."""

from typing import Final

from tapedeck_callflow import effects, verbs
from tapedeck_callflow.calling import connect, dial
from tapedeck_callflow.gathering import gather
from tapedeck_callflow.prompts import SECOND_MS, answer_call, say_or_play, wait
from tapedeck_callflow.recording import record, start_recording, stop_recording
from tapedeck_callflow.run import ENDED, Ended, InstructionError, Outcome, Position, Request, Run, Steps

DIAL_IN_WHISPER: Final = 13201
VERB_WHILE_WAITING: Final = 13238
MISPLACED: Final = 12200

_IN_WHISPER: Final = (verbs.Say, verbs.Play, verbs.Pause, verbs.Gather, verbs.Redirect, verbs.Hangup)
_WHILE_WAITING: Final = (verbs.Say, verbs.Play, verbs.Pause, verbs.Redirect)


def execute_document(run: Run) -> Steps[Request | Ended]:
    """Execute the current document, and return the request for the next one, or the end of the flow.

    Raises:
        InstructionError: a verb cannot be executed.
        Interrupted: see `Run.event`.
    """
    steps = run.place.steps if run.place is not None else ()
    first = True
    for index, step in enumerate(steps):
        run.position = Position(step.name, index, ())
        if not _is_allowed(run, step):
            continue
        rings_on = _rings_on(step.verb, first=first)
        if not run.answered and not rings_on:
            yield from answer_call(run)
        outcome = yield from _execute(run, step.verb)
        if outcome is not None:
            return outcome
        if not isinstance(step.verb, verbs.Unsupported):
            first = False
        if not run.answered and isinstance(step.verb, verbs.Pause):
            yield from answer_call(run)
    return (yield from _finish(run))


def _rings_on(verb: verbs.Verb, *, first: bool) -> bool:
    """Return whether an incoming call that is not answered rings on during this verb."""
    match verb:
        case verbs.Reject() | verbs.Unsupported():
            return True
        case verbs.Pause():
            return first
        case verbs.Dial(answer_on_bridge=True, conference=None):
            return True
        case _:
            return False


def _is_allowed(run: Run, step: verbs.Step) -> bool:
    """Return whether the verb is executed in a document of this kind; a verb that is skipped gets a warning."""
    if run.kind == "whisper":
        if isinstance(step.verb, verbs.Dial):
            raise InstructionError(DIAL_IN_WHISPER, "a whisper cannot dial", None, line=step.line, column=step.column)
        allowed, code = isinstance(step.verb, _IN_WHISPER), MISPLACED
    elif run.kind == "wait":
        allowed, code = isinstance(step.verb, _WHILE_WAITING), VERB_WHILE_WAITING
    else:
        return True
    if not allowed:
        run.note(code, f"<{step.name}> is skipped in a document of this kind")
    return allowed


def _execute(run: Run, verb: verbs.Verb) -> Steps[Outcome]:  # noqa: C901, PLR0911, PLR0912 - one case a verb
    match verb:
        case verbs.Say() | verbs.Play():
            yield from say_or_play(run, verb)
        case verbs.Pause(length=seconds):
            yield from wait(run, seconds * SECOND_MS)
        case verbs.Gather():
            return (yield from gather(run, verb))
        case verbs.Record():
            return (yield from record(run, verb))
        case verbs.Dial():
            return (yield from dial(run, verb))
        case verbs.ConnectStream():
            return (yield from connect(run, verb))
        case verbs.Redirect(url=url, method=method):
            return _redirect(run, url, method)
        case verbs.Reject(reason=reason):
            return _reject(run, reason)
        case verbs.Hangup():
            return _hang_up(run)
        case verbs.StartRecording():
            start_recording(run, verb)
        case verbs.StopRecording():
            stop_recording(run)
        case verbs.StartStream(stream=stream):
            run.emit(effects.StartStream, stream.kind, stream.name, stream.url, stream.track, stream.parameters)
        case verbs.StopStream(name=name):
            run.emit(effects.StopStream, name)
        case verbs.Message():
            return _send_message(run, verb)
        case verbs.Unsupported():
            return _hang_up(run) if run.facts.unsupported == "end" else None
    return None


def _redirect(run: Run, url: str, method: str) -> Request:
    purpose: effects.Purpose = {"call": "voice", "whisper": "whisper", "wait": "wait"}[run.kind]  # type: ignore[assignment]
    current = run.place.url if run.place is not None else None
    return run.resolve(url or current or "", lambda absolute: Request(absolute, method, purpose))


def _reject(run: Run, reason: str) -> Ended:
    if run.answered:
        return _hang_up(run)
    run.emit(effects.Reject, reason)
    return ENDED


def _hang_up(run: Run) -> Ended:
    run.emit(effects.HangUp, "markup")
    return ENDED


def _send_message(run: Run, verb: verbs.Message) -> Request | None:
    callback = run.callback(verbs.Subscription(verb.callback, "POST", ("completed",)))
    run.emit(effects.SendMessage, verb.body, verb.to, verb.sender, callback)
    if verb.action is None:
        return None
    return run.resolve(verb.action, lambda url: Request(url, verb.method, "action"))


def _finish(run: Run) -> Steps[Ended]:
    """End the call, or the document of a whisper or of a waiting participant."""
    if run.kind != "call":
        run.emit(effects.Finish)
        return ENDED
    if not run.answered:
        yield from answer_call(run)
    return _hang_up(run)
