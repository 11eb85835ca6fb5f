"""Flows that dial parties or join a conference."""

from typing import Any

import pytest
from tapedeck_callflow import Position
from tapedeck_callflow.effects import (
    Answer,
    Callback,
    CaptureSettings,
    Dial,
    Effect,
    Fetch,
    HangUp,
    Join,
    Note,
    Party,
    Play,
    Stop,
    Timer,
    Whisper,
)
from tapedeck_callflow.events import Answered, Connected, DialEnded, HungUp, Left, Redirected, UrlSource

from tests.callflow.flows import APP, Leg, spoken

NUMBER = "+12025550144"
MONO = CaptureSettings(1, "both", "do-not-trim", None)


def dial(n: int, *parties: Party, **changed: Any) -> Dial:
    """Return the dialing of these parties with the defaults, apart from some fields."""
    defaults: dict[str, Any] = {
        "timeout_ms": 30_000, "limit_ms": 14_400_000, "caller_id": "", "hangup_on_star": False, "answer": False,
        "sequential": False, "record": "", "settings": MONO,
    }  # fmt: skip
    return Dial(n, parties, **{**defaults, **changed})


def join(n: int, **changed: Any) -> Join:
    """Return the joining of the conference `Room` with the defaults, apart from some fields."""
    defaults: dict[str, Any] = {
        "name": "Room", "muted": False, "start_on_enter": True, "end_on_exit": False, "beep": "true", "wait": None,
        "max_participants": 250, "record": None, "callback": None, "label": "", "coach": "",
        "hangup_on_star": False, "limit_ms": 14_400_000,
    }  # fmt: skip
    return Join(n, **{**defaults, **changed})


def after(n: int, parameters: dict[str, str], **more: Any) -> Fetch:
    """Return the request for the action of a `<Dial>`."""
    return Fetch(n, f"{APP}/after", "POST", "action", parameters, **more)


def test_a_dial_without_an_action_goes_on() -> None:
    """The next verb follows when the dialing is over."""
    leg = Leg()
    assert leg.start(f"<Dial>{NUMBER}</Dial><Say>Bye</Say>") == [dial(2, Party("number", NUMBER))]
    assert leg.flow.position == Position("Dial", 0, ("party",))
    assert leg.send(DialEnded(2, "no-answer", "c1")) == [Play(3, spoken("Bye"))]


@pytest.mark.parametrize(
    ("ended", "parameters"),
    [
        (DialEnded(2, "completed", "c1", bridged=True, ms=10_000),
         {"DialCallStatus": "completed", "DialBridged": "true", "DialCallDuration": "10"}),
        (DialEnded(2, "completed", "c1", ms=0),
         {"DialCallStatus": "completed", "DialBridged": "false", "DialCallDuration": "0"}),
        (DialEnded(2, "busy", "c1"), {"DialCallStatus": "busy", "DialBridged": "false"}),
        (DialEnded(2, "failed", "c1", sip_code=404, sip_call_id="x"),
         {"DialCallStatus": "failed", "DialBridged": "false", "DialSipResponseCode": "404", "DialSipCallId": "x"}),
    ],
)  # fmt: skip
def test_an_action_gets_the_end_of_the_dialing(ended: DialEnded, parameters: dict[str, str]) -> None:
    """The request has status, connection and length, and the dialed call; SignalWire has no DialBridged."""
    twilio, signalwire = Leg(), Leg(dialect="signalwire")
    for leg in (twilio, signalwire):
        leg.start(f"<Dial action='/after'>{NUMBER}</Dial>")
    without = {name: value for name, value in parameters.items() if name != "DialBridged"}
    assert (twilio.send(ended), signalwire.send(ended)) == (
        [after(3, parameters, dialed_call="c1")],
        [after(3, without, dialed_call="c1")],
    )


def test_a_dial_records_and_its_action_gets_the_recording() -> None:
    """The recording's settings are in the effect, the recording with its length in the request."""
    leg = Leg()
    settings = CaptureSettings(2, "inbound", "trim-silence", Callback(f"{APP}/rec", "POST", ("in-progress",)))
    assert leg.start(
        "<Dial action='/after' record='record-from-answer-dual' trim='trim-silence' recordingTrack='inbound' "
        f"recordingStatusCallback='/rec' recordingStatusCallbackEvent='in-progress'>{NUMBER}</Dial>"
    ) == [dial(2, Party("number", NUMBER), record="answer", settings=settings)]
    ended = DialEnded(2, "completed", "c1", bridged=True, ms=30_000, recording="r1", recorded_ms=30_400)
    parameters = {
        "DialCallStatus": "completed", "DialBridged": "true", "DialCallDuration": "30", "RecordingDuration": "30",
    }  # fmt: skip
    assert leg.send(ended) == [after(3, parameters, dialed_call="c1", recording="r1", recorded_ms=30_400)]


