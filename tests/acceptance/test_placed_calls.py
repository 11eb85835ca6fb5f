"""Calls that the API creates."""

import pytest

from tests.acceptance.scene import Scene

PARTY = "+12025550144"
MACHINE = "+12025550193"


def place(scene: Scene, to: str = PARTY, **form: str | list[str]) -> str:
    """Create a call from the account's number; return its sid."""
    answer = scene.api.post("Calls", form={"To": to, "From": scene.number, **form})
    assert answer.status == (201 if scene.dialect == "twilio" else 200), answer.body
    scene.rest()
    return str(answer.body["sid"])


@pytest.mark.parametrize(
    ("to", "mode", "seconds", "answered_by"),
    [
        (PARTY, "Enable", 3, "human"),
        (PARTY, "DetectMessageEnd", 3, "human"),
        (MACHINE, "Enable", 4, "machine_start"),
        (MACHINE, "DetectMessageEnd", 8, "machine_end_beep"),
    ],
)
def test_instructions_wait_for_the_detection_of_a_machine(
    scene: Scene, to: str, mode: str, seconds: int, answered_by: str
) -> None:
    """The instructions are requested once it is known who has answered, which is among their parameters."""
    scene.answer("/agent", "<Response/>")
    place(scene, to, Url=scene.app.url("/agent"), MachineDetection=mode)
    scene.advance(seconds - 1)
    assert scene.app.arrived == []
    scene.advance(1)
    (request,) = scene.app.arrived
    assert (request.fields["AnsweredBy"], request.fields["CallStatus"]) == (answered_by, "in-progress")
    duration = request.fields.get("MachineDetectionDuration")
    assert duration == (str(seconds * 1000) if scene.dialect == "twilio" else None)


def test_a_call_has_four_events(scene: Scene) -> None:
    """A call with inline instructions reports each of its chosen events, numbered; it needs no request for them."""
    events = ["initiated", "ringing", "answered", "completed"]
    own = {"Twiml": "<Response><Say>Hello</Say></Response>"}
    if scene.dialect == "signalwire":
        scene.answer("/agent", "<Response><Say>Hello</Say></Response>")
        own = {"Url": scene.app.url("/agent")}
    call = place(scene, StatusCallback=scene.app.url("/st"), StatusCallbackEvent=events, **own)
    scene.until(call, "ended")
    callbacks = [each for each in scene.app.arrived if each.url.endswith("/st")]
    reported = [(each.fields["CallStatus"], each.fields["SequenceNumber"]) for each in callbacks]
    if scene.dialect == "signalwire":
        assert reported == [
            ("initiated", "0"), ("ringing", "1"), ("answered", "2"), ("in-progress", "2"), ("completed", "3"),
        ]  # fmt: skip
    else:
        assert reported == [("initiated", "0"), ("ringing", "1"), ("in-progress", "2"), ("completed", "3")]
    assert callbacks[-1].fields["CallDuration"] == "1"
    assert (scene.ending(call), scene.spoken_texts(call)) == (("completed", "1"), ["Hello"])
    assert scene.kinds(call) == ([] if scene.dialect == "twilio" else ["voice"])
