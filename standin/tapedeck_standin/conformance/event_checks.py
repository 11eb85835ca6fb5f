"""Checks of how a connector reports events."""

from collections import defaultdict
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from pydantic import ValidationError

from tapedeck_protocol.events import EVENTS
from tapedeck_standin.conformance.journal import Records
from tapedeck_standin.conformance.proxy import Forward, answering_events, events_in
from tapedeck_standin.conformance.registry import CheckList
from tapedeck_standin.conformance.rig import CheckSkipped, Rig, TestRecording, check
from tapedeck_standin.http.messages import ServerRequest, ServerResponse

CHECKS: Final = CheckList()

_LATER_TIMES: Final = 3
_BAD_ANSWERS: Final = 2
_NEVER_RIGHT: Final = frozenset({"unreadable", "unknown_type", "not_yours", "bad_id"})


@CHECKS.add("seq-rises", "EVENT-1", "`seq` rises with every event, for all resources together.")
def seq_rises(rig: Rig) -> None:
    """Two recordings start and stop in turn; each event has a higher number than all that were seen before."""
    recordings: list[TestRecording] = []
    for kind in ("started", "started", "stopped", "stopped"):
        highest = rig.journal.read(lambda seen: max((each.seq for each in seen.events), default=0))
        if kind == "started":
            made = rig.request_recording()
            recordings.append(made)
        else:
            made = recordings.pop(0)
            rig.update(made, "stopped")
        event = rig.expect_event(made.recording, f"recording.{kind}")
        check(event.seq > highest, f"recording.{kind} with a seq above {highest}", event.seq)


@CHECKS.add("retries-later", "EVENT-8", "An event that gets `later` is reported again, unchanged.")
def retries_later(rig: Rig) -> None:
    """The start gets `later` three times; the same event is reported until it is taken."""
    count = defaultdict[str, int](int)

    def result_of(event: Mapping[str, Any]) -> Mapping[str, Any] | None:
        if event.get("type") != "recording.started":
            return None
        count[str(event.get("id"))] += 1
        return {"outcome": "later", "after_ms": 200} if count[str(event.get("id"))] <= _LATER_TIMES else None

    with rig.proxy.intercepting("events", answering_events(result_of)):
        made = rig.request_recording()
        rig.expect_event(made.recording, "recording.started", seconds=15)
    _expect_unchanged(rig, made.recording)


@CHECKS.add("later-blocks-nothing", "EVENT-8", "Two seconds after a `later`, the events behind it go on.")
def later_blocks_nothing(rig: Rig) -> None:
    """The start gets `later` for as long as the recording runs; its stop is reported all the same."""
    with rig.answering_later(lambda event: event.get("type") == "recording.started"):
        made = rig.request_recording()
        rig.expect_reported(made.recording, "recording.started")
        rig.update(made, "stopped")
        rig.expect_event(made.recording, "recording.stopped", seconds=8)
    rig.expect_event(made.recording, "recording.started", seconds=20)


@CHECKS.add("urgent-event", "EVENT-7", "A pause or a stop does not wait for other events of the same call.")
def urgent_event(rig: Rig) -> None:
    """The start of a second recording of the call gets `later`; a repeated stop of the first is answered at once."""
    rig.need("restart")

    def attempt() -> None:
        made = rig.start_recording()
        rig.finish(made)
        stop = rig.command_of(made, "recording.stop")
        with rig.answering_later(lambda event: event.get("recording") not in {made.recording, None}):
            other = rig.request_recording(made.call)
            waiting = rig.expect_reported(other.recording, "recording.started")
            rig.send(stop)
            rig.expect_undelayed(waiting, made, "recording.stopped")
        rig.expect_event(other.recording, "recording.started", seconds=20)

    rig.succeed_once(attempt)


