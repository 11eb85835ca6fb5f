"""The state of a flow while it runs: its effects, what it waits for, and what interrupts it."""

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Concatenate, Final, Literal, NoReturn, ParamSpec, TypeVar, overload

from tapedeck_callflow.attributes import MarkupWarning, absolute_url
from tapedeck_callflow.effects import Callback, CaptureSettings, Effect, Note, Purpose
from tapedeck_callflow.events import Event, HungUp, Redirected, UrlSource
from tapedeck_callflow.recording_settings import Dialect
from tapedeck_callflow.verbs import RecordingSettings, Step, Subscription

UNUSABLE_URL: Final = 11100
ENDLESS: Final = 12400

MAX_DOCUMENTS: Final = 1_000
MAX_DOCUMENTS_AT_ONCE: Final = 100
_SECOND_MS: Final = 1_000

_P = ParamSpec("_P")
_Result = TypeVar("_Result")
Steps = Generator[None, Event, _Result]
"""A part of a flow: it is suspended until the next event."""

_FirstT = TypeVar("_FirstT", bound=Event)
_SecondT = TypeVar("_SecondT", bound=Event)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a flow knows of its call.

    Attributes:
        kind: `whisper` is the document for a dialed party, `wait` that for a waiting participant.
        caller: the address of the caller, which a dialed party sees.
        answered: False for an incoming call that still rings.
        fallback: where instructions are requested when a request for them fails.
        unsupported: whether a verb that is not supported is skipped, or ends the call.
    """

    dialect: Dialect
    kind: Literal["call", "whisper", "wait"] = "call"
    caller: str = ""
    answered: bool = True
    fallback: UrlSource | None = None
    unsupported: Literal["skip", "end"] = "skip"


@dataclass(frozen=True, slots=True)
class Request:
    """A request for the next document; `url` is absolute."""

    url: str
    method: str
    purpose: Purpose
    parameters: dict[str, str] = field(default_factory=dict)
    recording: str | None = None
    recorded_ms: int | None = None
    dialed_call: str | None = None


class Ended(Enum):
    """The outcome of a verb that ends the flow."""

    ENDED = "ended"


ENDED: Final = Ended.ENDED
Outcome = Request | Ended | None
"""What follows a verb: another document, the end, or (None) the next verb."""


class Interrupted(Exception):
    """The call has ended or has been redirected; `Run.interruption` says which."""


class InstructionError(Exception):
    """There are no instructions to execute.

    Attributes:
        request: the request that failed; its URL is as it was configured, and may be unusable.
        final: True when not even the fallback is requested and nothing is announced.
        has_fallback: False when the fallback is not requested, but the error is announced.
    """

    def __init__(
        self,
        code: int,
        text: str,
        request: Request | None,
        *,
        line: int | None = None,
        column: int | None = None,
        final: bool = False,
        has_fallback: bool = True,
    ) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.request = request
        self.line = line
        self.column = column
        self.final = final
        self.has_fallback = has_fallback


@dataclass(frozen=True, slots=True)
class Position:
    """Where a flow is.

    Attributes:
        verb: the element's name; None while a document is requested.
        index: the place of the verb in its document, from 0.
        waits_for: what ends the verb: `digits`, `speech`, `party`, `conference`, `stream`, `application`, or
            nothing but time.
    """

    verb: str | None
    index: int | None
    waits_for: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """The document that is executed. `url` None: it came with the request for the call."""

    url: str | None
    method: str
    steps: tuple[Step, ...]


class Run:
    """The running state of one flow."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.kind = facts.kind
        self.answered = facts.answered
        self.fallback = facts.fallback
        self.effects: list[Effect] = []
        self.place: Place | None = None
        self.position: Position | None = None
        self.interruption: HungUp | Redirected | None = None
        self.capture: int | None = None
        self.now = 0
        self._n = 0
        self._documents = 0
        self._documents_at_once = 0
        self._counted_from = 0

    def emit(self, effect: Callable[Concatenate[int, _P], Effect], *arguments: _P.args, **named: _P.kwargs) -> int:
        """Add an effect, and return its number."""
        self._n += 1
        self.effects.append(effect(self._n, *arguments, **named))
        return self._n

    def warn(self, warning: MarkupWarning) -> None:
        """Add a note about the markup."""
        self.emit(
            Note,
            "warning",
            warning.code,
            warning.text,
            warning.verb,
            warning.attribute,
            warning.value[:200],
            warning.line,
            warning.column,
        )

    def note(self, code: int, text: str, *, level: Literal["warning", "error"] = "warning") -> None:
        """Add a note about the verb at the current position."""
        step = self._step()
        if step is None:
            self.emit(Note, level, code, text)
        else:
            self.emit(Note, level, code, text, step.name, line=step.line, column=step.column)

    def _step(self) -> Step | None:
        if self.place is None or self.position is None or self.position.index is None:
            return None
        return self.place.steps[self.position.index]

    def waits_for(self, *what: str) -> None:
        """Set what the current verb waits for."""
        if self.position is not None:
            self.position = Position(self.position.verb, self.position.index, what)

    @property
    def was_hung_up(self) -> bool:
        """Whether the caller has ended the call."""
        return isinstance(self.interruption, HungUp) and self.interruption.by == "party"

    def event(self, *, cleanup: bool = False) -> Steps[Event | None]:
        """Wait for the next event.

        Returns:
            The event; None for an interruption during `cleanup`, which is kept until it is over.

        Raises:
            Interrupted: the call has ended or was redirected.
        """
        event = yield
        if not isinstance(event, HungUp | Redirected):
            return event
        self._interrupt(event)
        if not cleanup:
            raise Interrupted
        return None

    def _interrupt(self, event: HungUp | Redirected) -> None:
        if isinstance(self.interruption, HungUp):
            return
        self.interruption = event
        if isinstance(event, Redirected) and event.fallback is not None:
            self.fallback = event.fallback

    @overload
    def answer(self, n: int, kind: type[_FirstT], *, cleanup: bool = False) -> Steps[_FirstT]: ...

    @overload
    def answer(
        self, n: int, kind: type[_FirstT], other: type[_SecondT], *, cleanup: bool = False
    ) -> Steps[_FirstT | _SecondT]: ...

    def answer(self, n: int, kind: type[Any], other: type[Any] | None = None, *, cleanup: bool = False) -> Steps[Any]:
        """Wait for the event of one of these kinds that answers effect `n`; others are ignored.

        Raises:
            Interrupted: see `event`.
        """
        kinds = (kind,) if other is None else (kind, other)
        while True:
            event = yield from self.event(cleanup=cleanup)
            if isinstance(event, kinds) and getattr(event, "n", None) == n:
                return event

    def count_document(self, request: Request | None) -> None:
        """Count a document before it is requested.

        Raises:
            InstructionError: there were 1,000 in this call, or 100 between which no second passed (12400).
        """
        if self.now - self._counted_from >= _SECOND_MS:
            self._documents_at_once, self._counted_from = 0, self.now
        if self._documents >= MAX_DOCUMENTS or self._documents_at_once >= MAX_DOCUMENTS_AT_ONCE:
            raise InstructionError(ENDLESS, "the documents of this call have no end", request, final=True)
        self._documents += 1
        self._documents_at_once += 1

    def resolve(self, url: str, request: Callable[[str], Request]) -> Request:
        """Return the request with the absolute URL of what is written in the document.

        Raises:
            InstructionError: there is no absolute http or https URL (11100).
        """
        absolute = absolute_url(url, self._base())
        if absolute is None:
            self._refuse_url(request(url))
        return request(absolute)

    def _refuse_url(self, request: Request) -> NoReturn:
        raise InstructionError(UNUSABLE_URL, "this is no absolute http or https URL", request)

    def absolute(self, url: str) -> str | None:
        """Return the absolute URL of what is written in the document; None if there is none."""
        return absolute_url(url, self._base())

    def callback(self, subscription: Subscription, code: int = UNUSABLE_URL) -> Callback | None:
        """Return a callback with its absolute URL; a URL that cannot be used gives a warning, and no callback."""
        if subscription.url is None:
            return None
        url = self.absolute(subscription.url)
        if url is None:
            self.note(code, "the URL of a callback is no absolute http or https URL: nothing is delivered")
            return None
        return Callback(url, subscription.method, subscription.events)

    def capture_settings(self, settings: RecordingSettings) -> CaptureSettings:
        """Return how a recording is made, with the absolute URL of its callback."""
        return CaptureSettings(
            settings.channels, settings.track, settings.trim, self.callback(settings.callback, code=13256)
        )

    def _base(self) -> str | None:
        return None if self.place is None else self.place.url
