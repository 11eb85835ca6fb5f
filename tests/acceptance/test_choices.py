"""Choices about calls that the stand-in executes: who answers, how long things take, what has instructions."""

from typing import Any

import pytest

from tapedeck_standin.calls.parties import AnsweredBy, Parties, PartyOutcome, PartyRule
from tests.acceptance.scene import CALLER, Scene
from tests.acceptance.test_keys_and_speech import VOICE, ended


def test_some_numbers_always_behave_so() -> None:
    """Six numbers are busy, silent, unreachable, a machine, declining or short; a rule comes first (C-390)."""
    parties = Parties()
    number = "+120255501"
    assert [parties.take("account", f"{number}{last}") for last in range(89, 97)] == [
        PartyRule(f"{number}89"),
        PartyRule(f"{number}90", PartyOutcome.BUSY),
        PartyRule(f"{number}91", PartyOutcome.NO_ANSWER),
        PartyRule(f"{number}92", PartyOutcome.FAIL),
        PartyRule(f"{number}93", answered_by=AnsweredBy.MACHINE),
        PartyRule(f"{number}94", PartyOutcome.DECLINE, ring_ms=3_000),
        PartyRule(f"{number}95", ring_ms=5_000, hangup_after_ms=10_000),
        PartyRule(f"{number}96"),
    ]
    own = PartyRule(f"{number}90", ring_ms=1_000, times=1)
    parties.add("account", own)
    assert parties.take("other", own.number).outcome is PartyOutcome.BUSY
    assert [parties.take("account", own.number).outcome for _ in range(2)] == [PartyOutcome.ANSWER, PartyOutcome.BUSY]


@pytest.mark.parametrize(
    ("verbs", "seconds"),
    [
        ("<Say>Fifteen letters</Say>", "1"),
        ("<Say>Sixteen  letters.</Say>", "2"),
        ('<Say>Hello<break time="3s"/></Say>', "4"),
        ('<Say loop="3">Hello</Say>', "3"),
        ('<Play digits="123"/>', "2"),
        ("<Play>https://media.example.com/music.mp3</Play>", "5"),
        ('<Say>Hello</Say><Pause length="8"/>', "9"),
    ],
)
def test_what_is_said_takes_time(scene: Scene, verbs: str, seconds: str) -> None:
    """What is said takes a second for each 15 characters, a file of another host five seconds (C-391)."""
    scene.answer("/voice", f"<Response>{verbs}</Response>")
    call = scene.call_in()
    scene.until(call, "ended")
    assert scene.requests(call) == [VOICE, ended(scene, seconds, "1")]


@pytest.mark.parametrize(
    "body", [{}, {"status": "ringing"}, {"direction": "outbound-api"}, {"engine": "standin"}, {"instructions": False}]
)
def test_a_call_without_instructions_only_exists(scene: Scene, body: dict[str, Any]) -> None:
    """A call to no number of the account, or with what only a made-up call has, is not executed (C-392)."""
    to = {"to": scene.number} if body else {"to": "+12025550177"}
    made = scene.control.post("/calls", {"from": CALLER, **to, **body})
    assert (made.status, made.body["status"]) == (201, body.get("status", "in-progress"))
    call = made.body["sid"][scene.dialect]
    scene.advance(60)
    assert (scene.app.arrived, scene.kinds(call)) == ([], [])
    assert scene.control.get(f"/calls/{call}").body["position"] is None
    assert scene.control.post(f"/calls/{call}/press", {"digits": "1"}).status == 409


def test_an_advance_stops_where_a_call_is(scene: Scene) -> None:
    """With `until`, the clock stops at the verb, at once if the call is there, and not beyond what happens (C-393)."""
    scene.answer(
        "/voice",
        "<Response><Say>Hello</Say><Gather/><Say>No key</Say><Connect><Stream url='wss://x/y'/></Connect></Response>",
    )

    def advance(until: str, **most: float) -> tuple[int, str, str | None]:
        answer = scene.control.post("/clock", {"until": until, "call": call, **most})
        position = answer.body["position"]
        return answer.status, answer.body["now"][17:23], position and position["verb"]

    call = scene.call_in()
    assert [advance("Gather"), advance("Gather"), advance("waits")] == [(200, "01.000", "Gather")] * 3
    assert advance("ended", at_most=4) == (408, "01.000", "Gather")
    assert advance("Connect") == (200, "07.000", "Connect")
    assert advance("Gather") == (408, "07.000", "Connect")
    scene.act(call, "hangup")
    assert advance("ended") == (200, "07.000", None)
    assert scene.control.post("/clock", {"until": "ended"}).status == 400
    assert scene.control.post("/clock", {"until": "ended", "call": call, "advance": 1}).status == 400
