"""Random steps of people and of the API: calls that dial end, and leave nothing under way."""

from collections.abc import Callable
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.acceptance.scene import Scene
from tests.acceptance.test_dialing import Q, R, add_party

DOCUMENTS: Final = (
    (
        '<Response><Dial action="/next" hangupOnStar="true"><Conference startConferenceOnEnter="false" waitUrl="/wait">'
        "Room</Conference></Dial></Response>"
    ),
    (
        '<Response><Dial><Conference endConferenceOnExit="true" record="record-from-start">Room</Conference></Dial>'
        "<Redirect>/next</Redirect></Response>"
    ),
    (
        f'<Response><Dial action="/next" record="true" timeout="20"><Number url="/screen">{Q}</Number>'
        f"<Number>{R}</Number></Dial></Response>"
    ),
    (
        f'<Response><Dial sequential="true" hangupOnStar="true" answerOnBridge="true" timeout="10"><Number>{Q}</Number>'
        f'<Number url="/screen">{R}</Number></Dial><Say>Bye</Say></Response>'
    ),
    '<Response><Gather numDigits="1" action="/next" timeout="30"><Say>Press</Say></Gather></Response>',
)
PEOPLE: Final = ("press", "speak", "hangup", "answer", "busy", "decline", "no_answer", "fail")
BODIES: Final[dict[str, dict[str, Any]]] = {"press": {"digits": "1*"}, "speak": {"seconds": 2, "text": "hello"}}
STEP: Final = st.one_of(
    st.tuples(st.sampled_from(PEOPLE), st.integers(0, 7)),
    st.tuples(st.sampled_from(("redirect", "complete")), st.integers(0, 7)),
    st.tuples(st.just("advance"), st.sampled_from((1, 5, 30))),
    st.tuples(st.sampled_from(("call", "next")), st.integers(0, len(DOCUMENTS) - 1)),
    st.tuples(st.just("end conference"), st.just(0)),
)


def calls_of(scene: Scene) -> list[dict[str, Any]]:
    """Return the calls of the account, oldest first."""
    found: list[dict[str, Any]] = scene.api.get("Calls").body["calls"]
    return sorted(found, key=lambda each: str(each["sid"]))


def take(scene: Scene, step: tuple[str, int]) -> None:
    """Carry out a step; what a state forbids is refused, and never fails."""
    what, number = step
    calls = calls_of(scene)
    sid = calls[number % len(calls)]["sid"] if calls else ""
    if what == "call":
        scene.answer("/voice", DOCUMENTS[number])
        scene.call_in()
    elif what == "next":
        scene.answer("/next", DOCUMENTS[number])
    elif what == "advance":
        scene.advance(number)
    elif what == "end conference":
        for each in scene.api.get("Conferences").body["conferences"]:
            if each["status"] != "completed":
                changed = scene.api.post("Conferences", each["sid"], form={"Status": "completed"})
                assert changed.status == 200, changed.body
    elif what in PEOPLE:
        if sid:
            assert scene.control.post(f"/calls/{sid}/{what}", BODIES.get(what, {})).status in {200, 409}
    elif sid:
        form = {"Url": scene.app.url("/next")} if what == "redirect" else {"Status": "completed"}
        assert scene.api.post("Calls", sid, form=form).status in {200, 400, 404}
    scene.rest()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STEP, max_size=14))
def test_calls_always_end(
    make_scene: Callable[[str], Scene],
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    steps: list[tuple[str, int]],
) -> None:
    """After any steps all calls end once the people hang up; no work is left, and there was no exception."""
    scene = make_scene("twilio")
    add_party(scene, Q, outcome="manual")
    add_party(scene, R, ring=3)
    scene.answer("/wait", "<Response><Say>Wait</Say></Response>")
    scene.answer("/screen", '<Response><Gather numDigits="1" timeout="4"/></Response>')
    scene.answer("/next", DOCUMENTS[-1])
    caplog.clear()
    for step in [("call", 0), ("call", 2), *steps]:
        take(scene, step)
    scene.answer("/next", "<Response/>")
    for each in calls_of(scene):
        assert scene.control.post(f"/calls/{each['sid']}/hangup", {}).status in {200, 409}
        scene.rest()
    settled = scene.control.post("/settle", {"advance": True, "timeout": 60})
    assert (settled.status, settled.body) == (200, {"left": []})
    final = {"completed", "busy", "no-answer", "failed", "canceled"}
    assert {each["status"] for each in calls_of(scene)} <= final
    assert {each["status"] for each in scene.api.get("Conferences").body["conferences"]} <= {"completed"}
    assert [each.getMessage() for each in caplog.records if each.levelname in {"ERROR", "CRITICAL"}] == []
    assert "Traceback" not in capsys.readouterr().err