def test_without_a_valid_party_the_action_is_requested_at_once() -> None:
    """The dialing has failed, and there is no dialed call."""
    number = Note(2, "warning", 13223, "this is no phone number", "Dial", line=1, column=11, value="abc")
    failed = {"DialCallStatus": "failed", "DialBridged": "false"}
    assert Leg().start("<Dial action='/after'>abc</Dial>") == [number, after(3, failed)]
    party = Note(2, "warning", 13223, "there is no party to dial", "Dial", line=1, column=11)
    assert Leg().start("<Dial action='/after'/>") == [party, after(3, failed)]


def test_nouns_have_their_callbacks_and_whispers() -> None:
    """URLs of nouns are absolute in the effect."""
    content = (
        "<Dial timeout='20' timeLimit='60' hangupOnStar='true' callerId='+12025550100' sequential='true'>"
        "<Number url='screen' method='GET' sendDigits='1' statusCallback='/leg' statusCallbackEvent='ringing answered'>"
        f"{NUMBER}</Number><Client machineDetection='Enable' amdStatusCallback='/amd'>bob</Client></Dial>"
    )
    number = Party(
        "number", NUMBER, "1", Whisper(f"{APP}/screen", "GET"), Callback(f"{APP}/leg", "POST", ("ringing", "answered"))
    )
    client = Party("client", "client:bob", detection="Enable", detection_callback=Callback(f"{APP}/amd", "POST", ()))
    changed = {"timeout_ms": 20_000, "limit_ms": 60_000, "hangup_on_star": True, "caller_id": "+12025550100"}
    assert Leg().start(content) == [dial(2, number, client, sequential=True, **changed)]


def test_a_client_needs_a_caller_id_to_dial_a_number() -> None:
    """Without it, numbers are left out with a warning, and clients are dialed."""
    leg = Leg(caller="client:alice")
    assert leg.start(f"<Dial><Number>{NUMBER}</Number><Client>bob</Client></Dial>") == [
        Note(2, "warning", 13214, "a client needs a callerId to dial a number", "Dial", line=1, column=11),
        dial(3, Party("client", "client:bob")),
    ]


def test_an_incoming_call_can_ring_until_it_is_connected() -> None:
    """With answerOnBridge, an unanswered dialing leaves it ringing for the next verb; a connection answers it."""
    content = f"<Dial answerOnBridge='true'>{NUMBER}</Dial><Reject/>"
    rejected, connected, ended = Leg(answered=False), Leg(answered=False), Leg(answered=False)
    for leg in (rejected, connected, ended):
        assert leg.start(content) == [dial(2, Party("number", NUMBER), answer=True)]
    assert [effect.__class__.__name__ for effect in rejected.send(DialEnded(2, "busy", "c1"))] == ["Reject"]
    assert connected.send(Connected(2), DialEnded(2, "completed", "c1", bridged=True, ms=1)) == [HangUp(3, "markup")]
    assert ended.send(DialEnded(2, "completed", "c1", bridged=True, ms=1)) == [HangUp(3, "markup")]


def test_a_dial_answers_an_incoming_call_first() -> None:
    """Without answerOnBridge, the caller is answered before the parties are dialed."""
    leg = Leg(answered=False)
    assert leg.start(f"<Dial>{NUMBER}</Dial>") == [Answer(2)]
    assert leg.send(Answered(2)) == [dial(3, Party("number", NUMBER))]


def test_a_hang_up_while_dialing_requests_the_action_in_vain() -> None:
    """The dialing is stopped and reported; the answer is not executed."""
    leg = Leg()
    leg.start(f"<Dial action='/after'>{NUMBER}</Dial><Say>x</Say>")
    assert leg.send(HungUp("party")) == [Stop(3, 2)]
    assert leg.send(DialEnded(2, "canceled", "c1")) == [
        after(4, {"DialCallStatus": "canceled", "DialBridged": "false"}, dialed_call="c1", executed=False)
    ]
    assert leg.fetched(4, "<Say>late</Say>") == []
    assert leg.flow.finished


@pytest.mark.parametrize("content", [f"<Dial>{NUMBER}</Dial>", "<Dial><Conference>Room</Conference></Dial>"])
def test_without_an_action_a_hang_up_requests_nothing(content: str) -> None:
    """The flow is over when the dialing is."""
    leg = Leg()
    leg.start(content)
    assert leg.send(HungUp("party"), DialEnded(2, "canceled", "c1"), Left(2)) == [Stop(3, 2)]
    assert leg.flow.finished


def test_the_api_ends_a_dialing_without_a_request() -> None:
    """A call that the API ends has no further request."""
    leg = Leg()
    leg.start(f"<Dial action='/after'>{NUMBER}</Dial>")
    assert leg.send(HungUp("api"), DialEnded(2, "completed", "c1", bridged=True, ms=1)) == [Stop(3, 2)]
    assert leg.flow.finished


