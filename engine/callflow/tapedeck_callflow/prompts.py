"""Prompts for the caller, and how an incoming call is answered."""

from typing import Final

from tapedeck_callflow import verbs
from tapedeck_callflow.effects import Answer, File, Item, Play, Spoken, Stop, Timer, Tones
from tapedeck_callflow.effects import Cancel as CancelTimer
from tapedeck_callflow.events import Answered, Played, TimerFired
from tapedeck_callflow.run import UNUSABLE_URL, InstructionError, Interrupted, Request, Run, Steps

SECOND_MS: Final = 1_000


def answer_call(run: Run) -> Steps[None]:
    """Answer the incoming call."""
    n = run.emit(Answer)
    yield from run.answer(n, Answered)
    run.answered = True


def play(run: Run, item: Item, loop: int = 1) -> Steps[None]:
    """Play something to its end."""
    n = run.emit(Play, item, loop)
    try:
        played = yield from run.answer(n, Played)
    except Interrupted:
        run.emit(Stop, n)
        raise
    note_failure(run, played)


def note_failure(run: Run, played: Played) -> None:
    """Note that there was nothing to play."""
    if played.state == "failed":
        run.note(played.code, "there was nothing to play")


def wait(run: Run, ms: int) -> Steps[None]:
    """Wait for so many milliseconds."""
    n = run.emit(Timer, ms)
    try:
        yield from run.answer(n, TimerFired)
    except Interrupted:
        run.emit(CancelTimer, n)
        raise


def item_of(run: Run, prompt: verbs.Say | verbs.Play) -> Item:
    """Return what is played for a `<Say>` or `<Play>`.

    Raises:
        InstructionError: the URL cannot be used (11100).
    """
    if isinstance(prompt, verbs.Say):
        return Spoken(prompt.text, prompt.voice, prompt.language, prompt.pause_ms)
    if prompt.digits:
        return Tones(prompt.digits)
    if prompt.fetched:
        return File(prompt.url, fetched=True)
    url = run.absolute(prompt.url)
    if url is None:
        request = Request(prompt.url, "GET", "voice")
        raise InstructionError(UNUSABLE_URL, "there is no absolute http or https URL to play", request)
    return File(url)


def say_or_play(run: Run, prompt: verbs.Say | verbs.Play) -> Steps[None]:
    """Execute a `<Say>` or `<Play>`."""
    yield from play(run, item_of(run, prompt), prompt.loop)
