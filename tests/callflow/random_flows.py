"""Random documents and events, for properties that hold for every flow."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from hypothesis import strategies as st
from tapedeck_callflow import Facts, Flow
from tapedeck_callflow.effects import (
    Answer,
    Cancel,
    Connect,
    Dial,
    Effect,
    Fetch,
    Finish,
    HangUp,
    Join,
    Play,
    Record,
    Reject,
    Stop,
    Timer,
)
from tapedeck_callflow.events import (
    Answered,
    Connected,
    DialEnded,
    Digit,
    Event,
    Fetched,
    FetchFailed,
    HungUp,
    Left,
    MarkupSource,
    Played,
    Recorded,
    Redirected,
    SpeechEnded,
    SpeechStarted,
    StreamEnded,
    TimerFired,
    UrlSource,
)

from tests.callflow.flows import APP

_PATHS: Final = ("/voice", "next", "", "https://other.example/x", "ftp://x/", "//[", "http://x:99999/")
_ATTRIBUTES: Final = {
    "action": _PATHS, "url": _PATHS, "waitUrl": _PATHS, "statusCallback": _PATHS, "method": ("get", "PUT"),
    "timeout": ("0", "1", "x", "auto"), "numDigits": ("1", "2", "-1"), "finishOnKey": ("", "#", "5", "x"),
    "input": ("dtmf", "speech", "dtmf speech", "x"), "actionOnEmptyResult": ("true", "x"),
    "bargeIn": ("true", "False"), "speechTimeout": ("auto", "2"), "loop": ("0", "2", "9999"), "length": ("1", "0"),
    "digits": ("12w", "x"), "maxLength": ("2", "0"), "answerOnBridge": ("true", "false"), "record": ("true", "x"),
    "reason": ("busy", "x"), "coach": ("c1",), "unknown": ("x",), "recordingStatusCallback": _PATHS,
}  # fmt: skip
_NAMES: Final = (
    "Say", "Play", "Pause", "Gather", "Record", "Dial", "Number", "Client", "Sip", "Conference", "Redirect", "Hangup",
    "Reject", "Start", "Stop", "Connect", "Recording", "Stream", "Sms", "Enqueue", "say", "break", "Parameter",
)  # fmt: skip
_TEXTS: Final = ("", "Hello", "/voice", "+12025550144", "abc", "sip:a@b.example", "Room", "&amp;", "&bad;")


def _element(children: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    attribute = st.sampled_from(sorted(_ATTRIBUTES)).flatmap(
        lambda name: st.sampled_from(_ATTRIBUTES[name]).map(lambda value: (name, value))
    )

    def write(name: str, attributes: dict[str, str], content: Sequence[str]) -> str:
        written = "".join(f' {key}="{value}"' for key, value in attributes.items())
        return f"<{name}{written}>{''.join(content)}</{name}>"

    return st.builds(
        write, st.sampled_from(_NAMES), st.lists(attribute, max_size=3).map(dict), st.lists(children, max_size=3)
    )


CONTENTS: Final = st.lists(_element(st.recursive(st.sampled_from(_TEXTS), _element, max_leaves=4)), max_size=4).map(
    "".join
)
"""The content of a document."""

SOURCES: Final = st.one_of(
    st.sampled_from(("/voice", "/x")).map(lambda path: UrlSource(f"{APP}{path}")),
    CONTENTS.map(lambda content: MarkupSource(f"<Response>{content}</Response>")),
)

FACTS: Final = st.builds(
    Facts,
    dialect=st.sampled_from(("twilio", "signalwire")),
    kind=st.sampled_from(("call", "call", "whisper", "wait")),
    caller=st.sampled_from(("+12025550143", "client:alice")),
    answered=st.booleans(),
    fallback=st.sampled_from((None, UrlSource(f"{APP}/fb"))),
    unsupported=st.sampled_from(("skip", "end")),
)

_LENGTHS: Final = st.sampled_from((0, 400, 1_000, 60_000))
_FREE: Final = st.one_of(
    st.sampled_from("0123456789*#").map(Digit),
    st.just(SpeechStarted()),
    st.builds(SpeechEnded, st.sampled_from(("", "yes"))),
    st.builds(HungUp, st.sampled_from(("party", "api", "limit", "conference", "error"))),
    st.builds(Redirected, SOURCES, st.sampled_from((None, UrlSource(f"{APP}/fb2")))),
    st.builds(TimerFired, st.integers(0, 9)),
    st.builds(Played, st.integers(0, 9)),
)
"""Events that answer no open effect: of people, and late ones."""


def _fetched(n: int) -> st.SearchStrategy[Event]:
    bodies = CONTENTS.map(lambda content: f"<Response>{content}</Response>".encode())
    kinds = st.sampled_from(("text/xml", "text/xml", "text/xml", "text/plain", "audio/wav", "", "a/b"))
    answered = st.builds(Fetched, st.just(n), st.sampled_from((200, 200, 200, 204, 500)), kinds, bodies, st.just(APP))
    return st.one_of(answered, st.builds(FetchFailed, st.just(n), st.sampled_from((11200, 11215))))


_ANSWERS: Final[dict[type[Effect], Callable[[int], st.SearchStrategy[Any]]]] = {
    Fetch: _fetched,
    Answer: lambda n: st.just(Answered(n)),
    Play: lambda n: st.builds(Played, st.just(n), st.sampled_from(("done", "failed"))),
    Timer: lambda n: st.just(TimerFired(n)),
    Record: lambda n: st.builds(
        Recorded, st.just(n), st.just("r"), _LENGTHS, st.sampled_from(("silence", "key")), st.booleans()
    ),
    Dial: lambda n: st.one_of(
        st.just(Connected(n)),
        st.builds(DialEnded, st.just(n), st.sampled_from(("busy", "completed"))),
    ),
    Join: lambda n: st.builds(Left, st.just(n), st.sampled_from(("left", "coach_unknown"))),
    Connect: lambda n: st.just(StreamEnded(n)),
}


_ENDS: Final[dict[type[Effect], tuple[type[Any], ...]]] = {
    Fetch: (Fetched, FetchFailed), Answer: (Answered,), Play: (Played,), Timer: (TimerFired,), Record: (Recorded,),
    Dial: (DialEnded,), Join: (Left,), Connect: (StreamEnded,),
}  # fmt: skip
"""The events that end each kind of effect."""


class OpenEffects:
    """The effects of a flow that an event has yet to answer."""

    def __init__(self) -> None:
        self._open: dict[int, type[Effect]] = {}
        self.last: Effect | None = None

    def add(self, effects: Sequence[Effect]) -> None:
        """Add effects; a stopped `Play` or `Connect` and a cancelled timer are open no longer."""
        for effect in effects:
            self.last = effect
            if type(effect) in _ANSWERS:
                self._open[effect.n] = type(effect)
            if isinstance(effect, Cancel):
                del self._open[effect.timer]
            if isinstance(effect, Stop) and self._open[effect.stopped] in {Play, Connect}:
                del self._open[effect.stopped]

    def answer(self, event: Event) -> None:
        """Close the effect that an event answers; a connection leaves its dialing open."""
        n = getattr(event, "n", 0)
        if n in self._open and isinstance(event, _ENDS[self._open[n]]):
            del self._open[n]

    def events(self) -> st.SearchStrategy[Event]:
        """Return a strategy for the next event."""
        answers = [_ANSWERS[kind](n) for n, kind in sorted(self._open.items())]
        return st.one_of(*answers, *answers, _FREE)

    def __bool__(self) -> bool:
        return bool(self._open)

    @property
    def has_ended(self) -> bool:
        """Whether the last effect is an end."""
        return isinstance(self.last, HangUp | Reject | Finish)


def drive(flow: Flow, source: Any, draw: Callable[[st.SearchStrategy[Any]], Any], steps: int) -> list[Any]:
    """Run a flow through random events. Returns: pairs of an event and its effects; the first has no event."""
    opened = OpenEffects()
    history: list[Any] = [(None, flow.start(source))]
    opened.add(history[0][1])
    for _ in range(steps):
        if flow.finished:
            break
        assert opened, "the flow waits for nothing"
        event = draw(opened.events())
        opened.answer(event)
        effects = flow.handle(event)
        opened.add(effects)
        history.append((event, effects))
    return history
