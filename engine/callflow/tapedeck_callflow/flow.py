"""A flow: the instructions of one leg of a call, executed as a state machine without I/O, clock or threads.

    flow = Flow(Facts("twilio", answered=False))
    effects = flow.start(UrlSource("https://app.example.com/voice"))
    effects = flow.handle(Fetched(1, 200, "text/xml", b"<Response><Say>Hello</Say></Response>", "https://…"))

The driver carries out the effects, and hands each event to the flow. A flow has no other state than what its source
and its events give it, so it is restored by handling the same events again.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from tapedeck_callflow.effects import Effect, ErrorMessage, Finish, HangUp, Note, Purpose
from tapedeck_callflow.events import Event, MarkupSource, Redirected, Source, UrlSource
from tapedeck_callflow.execution import execute_document
from tapedeck_callflow.prompts import answer_call, play
from tapedeck_callflow.requests import load
from tapedeck_callflow.run import (
    ENDED,
    UNUSABLE_URL,
    Ended,
    Facts,
    InstructionError,
    Interrupted,
    Place,
    Position,
    Request,
    Run,
    Steps,
)

_PURPOSES: Final[Mapping[str, Purpose]] = {"call": "voice", "whisper": "whisper", "wait": "wait"}


class FlowEnded(RuntimeError):
    """The flow was started twice, or has not been started."""


class Flow:
    """The instructions of one leg."""

    def __init__(self, facts: Facts) -> None:
        self._run = Run(facts)
        self._steps: Steps[None] | None = None
        self._finished = False

    @property
    def finished(self) -> bool:
        """Whether the flow is over: no event has an effect any more."""
        return self._finished

    @property
    def position(self) -> Position | None:
        """Where the flow is; None before its start and after its end."""
        return None if self._finished else self._run.position

    @property
    def place(self) -> Place | None:
        """The document that is executed, or was executed last."""
        return self._run.place

    def start(self, source: Source, at: int = 0) -> list[Effect]:
        """Begin with these instructions at a time (milliseconds), and return the first effects.

        Raises:
            FlowEnded: it has been started before.
        """
        if self._steps is not None:
            raise FlowEnded("a flow is started once")
        self._steps = _instructions(self._run, source)
        return self._advance(None, at)

    def handle(self, event: Event, at: int = 0) -> list[Effect]:
        """Handle an event, and return the effects that follow.

        `at` is its time in milliseconds, by any clock that does not go back: it shows whether time passes between
        documents.

        An event that nothing waits for has no effect: a late answer, a key while nothing listens, anything after
        the end.

        Raises:
            FlowEnded: the flow has not been started.
        """
        if self._steps is None:
            raise FlowEnded("the flow has not been started")
        return [] if self._finished else self._advance(event, at)

    def _advance(self, event: Event | None, at: int) -> list[Effect]:
        if self._steps is None:  # pragma: no cover - the callers have set it
            raise FlowEnded("the flow has not been started")
        self._run.now = max(self._run.now, at)
        try:
            if event is None:
                next(self._steps)
            else:
                self._steps.send(event)
        except StopIteration:
            self._finished = True
        effects, self._run.effects = self._run.effects, []
        return effects


def _instructions(run: Run, source: Source) -> Steps[None]:
    """Execute instructions until they end, and those that a redirect brings."""
    wanted: Source | None = source
    while wanted is not None:
        try:
            return (yield from _execute_all(run, wanted))
        except Interrupted:
            # What redirects the call of a whisper makes it a call with instructions of its own.
            run.kind = "call"
            interruption, run.interruption = run.interruption, None
            wanted = interruption.source if isinstance(interruption, Redirected) else None


def _execute_all(run: Run, source: Source) -> Steps[None]:
    wanted: Request | MarkupSource | None = source if isinstance(source, MarkupSource) else None
    while True:
        try:
            wanted = wanted or _first_request(run, source)
            yield from load(run, wanted)
            outcome = yield from execute_document(run)
        except InstructionError as error:
            outcome = yield from _after_error(run, error)
        if isinstance(outcome, Ended):
            return
        wanted = outcome


def _first_request(run: Run, source: Source) -> Request:
    if isinstance(source, MarkupSource):  # pragma: no cover - it is executed without a request
        raise TypeError("markup needs no request")
    request = Request(source.url, source.method, _PURPOSES[run.kind], dict(source.parameters))
    if not source.url:
        raise InstructionError(UNUSABLE_URL, "there is no URL for instructions", request, has_fallback=False)
    return request


def _after_error(run: Run, error: InstructionError) -> Steps[Request | Ended]:
    """Return the request for the fallback; without one, announce the error and end the call."""
    if error.line is None and run.position is not None and run.position.index is not None:
        run.note(error.code, error.text, level="error")
    else:
        run.emit(Note, "error", error.code, error.text, line=error.line, column=error.column)
    if error.final:
        run.emit(HangUp, "limit")
        return ENDED
    if run.kind != "call":
        _ = run.emit(HangUp, "error") if run.kind == "whisper" else run.emit(Finish)
        return ENDED
    failed = error.request
    if error.has_fallback and run.fallback is not None and (failed is None or failed.purpose != "fallback"):
        return _fallback_request(run.fallback, error)
    if not run.answered:
        yield from answer_call(run)
    run.position = Position(None, None, ())
    yield from play(run, ErrorMessage())
    run.emit(HangUp, "error")
    return ENDED


def _fallback_request(fallback: UrlSource, error: InstructionError) -> Request:
    parameters = {"ErrorCode": str(error.code)}
    if error.request is None:
        return Request(fallback.url, fallback.method, "fallback", parameters)
    parameters = {**error.request.parameters, **parameters, "ErrorUrl": error.request.url}
    return replace(error.request, url=fallback.url, method=fallback.method, purpose="fallback", parameters=parameters)
