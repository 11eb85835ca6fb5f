"""`<Dial><Conference>`: who waits, who joins, and what ends a conference."""

from urllib.parse import urlsplit

from twilio.request_validator import RequestValidator
from twilio.twiml.voice_response import Dial, VoiceResponse

from tests.acceptance.scene import Scene
from tests.acceptance.test_dialing import say
from tests.acceptance.test_keys_and_speech import VOICE, ended
from tests.standin.receiver import ReceivedCallback

LEFT = ("POST", "/left", {"CallStatus": "in-progress", "DialCallStatus": "answered"})
END_ON_EXIT = "participant-with-end-conference-on-exit-left"


def joining(name: str = "Room", *, dial: dict[str, object] | None = None, **attributes: object) -> VoiceResponse:
    """Return instructions that join a conference."""
    response = VoiceResponse()
    made = Dial(**(dial or {}))
    made.conference(name, **attributes)
    response.append(made)
    return response


def waiting(**attributes: str) -> VoiceResponse:
    """Return instructions that wait in a conference until it starts."""
    return joining(
        dial={"action": "/left"}, start_conference_on_enter=False, wait_url="/wait", status_callback="/conf",
        status_callback_event="start end join leave", **attributes,
    )  # fmt: skip


def conferences(scene: Scene, **query: str) -> list[tuple[str, str]]:
    """Return name and status of the conferences, newest first."""
    found = scene.api.get("Conferences", **query).body["conferences"]
    return [(each["friendly_name"], each["status"]) for each in found]


def participants(scene: Scene, name: str) -> list[str]:
    """Return the calls in a live conference."""
    found = scene.api.get("Conferences", name, "Participants").body["participants"]
    return sorted(each["call_sid"] for each in found)


def conference_events(scene: Scene) -> list[tuple[str, str | None, str | None, str | None]]:
    """Return event, number, call and reason of the conference callbacks, whose signatures are checked."""
    header = "x-twilio-signature" if scene.dialect == "twilio" else "x-signalwire-signature"
    found = [each for each in scene.app.arrived if urlsplit(each.url).path == "/conf"]
    for each in found:
        assert RequestValidator(scene.key).validate(each.url, each.fields, each.headers[header])
    names = ("StatusCallbackEvent", "SequenceNumber", "CallSid", "ReasonConferenceEnded")
    return [tuple(each.fields.get(name) for name in names) for each in found]  # type: ignore[misc]


def test_a_conference_waits_for_its_start(scene: Scene) -> None:
    """The first call waits and executes the wait document; the second starts the conference, and ends it by leaving."""
    scene.answer("/wait", "<Response><Say>Please wait</Say><Pause length='3600'/></Response>")
    scene.answer("/voice", waiting(record="record-from-start", recording_status_callback="/rec"))
    scene.answer("/left", say("Bye"))
    first = scene.call_in()
    scene.advance(5)
    assert conferences(scene) == [("Room", "init")]
    (conference,) = scene.api.get("Conferences").body["conferences"]
    assert participants(scene, conference["sid"]) == [first]
    scene.answer("/voice", joining(end_conference_on_exit=True))
    second = scene.call_in(**{"from": "+12025550146"})
    scene.advance(20)
    assert conferences(scene) == [("Room", "in-progress")]
    assert participants(scene, conference["sid"]) == sorted([first, second])
    scene.act(second, "hangup")
    scene.until(first, "ended")
    scene.advance(2)
    numbers = [str(each) for each in range(1, 7)] if scene.dialect == "twilio" else [None] * 6
    reason = END_ON_EXIT if scene.dialect == "twilio" else None
    assert conference_events(scene) == [
        ("participant-join", numbers[0], first, None), ("participant-join", numbers[1], second, None),
        ("conference-start", numbers[2], None, None), ("participant-leave", numbers[3], second, None),
        ("participant-leave", numbers[4], first, None), ("conference-end", numbers[5], None, reason),
    ]  # fmt: skip
    for call, expected in (
        (first, ["/voice", "/wait", "/left", "/status"]), (second, ["/voice", "/status"]),
    ):  # fmt: skip
        about = [urlsplit(each.url).path for each in scene.app.arrived if each.fields.get("CallSid") == call]
        assert [path for path in about if path not in {"/conf", "/rec"}] == expected
    (recorded,) = [each.fields for each in scene.app.arrived if urlsplit(each.url).path == "/rec"]
    assert (recorded["RecordingSource"], recorded["ConferenceSid"], recorded["RecordingDuration"]) == (
        "Conference", conference["sid"], "20",
    )  # fmt: skip
    assert (scene.spoken_texts(first), scene.ending(first)) == (["Please wait", "Bye"], ("completed", "26"))
    assert (conferences(scene), scene.ending(second)) == ([("Room", "completed")], ("completed", "20"))


