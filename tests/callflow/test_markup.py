"""Verbs from markup: defaults, values, nesting and warnings, in both dialects."""

from typing import Any, Literal

import pytest
from tapedeck_callflow import parse
from tapedeck_callflow.document import DocumentError
from tapedeck_callflow.verbs import (
    Conference,
    ConnectStream,
    Hangup,
    MachineDetection,
    Message,
    Pause,
    Play,
    Record,
    RecordingSettings,
    Redirect,
    Reject,
    Say,
    StartRecording,
    StartStream,
    StopRecording,
    StopStream,
    Stream,
    Subscription,
    Target,
    Unsupported,
    Verb,
)
from tapedeck_callflow.verbs import Dial as DialVerb
from tapedeck_callflow.verbs import Gather as GatherVerb
from twilio.twiml.voice_response import Dial, Gather, VoiceResponse

Dialect = Literal["twilio", "signalwire"]
DIALECTS: tuple[Dialect, Dialect] = ("twilio", "signalwire")
COMPLETED = Subscription(None, "POST", ("completed",))


@pytest.fixture(params=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    """One of the dialects."""
    chosen: Dialect = request.param
    return chosen


def verbs_of(content: str, dialect: Dialect = "twilio") -> list[Verb]:
    """Return the verbs of a document that has no warnings."""
    document = parse(f"<Response>{content}</Response>", dialect)
    assert document.warnings == ()
    return [step.verb for step in document.steps]


def warned(content: str, dialect: Dialect = "twilio") -> tuple[list[Verb], list[tuple[int, str, str]]]:
    """Return the verbs of a document, and code, element and attribute of its warnings."""
    document = parse(f"<Response>{content}</Response>", dialect)
    warnings = [(warning.code, warning.verb, warning.attribute) for warning in document.warnings]
    return [step.verb for step in document.steps], warnings


def settings(trim: str, channels: Literal[1, 2] = 1, callback: Subscription = COMPLETED) -> RecordingSettings:
    """Return how a recording is made, of both tracks."""
    return RecordingSettings(channels, "both", trim, callback)


def gather(**changed: Any) -> GatherVerb:
    """Return a `<Gather>` with the defaults of the vendors, apart from some fields."""
    defaults: dict[str, Any] = {
        "prompts": (), "digits": True, "speech": False, "action": None, "method": "POST", "timeout": 5,
        "speech_timeout": 5, "finish_on_key": "#", "num_digits": None, "action_on_empty_result": False,
        "barge_in": True, "hints": "", "partial_result_callback": Subscription(),
    }  # fmt: skip
    return GatherVerb(**{**defaults, **changed})


def dial(*targets: Target, **changed: Any) -> DialVerb:
    """Return a `<Dial>` with the defaults of the vendors, apart from some fields."""
    defaults: dict[str, Any] = {
        "conference": None, "action": None, "method": "POST", "timeout": 30, "time_limit": 14_400,
        "hangup_on_star": False, "caller_id": "", "answer_on_bridge": False, "sequential": False, "record": "",
        "settings": settings("do-not-trim"),
    }  # fmt: skip
    return DialVerb(targets=targets, **{**defaults, **changed})


def conference(name: str, **changed: Any) -> Conference:
    """Return a `<Conference>` with the defaults of the vendors, apart from some fields."""
    defaults: dict[str, Any] = {
        "muted": False, "start_on_enter": True, "end_on_exit": False, "beep": "true", "wait_url": None,
        "wait_method": "POST", "max_participants": 250, "record": False, "settings": settings("trim-silence"),
        "callback": Subscription(), "label": "", "coach": "",
    }  # fmt: skip
    return Conference(name, **{**defaults, **changed})


@pytest.mark.parametrize(
    ("dialect", "content", "verb"),
    [
        ("twilio", "<Say>Hello</Say>", Say("Hello", "man", "en-US")),
        ("signalwire", "<Say>Hello</Say>", Say("Hello", "woman", "")),
        ("twilio", "<Play>a.wav</Play>", Play("a.wav")),
        ("twilio", '<Play digits="1wW#"/>', Play("", "1wW#")),
        ("twilio", "<Pause/>", Pause(1)),
        ("twilio", "<Hangup><Parameter/></Hangup>", Hangup()),
        ("twilio", "<Reject/>", Reject("rejected")),
        ("twilio", "<Redirect/>", Redirect("", "POST")),
        ("twilio", '<Redirect method="get"> /next?a=1&amp;b=2 </Redirect>', Redirect("/next?a=1&b=2", "GET")),
        ("twilio", "<Gather/>", gather()),
        ("twilio", '<Gather input="speech" timeout="auto" speechTimeout="auto"/>',
         gather(digits=False, speech=True, speech_timeout=1)),
        ("twilio", '<Gather input="speech dtmf" timeout="7" finishOnKey="" numDigits="4" bargeIn="False"/>',
         gather(speech=True, timeout=7, speech_timeout=7, finish_on_key="", num_digits=4, barge_in=False)),
        ("twilio", "<Record/>",
         Record(None, "POST", 5, "1234567890*#", 3_600, True, settings("trim-silence"), False, None)),
        ("signalwire", '<Record maxLength="0" transcribeCallback="/text"/>',
         Record(None, "POST", 5, "1234567890*#", 3_600, True, settings("trim-silence"), True, "/text")),
        ("twilio", "<Start><Recording/></Start>", StartRecording(settings("trim-silence", 2))),
        ("signalwire", "<Stop><Recording/></Stop>", StopRecording()),
        ("twilio", '<Start><Stream name="a" url="wss://x/"><Parameter name="k" value="v"/></Stream></Start>',
         StartStream(Stream("Stream", "a", "wss://x/", "inbound_track", {"k": "v"}))),
        ("twilio", '<Stop><Stream name="a"/></Stop>', StopStream("a")),
        ("twilio", '<Connect action="/end"><ConversationRelay url="wss://x/"/></Connect>',
         ConnectStream(Stream("ConversationRelay", "", "wss://x/", "inbound_track"), "/end", "POST")),
        ("twilio", "<Dial>+12025550144</Dial>", dial(Target("number", "+12025550144"))),
        ("twilio", "<Dial>(202) 555-0144</Dial>", dial(Target("number", "+12025550144"))),
        ("twilio", '<Dial record="record-from-ringing-dual"><Client>bob</Client></Dial>',
         dial(Target("client", "client:bob"), record="ringing", settings=settings("do-not-trim", 2))),
        ("twilio", '<Dial><Client><Identity>bob</Identity><Parameter name="a" value="b"/></Client></Dial>',
         dial(Target("client", "client:bob", parameters={"a": "b"}))),
        ("twilio", '<Dial><Sip username="u" password="p">sip:a@b.example?x=y</Sip></Dial>',
         dial(Target("sip", "sip:a@b.example?x=y"))),
        ("twilio", '<Dial><Number sendDigits="ww1" url="/w" method="GET" machineDetection="Enable">+44</Number></Dial>',
         dial(Target("number", "+44", "ww1", "/w", "GET", Subscription(),
                     MachineDetection("Enable", Subscription())))),
        ("twilio", "<Dial><Conference>Room</Conference></Dial>", dial(conference=conference("Room"))),
        ("signalwire", '<Dial record="true"><Conference waitUrl="">Room</Conference></Dial>',
         dial(conference=conference("Room", wait_url=""), record="answer")),
    ],
)  # fmt: skip
def test_a_verb_has_its_values_and_defaults(dialect: Dialect, content: str, verb: Verb) -> None:
    """What is written is read, and what is not written has the default of the dialect."""
    assert verbs_of(content, dialect) == [verb]


def test_documents_of_the_vendors_sdk_have_no_warnings() -> None:
    """What Twilio's SDK builds is read without a warning."""
    built = VoiceResponse()
    menu = Gather(num_digits=1, action="/menu", input="dtmf speech", action_on_empty_result=True)
    menu.say("Press one", voice="Polly.Joanna", language="en-GB")
    menu.pause(length=2)
    built.append(menu)
    room = Dial(action="/left", hangup_on_star=True)
    room.conference(
        "Room", end_conference_on_exit=True, status_callback="/conf", status_callback_event="start end join leave",
        record="record-from-start", recording_status_callback="/rec",
    )  # fmt: skip
    built.append(room)
    document = parse(str(built), "twilio")
    assert document.warnings == ()
    assert [step.verb for step in document.steps] == [
        gather(
            prompts=(Say("Press one", "Polly.Joanna", "en-GB"), Pause(2)),
            speech=True,
            action="/menu",
            num_digits=1,
            action_on_empty_result=True,
        ),
        dial(
            conference=conference(
                "Room",
                end_on_exit=True,
                record=True,
                settings=settings("trim-silence", callback=Subscription("/rec", "POST", ("completed",))),
                callback=Subscription("/conf", "POST", ("start", "end", "join", "leave")),
            ),
            action="/left",
            hangup_on_star=True,
        ),
    ]


@pytest.mark.parametrize(
    ("content", "text", "pause_ms"),
    [
        ("<Say>  a\n  b </Say>", "a b", 0),
        ('<Say>a<break time="2s"/>b<break time="300ms"/><break strength="weak"/></Say>', "a b", 2_300),
        (
            "<Say><prosody rate='slow'>a <emphasis>b</emphasis></prosody><amazon:effect>c</amazon:effect></Say>",
            "a bc",
            0,
        ),
    ],
)
def test_text_to_say_has_its_white_space_collapsed(content: str, text: str, pause_ms: int) -> None:
    """Runs of white space count as one blank, SSML is left out, and breaks are added up."""
    assert verbs_of(content) == [Say(text, "man", "en-US", 1, pause_ms)]


@pytest.mark.parametrize(
    ("dialect", "content", "verbs", "warnings"),
    [
        ("twilio", "<say>x</say>", [], [(12200, "say", "")]),
        ("twilio", "text<Pause/>", [Pause(1)], [(12200, "Response", "")]),
        ("twilio", '<Say vioce="a">y</Say>', [Say("y", "man", "en-US")], [(12200, "Say", "vioce")]),
        ("twilio", "<Say> </Say>", [], [(13520, "Say", "")]),
        ("twilio", "<Say>a<b>c</b></Say>", [Say("a", "man", "en-US")], [(12200, "b", "")]),
        ("twilio", '<Say loop="-1">y</Say>', [Say("y", "man", "en-US")], [(13510, "Say", "loop")]),
        ("twilio", '<Play loop="1001">y</Play>', [Play("y")], [(13410, "Play", "loop")]),
        ("twilio", "<Play/>", [], [(13420, "Play", "")]),
        ("twilio", '<Pause length="0"/>', [Pause(1)], [(13910, "Pause", "length")]),
        ("twilio", '<Pause length="\uff11"/>', [Pause(1)], [(13910, "Pause", "length")]),
        ("twilio", '<Redirect method="PUT">/x</Redirect>', [Redirect("/x", "POST")], [(13710, "Redirect", "method")]),
        ("twilio", '<Reject reason="no"/>', [Reject("rejected")], [(13810, "Reject", "reason")]),
        ("twilio", '<Gather numDigits="0" timeout="x" finishOnKey="12" input="x"/>', [gather()],
         [(13326, "Gather", "input"), (13313, "Gather", "timeout"), (13310, "Gather", "finishOnKey"),
          (13314, "Gather", "numDigits")]),
        ("twilio", "<Gather><Dial>1</Dial></Gather>", [gather()], [(13320, "Dial", "")]),
        ("twilio", '<Record maxLength="1"/>',
         [Record(None, "POST", 5, "1234567890*#", 3_600, True, settings("trim-silence"), False, None)],
         [(13612, "Record", "maxLength")]),
        ("signalwire", '<Dial timeout="4">abc</Dial>', [dial()], [(13223, "Dial", ""), (13212, "Dial", "timeout")]),
        ("twilio", '<Dial record="x"><Say>a</Say></Dial>', [dial()], [(13215, "Say", ""), (13217, "Dial", "record")]),
        ("twilio", "<Dial>+12025550144<Client>a</Client></Dial>", [dial(Target("client", "client:a"))],
         [(13215, "Dial", "")]),
        ("twilio", "<Dial><Conference>R</Conference><Client>a</Client></Dial>", [dial(Target("client", "client:a"))],
         [(13000, "Conference", "")]),
        ("twilio", "<Dial><Conference>R</Conference><Say>a</Say></Dial>", [dial(conference=conference("R"))],
         [(13215, "Say", "")]),
        ("twilio", '<Dial record="true"><Conference>R</Conference></Dial>', [dial(conference=conference("R"))],
         [(13217, "Dial", "record")]),
        ("twilio", "<Dial><Conference> </Conference></Dial>", [dial()], [(13237, "Conference", "")]),
        ("twilio", "<Dial><Queue>q</Queue></Dial>", [dial()], [(13750, "Queue", "")]),
        ("twilio", "<Dial><Sip>http://a</Sip></Dial>", [dial()], [(13243, "Sip", "")]),
        ("twilio", "<Enqueue>q</Enqueue><Pause/>", [Unsupported(), Pause(1)], [(13750, "Enqueue", "")]),
        ("twilio", '<Sms to="+1">hi</Sms>', [Message("hi", "+1", "", None, "POST", None)], [(13750, "Sms", "")]),
        ("twilio", "<Stop><Recording/></Stop>", [StopRecording()], [(12200, "Recording", "")]),
        ("twilio", "<Start/>", [], [(12200, "Start", "")]),
        ("twilio", '<Dial><Conference beep="loud">R</Conference></Dial>', [dial(conference=conference("R"))],
         [(13235, "Conference", "beep")]),
        ("twilio", '<Dial><Client statusCallbackEvent="answered pong">a</Client></Dial>',
         [dial(Target("client", "client:a", callback=Subscription(None, "POST", ("answered",))))],
         [(12200, "Client", "statusCallbackEvent")]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_replaced_and_gives_a_warning(
    dialect: Dialect, content: str, verbs: list[Verb], warnings: list[tuple[int, str, str]]
) -> None:
    """A bad value is replaced by the default, what may not be there is skipped, and each gives one warning."""
    assert warned(content, dialect) == (verbs, warnings)


def test_only_ten_parties_are_dialed() -> None:
    """The eleventh party is left out with a warning."""
    found, warnings = warned("<Dial>" + "<Client>a</Client>" * 11 + "</Dial>")
    assert (found, warnings) == ([dial(*[Target("client", "client:a")] * 10)], [(13215, "Client", "")])


def test_a_long_text_is_cut() -> None:
    """Of a text, 4,096 characters are said."""
    found, warnings = warned(f"<Say>{'a' * 4_097}</Say>")
    assert (found, warnings) == ([Say("a" * 4_096, "man", "en-US")], [(13520, "Say", "")])


def test_a_warning_has_its_place_and_value() -> None:
    """A warning names the line and column of its element, the attribute and its value."""
    (warning,) = parse('<Response>\n  <Say loop="x">a</Say>\n</Response>', "twilio").warnings
    assert (warning.line, warning.column, warning.attribute, warning.value, warning.text) == (
        2, 3, "loop", "x", "'x' is no value of 'loop'; the default is used",
    )  # fmt: skip


@pytest.mark.parametrize(("dialect", "code"), [("twilio", 12102), ("signalwire", 12100)])
def test_the_root_is_response(dialect: Dialect, code: int) -> None:
    """Another root is refused with the error code of the dialect."""
    with pytest.raises(DocumentError) as refused:
        parse("<response/>", dialect)
    assert (refused.value.code, refused.value.line, refused.value.column) == (code, 1, 1)


def test_an_empty_document_is_legal(dialect: Dialect) -> None:
    """A document without verbs has no warnings."""
    assert verbs_of("<!-- nothing -->", dialect) == []