def _refuse_start(event: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the result that refuses the start of a recording; other events get their own."""
    is_start = event.get("type") == "recording.started"
    return {"outcome": "refused", "code": "wrong_state", "detail": "by the suite"} if is_start else None


@CHECKS.add("refused-is-final", "EVENT-9", "An event that is refused is not reported again, and the next ones go on.")
def refused_is_final(rig: Rig) -> None:
    """The start is refused; it is not repeated, and the stop is reported."""
    with rig.proxy.intercepting("events", answering_events(_refuse_start)):
        made = rig.request_recording()
        refused = rig.expect_reported(made.recording, "recording.started")
        before = rig.journal.last_number
        rig.expect_nothing(
            "second report of the refused event",
            lambda seen: [e for e in seen.events_of(made.recording, since=before) if e.id == refused.id],
        )
    rig.update(made, "stopped")
    rig.expect_event(made.recording, "recording.stopped")


@CHECKS.add("discards-a-refused-start", "EVENT-11", "A capture whose start is refused is discarded, not uploaded.")
def discards_a_refused_start(rig: Rig) -> None:
    """The start is refused; a stop is answered all the same, but nothing is uploaded or reported after it."""
    with rig.proxy.intercepting("events", answering_events(_refuse_start)):
        made = rig.request_recording()
        rig.expect_event(made.recording, "recording.started")
    rig.update(made, "stopped")
    rig.expect_event(made.recording, "recording.stopped")
    rig.expect_nothing(
        "upload of the capture whose start was refused",
        lambda seen: (
            [each for each in seen.requests_to("uploads") if (each.body or {}).get("recording") == made.recording]
            or seen.events_of(made.recording, "recording.completed")
        ),
    )


@CHECKS.add("repeats-after-503", "EVENT-10", "After a 503 the same events are reported again, unchanged.")
def repeats_after_503(rig: Rig) -> None:
    """The start is answered twice with 503; then the same event is taken."""
    _answer_badly(rig, lambda _request, _forward: ServerResponse.of_json(503, {"refused": "unavailable"}))


@CHECKS.add("repeats-after-no-answer", "EVENT-10", "Without an answer the same events are reported again, unchanged.")
def repeats_after_no_answer(rig: Rig) -> None:
    """The start is stored, but the answer is lost, twice; then the same event is a repetition."""

    def lose(request: ServerRequest, forward: Forward) -> ServerResponse:
        forward(request)
        return ServerResponse.dropped()

    _answer_badly(rig, lose)


@CHECKS.add("events-match-schema", "EVENT-4", "Every request and event matches its schema.")
def events_match_schema(rig: Rig) -> None:
    """In everything that this run has seen, nothing was unreadable, and no event was refused as wrong in itself."""
    wrong = rig.journal.read(_unreadable)
    check(not wrong, "requests and events that match the schemas", "; ".join(wrong[:5]))


@CHECKS.add(
    "events-unchanged", "EVENT-5", "An event that is reported again has the same content; each has its own `seq`."
)
def events_unchanged(rig: Rig) -> None:
    """In everything that this run has seen, an id always had one content, and a number one id."""
    wrong = rig.journal.read(_changed)
    check(not wrong, "one content for each id, and one id for each seq", "; ".join(wrong[:5]))


def _answer_badly(rig: Rig, answer: Any) -> None:  # noqa: ANN401 - an interceptor
    count = 0

    def intercept(request: ServerRequest, forward: Forward) -> ServerResponse:
        nonlocal count
        if count >= _BAD_ANSWERS or not any(event.get("type") == "recording.started" for event in events_in(request)):
            return forward(request)
        count += 1
        result: ServerResponse = answer(request, forward)
        return result

    with rig.proxy.intercepting("events", intercept):
        made = rig.request_recording()
        rig.expect_event(made.recording, "recording.started", seconds=20)
    _expect_unchanged(rig, made.recording)


def _expect_unchanged(rig: Rig, recording: str) -> None:
    """Fail if the start of a recording was not reported several times as one event."""
    seen = rig.journal.read(lambda records: records.events_of(recording, "recording.started"))
    ids = {(each.id, each.seq) for each in seen}
    check(len(ids) == 1, "the same id and seq each time", sorted(ids))


def _unreadable(seen: Records) -> list[str]:
    wrong = [
        f"{each.route}: {each.status} {each.answer}"
        for each in seen.requests
        if each.status == HTTPStatus.UNPROCESSABLE_ENTITY
    ]
    for each in seen.events:
        if each.code in _NEVER_RIGHT:
            wrong.append(f"{each.type} was refused: {each.code}")
        elif each.code != "superseded":
            try:
                EVENTS.validate_python(each.event)
            except ValidationError as invalid:
                first = invalid.errors(include_url=False)[0]
                wrong.append(f"{each.type}: {'.'.join(map(str, first['loc'][1:]))}: {first['msg']}")
    return wrong


def _changed(seen: Records) -> list[str]:
    if not seen.events:
        raise CheckSkipped("no event was reported")
    contents: dict[str, Mapping[str, Any]] = {}
    ids: dict[int, str] = {}
    wrong = []
    for each in seen.events:
        if contents.setdefault(each.id, each.event) != each.event:
            wrong.append(f"{each.id} has {contents[each.id]} and {each.event}")
        if ids.setdefault(each.seq, each.id) != each.id:
            wrong.append(f"seq {each.seq} has {ids[each.seq]} and {each.id}")
    return wrong