def test_a_handler_creates_a_call(scene: Scene) -> None:
    """A handler that creates a call is answered while its own request is open; both calls join one conference."""
    created: list[int] = []

    def voice(request: ReceivedCallback) -> str:
        form = {"To": "client:agent1", "From": scene.number, "Url": scene.app.url("/agent")}
        created.append(scene.api.post("Calls", form=form).status)
        return str(joining(request.fields["CallSid"]))

    call = ""
    scene.answer("/voice", voice)
    scene.answer("/agent", lambda _: str(joining(call, end_conference_on_exit=True)))
    call = scene.call_in()
    scene.advance(1)
    assert created == [201 if scene.dialect == "twilio" else 200]
    assert conferences(scene) == [(call, "in-progress")]
    (conference,) = scene.api.get("Conferences").body["conferences"]
    (agent,) = [each for each in participants(scene, conference["sid"]) if each != call]
    scene.advance(9)
    assert scene.api.post("Calls", agent, form={"Status": "completed"}).status == 200
    scene.rest()
    assert conferences(scene) == [(call, "completed")]
    assert (scene.ending(call)[0], scene.ending(agent)[0]) == ("completed", "completed")


def test_a_participant_is_added_by_name(twilio: Scene) -> None:
    """A participant that the API adds by the conference's name joins the conference that markup has opened."""
    twilio.answer("/voice", joining("Desk"))
    call = twilio.call_in()
    twilio.rest()
    form = {"From": twilio.number, "To": "+12025550144", "Label": "x"}
    made = twilio.api.post("Conferences", "Desk", "Participants", form=form)
    assert (made.status, made.body["label"]) == (201, "x")
    twilio.advance(1)
    assert participants(twilio, made.body["conference_sid"]) == sorted([call, made.body["call_sid"]])
    assert conferences(twilio) == [("Desk", "in-progress")]


def test_added_participants_end_with_their_conference(twilio: Scene) -> None:
    """Calls without instructions end with their conference, and their recordings with them."""
    form = {
        "From": twilio.number, "Record": "true", "RecordingStatusCallback": twilio.app.url("/rec"),
    }  # fmt: skip
    calls = []
    for to in ("+12025550144", "+12025550145"):
        made = twilio.api.post("Conferences", "Desk", "Participants", form={**form, "To": to})
        assert made.status == 201
        calls.append(made.body["call_sid"])
        twilio.rest()
    conference = made.body["conference_sid"]
    twilio.advance(30)
    assert twilio.api.post("Conferences", conference, form={"Status": "completed"}).status == 200
    twilio.rest()
    assert [twilio.ending(call) for call in calls] == [("completed", "30")] * 2
    twilio.advance(2)
    reported = [(each.fields["CallSid"], each.fields["RecordingStatus"]) for each in twilio.app.arrived]
    assert sorted(reported) == sorted((call, "completed") for call in calls)
    assert twilio.control.post("/settle", {"advance": True}).body == {"left": []}


def test_one_of_three_participants_is_removed(twilio: Scene) -> None:
    """The call of a removed participant ends, the others go on."""
    calls = []
    for to in ("+12025550144", "+12025550145", "+12025550146"):
        made = twilio.api.post("Conferences", "Desk", "Participants", form={"From": twilio.number, "To": to})
        calls.append(made.body["call_sid"])
        twilio.rest()
    conference = made.body["conference_sid"]
    twilio.advance(10)
    assert twilio.api.delete("Conferences", conference, "Participants", calls[1]).status == 204
    twilio.rest()
    assert [twilio.ending(call)[0] for call in calls] == ["in-progress", "completed", "in-progress"]
    assert participants(twilio, conference) == sorted([calls[0], calls[2]])


def test_a_name_is_used_again_at_once(scene: Scene) -> None:
    """A call that joins by the name of a conference that has just ended opens a new one."""
    scene.answer("/voice", joining(end_conference_on_exit=True))
    first = scene.call_in()
    scene.advance(5)
    scene.act(first, "hangup")
    second = scene.call_in()
    scene.advance(5)
    assert conferences(scene) == [("Room", "init"), ("Room", "completed")]
    (newest, _) = scene.api.get("Conferences").body["conferences"]
    assert participants(scene, newest["sid"]) == [second]


def test_a_call_leaves_by_the_star(scene: Scene) -> None:
    """With `hangupOnStar` the caller's `*` leaves the conference, and the action is requested."""
    scene.answer("/voice", joining(dial={"action": "/left", "hangup_on_star": True}))
    scene.answer("/left", say("Bye"))
    call = scene.call_in()
    scene.advance(5)
    assert scene.act(call, "press", digits="*") == {"used": True}
    scene.until(call, "ended")
    assert scene.requests(call) == [VOICE, LEFT, ended(scene, "6", "1")]
    assert conferences(scene) == [("Room", "completed")]