def test_a_redirect_while_dialing_requests_two_documents() -> None:
    """The action comes first, as completed, and is not executed; the new document follows its answer."""
    leg = Leg()
    leg.start(f"<Dial action='/after'>{NUMBER}</Dial>")
    assert leg.send(Redirected(UrlSource(f"{APP}/new"))) == [Stop(3, 2)]
    parameters = {"DialCallStatus": "completed", "DialBridged": "true", "DialCallDuration": "7"}
    assert leg.send(DialEnded(2, "completed", "c1", bridged=True, ms=7_000)) == [
        after(4, parameters, dialed_call="c1", executed=False)
    ]
    assert leg.fetched(4, "<Say>old</Say>") == [Fetch(5, f"{APP}/new", "POST", "voice", {})]


def test_a_hang_up_after_a_redirect_ends_the_flow() -> None:
    """When the call ends while the last request of the dialing is open, the new document is not requested."""
    leg = Leg()
    leg.start(f"<Dial action='/after'>{NUMBER}</Dial>")
    leg.send(Redirected(UrlSource(f"{APP}/new")), DialEnded(2, "canceled", "c1"))
    assert leg.send(HungUp("party")) == []
    assert leg.fetched(4, "<Say>old</Say>") == []
    assert leg.flow.finished


def test_a_conference_is_joined_and_left() -> None:
    """The call stays until it has left; its action gets `answered` and no dialed call."""
    leg = Leg()
    content = (
        "<Dial action='/after' hangupOnStar='true'><Conference startConferenceOnEnter='false' waitUrl='/wait' "
        "statusCallback='/conf' statusCallbackEvent='start end' record='true' participantLabel='x' coach='c2' "
        "beep='onExit'>Room</Conference></Dial>"
    )
    assert leg.start(content) == [
        join(
            2,
            start_on_enter=False,
            wait=Whisper(f"{APP}/wait", "POST"),
            callback=Callback(f"{APP}/conf", "POST", ("start", "end")),
            record=CaptureSettings(1, "both", "trim-silence", None),
            label="x",
            coach="c2",
            beep="onExit",
            hangup_on_star=True,
        )
    ]
    assert leg.flow.position == Position("Dial", 0, ("conference",))
    assert leg.send(Left(2, "ended")) == [after(3, {"DialCallStatus": "answered"})]


def test_a_participant_that_is_redirected_requests_its_action_first() -> None:
    """It leaves, its action gets `answered`, and the new document follows."""
    leg = Leg()
    leg.start("<Dial action='/after'><Conference>Room</Conference></Dial>")
    assert leg.send(Redirected(UrlSource(f"{APP}/new"))) == [Stop(3, 2)]
    assert leg.send(Left(2, "stopped")) == [after(4, {"DialCallStatus": "answered"}, executed=False)]
    assert leg.fetched(4, "") == [Fetch(5, f"{APP}/new", "POST", "voice", {})]


def test_a_coach_of_an_unknown_call_is_warned_of() -> None:
    """The verb ends as failed."""
    leg = Leg()
    leg.start("<Dial action='/after'><Conference coach='c9'>Room</Conference></Dial>")
    assert leg.send(Left(2, "coach_unknown")) == [
        Note(3, "warning", 13240, "the call to coach is not in the conference", "Dial", line=1, column=11),
        after(4, {"DialCallStatus": "failed"}),
    ]


@pytest.mark.parametrize(
    ("wait_url", "wait", "warnings"),
    [
        ("", None, []),
        ("waitUrl=''", Whisper("", "POST"), []),
        ("waitUrl='ftp://x/'", None,
         [Note(2, "warning", 13233, "the wait URL is no absolute http or https URL", "Dial", line=1, column=11)]),
    ],
    ids=["music", "silence", "unusable"],
)  # fmt: skip
def test_what_a_waiting_participant_gets(wait_url: str, wait: Whisper | None, warnings: list[Effect]) -> None:
    """Without a URL the vendor's music, with an empty one silence; an unusable one gives a warning."""
    effects = Leg().start(f"<Dial><Conference {wait_url}>Room</Conference></Dial>")
    assert effects == [*warnings, join(len(warnings) + 2, wait=wait)]


def test_a_failed_last_request_is_noted() -> None:
    """When the action of a call that was hung up has no absolute URL, that is an error, and the flow is over."""
    leg = Leg()
    leg.start_inline(f"<Dial action='after'>{NUMBER}</Dial>")
    assert leg.send(HungUp("party"), DialEnded(1, "canceled", "c1")) == [
        Stop(2, 1),
        Note(3, "error", 11100, "this is no absolute http or https URL", "Dial", line=1, column=11),
    ]
    assert leg.flow.finished


def test_a_pause_between_dials_is_a_timer() -> None:
    """Verbs after an unanswered dialing are executed."""
    leg = Leg()
    leg.start(f"<Dial>{NUMBER}</Dial><Pause length='4'/>")
    assert leg.send(DialEnded(2, "busy", "c1")) == [Timer(3, 4_000)]
