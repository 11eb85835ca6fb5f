"""Requests for instructions: what is sent, and what an answer means."""

from collections.abc import Callable
from typing import Final

from tapedeck_callflow.attributes import MarkupWarning
from tapedeck_callflow.document import MAX_BYTES, TOO_LARGE, DocumentError, decode
from tapedeck_callflow.effects import Fetch
from tapedeck_callflow.events import Fetched, FetchFailed, HungUp, MarkupSource, Redirected
from tapedeck_callflow.parser import MAX_SAY_CHARACTERS, Document, parse
from tapedeck_callflow.run import InstructionError, Interrupted, Place, Position, Request, Run, Steps
from tapedeck_callflow.verbs import Play, Say, Step

RETRIEVAL_FAILED: Final = 11200
NO_CONTENT: Final = 11770
WRONG_CONTENT_TYPE: Final = 12300

_DOCUMENT_TYPES: Final = frozenset({"text/xml", "application/xml", "text/html"})


def load(run: Run, wanted: Request | MarkupSource) -> Steps[None]:
    """Get a document, and make it the current one.

    Raises:
        InstructionError: there is none that can be executed.
        Interrupted: see `Run.event`.
    """
    if isinstance(wanted, MarkupSource):
        run.count_document(None)
        document = _parse(run, wanted.markup, None)
        run.place = Place(None, "POST", document.steps)
    else:
        run.count_document(wanted)
        answer = yield from _fetch(run, wanted)
        if isinstance(answer, FetchFailed):
            raise InstructionError(answer.code, answer.detail or "the request failed", wanted)
        document = _read(run, answer, wanted)
        run.place = Place(answer.url, wanted.method, document.steps)
    for warning in document.warnings:
        run.warn(warning)


def emit_fetch(run: Run, request: Request, *, executed: bool = True) -> int:
    """Emit the effect of a request, and return its number."""
    run.position = Position(None, None, ("application",))
    return run.emit(
        Fetch,
        request.url,
        request.method,
        request.purpose,
        request.parameters,
        recording=request.recording,
        recorded_ms=request.recorded_ms,
        dialed_call=request.dialed_call,
        executed=executed,
    )


def last_request(run: Run, make: Callable[[], Request | None]) -> Steps[None]:
    """Send a request whose answer is not executed, and wait for the answer. Used after an interruption.

    After a redirect, an error is noted. The answer for a call that has ended is not looked at.

    Args:
        run: the flow.
        make: makes the request, None for none; a URL that cannot be used is noted as an error.
    """
    try:
        request = make()
    except InstructionError as error:
        run.note(error.code, error.text, level="error")
        return
    if request is None:
        return
    n = emit_fetch(run, request, executed=False)
    while True:
        event = yield from run.event(cleanup=True)
        if isinstance(event, Fetched | FetchFailed) and event.n == n:
            break
    if isinstance(run.interruption, HungUp):
        return
    if isinstance(event, FetchFailed):
        run.note(event.code, event.detail or "the request failed", level="error")
    elif not _is_success(event.status):
        run.note(RETRIEVAL_FAILED, f"the application answered {event.status}", level="error")


def _fetch(run: Run, request: Request) -> Steps[Fetched | FetchFailed]:
    """Request a document. A redirect waits for the answer: a call has one open request at a time."""
    n = emit_fetch(run, request)
    try:
        return (yield from run.answer(n, Fetched, FetchFailed))
    except Interrupted:
        if isinstance(run.interruption, Redirected):
            yield from _abandon(run, n)
        raise


def _abandon(run: Run, n: int) -> Steps[None]:
    """Wait for an answer that is not executed, unless the call ends meanwhile."""
    while not isinstance(run.interruption, HungUp):
        event = yield from run.event(cleanup=True)
        if isinstance(event, Fetched | FetchFailed) and event.n == n:
            return


def _read(run: Run, answer: Fetched, request: Request) -> Document:
    if not _is_success(answer.status):
        raise InstructionError(RETRIEVAL_FAILED, f"the application answered {answer.status}", request)
    if len(answer.body) > MAX_BYTES:
        raise InstructionError(TOO_LARGE, f"the answer has more than {MAX_BYTES} bytes", request)
    media_type = answer.content_type.partition(";")[0].strip().lower()
    if not answer.body:
        return Document((), (MarkupWarning(NO_CONTENT, "the answer is empty: it has no instructions"),))
    if not media_type:
        raise InstructionError(RETRIEVAL_FAILED, "the answer has no content type", request)
    if media_type.startswith("audio/"):
        return Document((Step("Play", Play(answer.url, fetched=True), 1, 1),), ())
    if media_type != "text/plain" and not _is_markup(media_type):
        raise InstructionError(WRONG_CONTENT_TYPE, f"the answer is {media_type}, no markup", request)
    text = _decoded(answer, request)
    if media_type == "text/plain":
        spoken = " ".join(text.split())[:MAX_SAY_CHARACTERS]
        voice = "man" if run.facts.dialect == "twilio" else "woman"
        return Document((Step("Say", Say(spoken, voice, ""), 1, 1),) if spoken else (), ())
    return _parse(run, text, request)


def _is_success(status: int) -> bool:
    return 200 <= status < 300  # noqa: PLR2004 - the range of HTTP


def _is_markup(media_type: str) -> bool:
    kind, _, subtype = media_type.partition("/")
    return (
        media_type in _DOCUMENT_TYPES
        or (kind == "application" and subtype.endswith("+xml"))
        or (kind == "text" and subtype.startswith("vnd.") and subtype.endswith("xml"))
    )


def _decoded(answer: Fetched, request: Request) -> str:
    try:
        return decode(answer.body, answer.content_type)
    except DocumentError as error:
        raise InstructionError(error.code, error.detail, request) from None


def _parse(run: Run, markup: str, request: Request | None) -> Document:
    try:
        return parse(markup, run.facts.dialect)
    except DocumentError as error:
        raise InstructionError(error.code, error.detail, request, line=error.line, column=error.column) from None
