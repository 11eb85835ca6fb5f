"""Properties of every flow: it ends or waits, never raises, has no endless loop, and can be restored."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tapedeck_callflow import Facts, Flow
from tapedeck_callflow.effects import Answer, Connect, Dial, Fetch, HangUp, Join, Play, Record, Timer
from tapedeck_callflow.events import (
    Answered,
    DialEnded,
    Digit,
    Event,
    Fetched,
    Left,
    Played,
    Recorded,
    Redirected,
    StreamEnded,
    TimerFired,
    UrlSource,
)
from tapedeck_callflow.journal import as_json, event_from_json, line_of, restore, source_from_json

from tests.callflow.flows import APP
from tests.callflow.random_flows import CONTENTS, FACTS, SOURCES, drive
from tests.thoroughness import scaled


@pytest.mark.sized
@settings(max_examples=scaled(fast=150, ci=600, deep=50_000), deadline=None)
@given(facts=FACTS, source=SOURCES, data=st.data())
def test_a_flow_ends_or_waits_and_can_be_restored(facts: Facts, source: UrlSource, data: st.DataObject) -> None:
    """Through random documents and events, a flow that is not over waits for something.

    Restored from each prefix of its journal, it has the same effects as without the interruption.
    """
    flow = Flow(facts)
    history = drive(flow, source, data.draw, 25)
    lines = [line_of(event) for event, _ in history if event is not None]
    everything = [effect for _, effects in history for effect in effects]
    cut = data.draw(st.integers(0, len(lines)))
    restored, before = restore(facts, source, lines[:cut])
    after = [effect for line in lines[cut:] for effect in restored.handle(event_from_json(json.loads(line)["event"]))]
    assert before + after == everything
    assert (restored.finished, restored.position) == (flow.finished, flow.position)
    assert [effect.n for effect in everything] == list(range(1, len(everything) + 1))


def answer_at_once(effect: object, body: bytes) -> Event | None:  # noqa: PLR0911 - one case per effect
    """Return the event that answers an effect in no time."""
    match effect:
        case Fetch(n=n):
            return Fetched(n, 200, "text/xml", body, f"{APP}/voice")
        case Answer(n=n):
            return Answered(n)
        case Play(n=n):
            return Played(n, "failed")
        case Record(n=n):
            return Recorded(n, "r", 0, "silence", empty=False)
        case Dial(n=n):
            return DialEnded(n, "busy")
        case Join(n=n):
            return Left(n)
        case Connect(n=n):
            return StreamEnded(n)
        case _:
            return None


@pytest.mark.sized
@settings(max_examples=scaled(fast=50, ci=200, deep=20_000), deadline=None)
@given(facts=FACTS, content=CONTENTS)
def test_no_flow_loops_without_time(facts: Facts, content: str) -> None:
    """With an application that always answers the same at once, a flow ends or waits for a timer after 101 requests."""
    body = f"<Response>{content}</Response>".encode()
    flow = Flow(facts)
    effects = list(flow.start(UrlSource(f"{APP}/voice")))
    requests = 0
    while effects:
        effect = effects.pop(0)
        requests += isinstance(effect, Fetch)
        event = answer_at_once(effect, body)
        effects += [] if event is None else flow.handle(event)
    assert requests <= 101
    assert flow.finished or flow.position is not None


def test_every_event_survives_its_journal() -> None:
    """Bytes, sources and all other values are the same after JSON."""
    events: list[Event] = [
        Fetched(1, 200, "text/xml", b"\x00\xff<Response/>", APP),
        Redirected(UrlSource(APP, "GET"), UrlSource(f"{APP}/fb")),
        Redirected(source_from_json({"type": "MarkupSource", "markup": "<Response/>"})),
        DialEnded(2, "completed", "c1", bridged=True, ms=1, recording="r", recorded_ms=3, sip_code=200),
        Digit("#"),
        TimerFired(3),
    ]
    assert [event_from_json(json.loads(line_of(event, 7))["event"]) for event in events] == events


@pytest.mark.parametrize(
    "stored",
    [{}, {"type": "Unknown"}, {"type": "Digit"}, {"type": "Digit", "digit": "1", "more": 1},
     {"type": "Fetched", "n": 1, "status": 200, "content_type": "", "body": "*", "url": ""},
     {"type": "Redirected", "source": {"type": "x"}}, {"type": "Redirected", "source": {"type": "UrlSource"}}],
)  # fmt: skip
def test_what_is_no_event_is_refused(stored: dict[str, object]) -> None:
    """An unknown type, missing and further fields, and bytes that are not base64 raise a ValueError."""
    with pytest.raises(ValueError, match=r"unknown|wrong|without|base64"):
        event_from_json(stored)


def test_an_effect_as_json_names_its_class_and_parts() -> None:
    """Effects are JSON objects with their class in `type`, parts included."""
    flow = Flow(Facts("twilio"))
    flow.start(UrlSource(f"{APP}/voice"))
    effects = flow.handle(Fetched(1, 200, "text/xml", b"<Response><Say>a</Say></Response>", APP))
    assert as_json(effects) == [
        {
            "type": "Play",
            "n": 2,
            "item": {"type": "Spoken", "text": "a", "voice": "man", "language": "en-US", "pause_ms": 0},
            "loop": 1,
        }
    ]
    assert as_json(HangUp(3, "markup")) == {"type": "HangUp", "n": 3, "reason": "markup"}
    assert as_json(Timer(4, 5)) == {"type": "Timer", "n": 4, "ms": 5}
