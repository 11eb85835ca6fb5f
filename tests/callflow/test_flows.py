"""Flows: the effects of documents and events, in order."""

from typing import Any

import pytest
from tapedeck_callflow import Facts, Flow, FlowEnded, Position
from tapedeck_callflow.effects import (
    Answer,
    Callback,
    Cancel,
    Capture,
    CaptureSettings,
    CaptureStop,
    Connect,
    Effect,
    ErrorMessage,
    Fetch,
    File,
    Finish,
    HangUp,
    Listen,
    Note,
    Notify,
    Play,
    Record,
    Reject,
    SendMessage,
    Spoken,
    StartStream,
    Stop,
    StopStream,
    Timer,
    Tones,
    Unlisten,
)
from tapedeck_callflow.events import (
    Answered,
    Digit,
    Event,
    Fetched,
    FetchFailed,
    HungUp,
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

from tests.callflow.flows import APP, Leg, document, spoken

RECORDING = CaptureSettings(1, "both", "trim-silence", None)


def action(n: int, path: str, parameters: dict[str, str], **more: Any) -> Fetch:
    """Return a request for the `action` of a verb."""
    return Fetch(n, f"{APP}{path}", "POST", "action", parameters, **more)


def test_verbs_run_one_after_the_other_and_then_the_call_ends() -> None:
    """Each verb is executed to its end; after the last one, the call is ended."""
    leg = Leg()
    assert leg.start('<Say loop="2">Hello</Say><Play>a.wav</Play><Play digits="1w"/><Pause length="3"/>') == [
        Play(2, spoken("Hello"), 2)
    ]
    assert leg.send(Played(2)) == [Play(3, File(f"{APP}/a.wav"))]
    failed = Note(4, "warning", 13420, "there was nothing to play", "Play", line=1, column=36)
    assert leg.send(Played(3, "failed", 13420)) == [failed, Play(5, Tones("1w"))]
    assert leg.send(Played(5)) == [Timer(6, 3_000)]
    assert leg.send(TimerFired(6)) == [HangUp(7, "markup")]
    assert leg.flow.finished


def test_the_first_request_is_for_the_voice_url() -> None:
    """A flow begins with a request for its document, and is then at no verb."""
    flow = Flow(Facts("twilio"))
    assert flow.start(UrlSource(f"{APP}/voice", "GET")) == [Fetch(1, f"{APP}/voice", "GET", "voice", {})]
    assert flow.position == Position(None, None, ("application",))


@pytest.mark.parametrize(
    ("content", "effects"),
    [
        ("<Say>Hello</Say>", [Answer(2)]),
        ("<Hangup/>", [Answer(2)]),
        ("", [Answer(2)]),
        ("<Reject/>", [Reject(2, "rejected")]),
        ('<Reject reason="busy"/>', [Reject(2, "busy")]),
        ("<Pause length='2'/>", [Timer(2, 2_000)]),
        ("<Enqueue/><Reject/>",
         [Note(2, "warning", 13750, "<Enqueue> is not supported", "Enqueue", line=1, column=11),
          Reject(3, "rejected")]),
    ],
)  # fmt: skip
def test_the_first_verb_answers_an_incoming_call(content: str, effects: list[Effect]) -> None:
    """All verbs answer it but `<Reject>`, verbs that are not supported, and `<Pause>`, which rings on."""
    assert Leg(answered=False).start(content) == effects


def test_a_pause_before_the_answer_answers_at_its_end() -> None:
    """An incoming call rings for the length of a first `<Pause>`; then it is answered."""
    leg = Leg(answered=False)
    leg.start("<Pause/><Reject/>")
    assert leg.send(TimerFired(2)) == [Answer(3)]
    assert leg.send(Answered(3)) == [HangUp(4, "markup")]


def test_a_gather_collects_digits_up_to_their_number() -> None:
    """The first key stops the prompt; with all keys there, the action is requested with them."""
    leg = Leg()
    assert leg.start('<Gather action="/menu" numDigits="2"><Say>Keys</Say><Pause/></Gather><Hangup/>') == [
        Listen(2, digits=True, speech=False), Play(3, spoken("Keys")),
    ]  # fmt: skip
    assert leg.send(Digit("1")) == [Stop(4, 3), Timer(5, 5_000)]
    assert leg.flow.position == Position("Gather", 0, ("digits",))
    assert leg.send(Digit("2")) == [
        Cancel(6, 5), Unlisten(7), action(8, "/menu", {"Digits": "12", "msg": "Gather End"}),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("keys", "digits"),
    [("42#", {"Digits": "42", "FinishedOnKey": "#"}), ("4*#", {"Digits": "4*", "FinishedOnKey": "#"})],
)
def test_a_key_finishes_a_gather(keys: str, digits: dict[str, str]) -> None:
    """The finishing key ends it and is no digit; the request goes to the current document without an action."""
    leg = Leg()
    leg.start("<Gather/>")
    assert leg.send(*map(Digit, keys))[-1] == action(10, "/voice", {**digits, "msg": "Gather End"})


def test_a_timeout_after_digits_ends_a_gather() -> None:
    """The timer begins anew with each key, and with its end the digits are complete."""
    leg = Leg()
    assert leg.start("<Gather timeout='3'/>") == [Listen(2, digits=True, speech=False), Timer(3, 3_000)]
    assert leg.send(Digit("4"), TimerFired(3)) == [Cancel(4, 3), Timer(5, 3_000)]
    assert leg.send(TimerFired(5)) == [Unlisten(6), action(7, "/voice", {"Digits": "4", "msg": "Gather End"})]


def test_the_finishing_key_alone_does_nothing() -> None:
    """Without a digit before it, the key neither ends the verb nor starts the timer again."""
    leg = Leg()
    leg.start("<Gather action='/menu'/><Redirect>/voice</Redirect>")
    assert leg.send(Digit("#")) == []
    assert leg.send(TimerFired(3)) == [Unlisten(4), Fetch(5, f"{APP}/voice", "POST", "voice", {})]


def test_an_empty_gather_can_request_its_action() -> None:
    """With actionOnEmptyResult, the action is requested without digits."""
    leg = Leg()
    leg.start("<Gather actionOnEmptyResult='true' action='menu'/>")
    assert leg.send(TimerFired(3)) == [Unlisten(4), action(5, "/menu", {"msg": "Gather End"})]


def test_speech_ends_a_gather() -> None:
    """Speech stops the prompt; the time of silence after it ends the verb, and digits are ignored then."""
    leg = Leg()
    content = (
        "<Gather input='speech dtmf' speechTimeout='auto' action='/menu' partialResultCallback='/part'>"
        "<Say>Speak</Say></Gather>"
    )
    assert leg.start(content) == [Listen(2, digits=True, speech=True), Play(3, spoken("Speak"))]
    assert leg.send(SpeechStarted(), Digit("1")) == [Stop(4, 3)]
    assert leg.send(SpeechEnded("bill")) == [Timer(5, 1_000)]
    assert leg.send(SpeechStarted()) == [Cancel(6, 5)]
    assert leg.send(SpeechEnded("ing", "0.7")) == [Timer(7, 1_000)]
    partial = {"UnstableSpeechResult": "bill ing", "Stability": "0.9", "SequenceNumber": "0"}
    result = {"SpeechResult": "bill ing", "Confidence": "0.7", "msg": "Gather End"}
    assert leg.send(TimerFired(7)) == [
        Unlisten(8), Notify(9, f"{APP}/part", "POST", partial), action(10, "/menu", result),
    ]  # fmt: skip


def test_without_barge_in_input_counts_after_the_prompts() -> None:
    """Keys during the prompts are lost."""
    leg = Leg()
    assert leg.start("<Gather bargeIn='false' numDigits='1'><Say>Wait</Say></Gather>") == [Play(2, spoken("Wait"))]
    assert leg.send(Digit("1")) == []
    assert leg.send(Played(2)) == [Timer(3, 5_000), Listen(4, digits=True, speech=False)]
    assert leg.send(Digit("2"))[-1] == action(7, "/voice", {"Digits": "2", "msg": "Gather End"})


def test_keys_count_only_where_digits_are_input() -> None:
    """A `<Gather>` of speech ignores keys, and one of digits ignores speech."""
    speech, digits = Leg(), Leg()
    speech.start("<Gather input='speech'/>")
    digits.start("<Gather/>")
    assert (speech.send(Digit("1")), digits.send(SpeechStarted(), SpeechEnded("a"))) == ([], [])


def test_signalwire_gathers_without_twilios_parameters() -> None:
    """In SignalWire's dialect, the request has the digits alone."""
    leg = Leg(dialect="signalwire")
    leg.start("<Gather/>")
    assert leg.send(*map(Digit, "1#"))[-1] == action(8, "/voice", {"Digits": "1"})


@pytest.mark.parametrize(
    ("recorded", "parameters"),
    [
        (Recorded(2, "r1", 9_000, "silence", empty=False), {"RecordingDuration": "9"}),
        (Recorded(2, "r1", 3_999, "key", empty=False, key="#"), {"RecordingDuration": "3", "Digits": "#"}),
    ],
)
def test_a_record_requests_its_action(recorded: Recorded, parameters: dict[str, str]) -> None:
    """The request has the length before trimming, the key that ended it, and the recording."""
    leg = Leg()
    assert leg.start("<Record action='/done' maxLength='20'/><Say>Nothing</Say>") == [
        Record(2, 20_000, 5_000, "1234567890*#", beep=True, settings=RECORDING)
    ]
    assert leg.flow.position == Position("Record", 0, ("speech", "digits"))
    assert leg.send(recorded) == [action(3, "/done", parameters, recording="r1", recorded_ms=recorded.ms)]


def test_an_empty_record_goes_on_with_twilio_and_requests_its_action_with_signalwire() -> None:
    """When nothing was said, Twilio executes the next verb; SignalWire's request has the length 0."""
    twilio, signalwire = Leg(), Leg(dialect="signalwire")
    for leg in (twilio, signalwire):
        leg.start("<Record action='/done'/><Say>Nothing</Say>")
    empty = Recorded(2, "r1", 5_000, "silence", empty=True)
    assert twilio.send(empty) == [Play(3, spoken("Nothing"))]
    assert signalwire.send(empty) == [action(3, "/done", {"RecordingDuration": "0"}, recording="r1", recorded_ms=0)]


def test_a_hang_up_during_a_record_requests_its_action_in_vain() -> None:
    """The recording is stopped and reported; the answer is not executed."""
    leg = Leg()
    leg.start("<Record action='/done'/>")
    assert leg.send(HungUp("party")) == [Stop(3, 2)]
    recorded = Recorded(2, "r1", 3_000, "stopped", empty=False)
    parameters = {"RecordingDuration": "3", "Digits": "hangup"}
    assert leg.send(recorded) == [action(4, "/done", parameters, recording="r1", recorded_ms=3_000, executed=False)]
    assert leg.fetched(4, "<Say>late</Say>") == []
    assert leg.flow.finished


@pytest.mark.parametrize("by", ["api", "limit", "conference", "error"])
def test_the_end_of_a_call_by_others_requests_no_action(by: Any) -> None:
    """When the call was not ended by the caller, the recording is stopped and nothing is requested."""
    leg = Leg()
    leg.start("<Record action='/done'/>")
    assert leg.send(HungUp(by), Recorded(2, "r1", 3_000, "stopped", empty=False)) == [Stop(3, 2)]
    assert leg.flow.finished


@pytest.mark.parametrize(
    ("content", "effects"),
    [
        ("<Say>Hello</Say>", [Stop(3, 2)]),
        ("<Pause/>", [Cancel(3, 2)]),
        ("<Gather/>", [Cancel(4, 3), Unlisten(5)]),
        ("<Connect><Stream url='wss://x/'/></Connect>", [Stop(3, 2)]),
    ],
)
@pytest.mark.parametrize("event", [HungUp("party"), Redirected(UrlSource(f"{APP}/new"))], ids=["hang up", "redirect"])
def test_a_verb_is_given_up_without_its_action(content: str, effects: list[Effect], event: Event) -> None:
    """A hang up ends the flow; a redirect requests the new document."""
    leg = Leg()
    leg.start(content)
    new = [] if isinstance(event, HungUp) else [Fetch(effects[-1].n + 1, f"{APP}/new", "POST", "voice", {})]
    assert leg.send(event) == [*effects, *new]
    assert leg.flow.finished == isinstance(event, HungUp)


def test_a_redirect_waits_for_an_open_request() -> None:
    """One request is open at a time: the answer to the old one is not executed, and the newest redirect counts."""
    leg = Leg()
    assert leg.flow.start(UrlSource(f"{APP}/voice")) == [Fetch(1, f"{APP}/voice", "POST", "voice", {})]
    assert leg.send(Redirected(UrlSource(f"{APP}/a")), Redirected(UrlSource(f"{APP}/b", "GET"))) == []
    assert leg.fetched(1, "<Say>old</Say>") == [Fetch(2, f"{APP}/b", "GET", "voice", {})]


def test_a_redirect_can_bring_markup_and_a_fallback() -> None:
    """Markup is executed at once; the new fallback is the one in force."""
    leg = Leg()
    leg.start("<Pause/>")
    redirected = Redirected(MarkupSource("<Response><Redirect>x</Redirect></Response>"), UrlSource(f"{APP}/fb"))
    assert leg.send(redirected) == [
        Cancel(3, 2),
        Note(4, "error", 11100, "this is no absolute http or https URL", "Redirect", line=1, column=11),
        Fetch(5, f"{APP}/fb", "POST", "fallback", {"ErrorCode": "11100", "ErrorUrl": "x"}),
    ]


@pytest.mark.parametrize(
    ("answer", "code", "text"),
    [
        (Fetched(1, 500, "text/xml", b"<Response/>", APP), 11200, "the application answered 500"),
        (Fetched(1, 200, "", b"<Response/>", APP), 11200, "the answer has no content type"),
        (Fetched(1, 200, "application/json", b"{}", APP), 12300, "the answer is application/json, no markup"),
        (Fetched(1, 200, "text/xml", b"<Foo/>", APP), 12102, "the root element is <Foo>, not <Response>"),
        (Fetched(1, 200, "text/xml", b" " * 70_000, APP), 11750, "the answer has more than 65536 bytes"),
        (FetchFailed(1, 11215, "too many redirects"), 11215, "too many redirects"),
        (FetchFailed(1, 11210), 11210, "the request failed"),
    ],
)
def test_an_error_without_a_fallback_is_announced(answer: Event, code: int, text: str) -> None:
    """An incoming call is answered for the announcement of the error, and then ended."""
    flow = Flow(Facts("twilio", answered=False))
    flow.start(UrlSource(f"{APP}/voice"))
    note, answering = flow.handle(answer)
    assert isinstance(note, Note)
    assert (note.level, note.code, note.text, answering) == ("error", code, text, Answer(3))
    assert flow.handle(Answered(3)) == [Play(4, ErrorMessage())]
    assert flow.handle(Played(4)) == [HangUp(5, "error")]


def test_a_fallback_gets_the_parameters_of_the_failed_request() -> None:
    """The fallback's request has the parameters of the failed one, the code and the URL; it has no fallback itself."""
    leg = Leg(fallback=UrlSource(f"{APP}/fb", "GET"))
    leg.start("<Gather action='/menu' numDigits='1'/>")
    leg.send(Digit("1"))
    parameters = {"Digits": "1", "msg": "Gather End", "ErrorCode": "11200", "ErrorUrl": f"{APP}/menu"}
    assert leg.send(FetchFailed(6, 11200)) == [
        Note(7, "error", 11200, "the request failed"),
        Fetch(8, f"{APP}/fb", "GET", "fallback", parameters),
    ]
    assert leg.send(FetchFailed(8, 11200)) == [Note(9, "error", 11200, "the request failed"), Play(10, ErrorMessage())]


def test_an_error_in_markup_has_its_place() -> None:
    """The note about a document that is not well-formed has line and column; nothing of it is executed."""
    leg = Leg()
    assert leg.start("\n<Say>x</Response>")[0] == Note(2, "error", 12100, "mismatched tag", line=2, column=9)


@pytest.mark.parametrize(
    ("content_type", "body", "effect"),
    [
        ("audio/mpeg", b"ID3", Play(2, File(f"{APP}/voice", fetched=True))),
        ("text/plain; charset=utf-8", b"hello\n you", Play(2, Spoken("hello you", "man", ""))),
        ("text/html", b"<Response><Pause/></Response>", Timer(2, 1_000)),
        ("application/vnd.x+xml", b"<Response><Pause/></Response>", Timer(2, 1_000)),
        ("text/vnd.wap.xml", b"<Response><Pause/></Response>", Timer(2, 1_000)),
        ("text/xml", b"", Note(2, "warning", 11770, "the answer is empty: it has no instructions")),
    ],
)
def test_answers_of_other_types(content_type: str, body: bytes, effect: Effect) -> None:
    """Audio is played, text is spoken, further types are markup, and an empty answer is an empty document."""
    leg = Leg()
    leg.flow.start(UrlSource(f"{APP}/voice"))
    assert leg.send(Fetched(1, 200, content_type, body, f"{APP}/voice"))[0] == effect


def test_endless_redirects_end_the_call() -> None:
    """After 100 documents between which no second has passed, the call is ended."""
    leg = Leg()
    leg.flow.start(UrlSource(f"{APP}/voice"))
    for n in range(1, 100):
        assert leg.fetched(n, "<Redirect>/voice</Redirect>", "/voice") == [
            Fetch(n + 1, f"{APP}/voice", "POST", "voice", {})
        ]
    assert leg.fetched(100, "<Redirect>/voice</Redirect>", "/voice") == [
        Note(101, "error", 12400, "the documents of this call have no end", "Redirect", line=1, column=11),
        HangUp(102, "limit"),
    ]  # fmt: skip
    assert leg.flow.finished


@pytest.mark.parametrize("content", ["<Pause/><Redirect>/voice</Redirect>", "<Gather numDigits='1'/>"])
def test_documents_with_time_between_them_go_on_up_to_a_thousand(content: str) -> None:
    """With a second between them, 1,000 documents are executed, also when keys lead from one to the next."""
    leg = Leg()
    leg.flow.start(UrlSource(f"{APP}/voice"))
    documents, now = 0, 0
    effects: list[Effect] = [Fetch(1, f"{APP}/voice", "POST", "voice", {})]
    while isinstance(effects[-1], Fetch):
        documents, now = documents + 1, now + 1_000
        (*_, waiting) = leg.fetched(effects[-1].n, content, "/voice", now - 1_000)
        effects = leg.send(Digit("1") if "Gather" in content else TimerFired(waiting.n), at=now)
    assert (documents, leg.flow.finished) == (1_000, True)


def test_relative_urls_belong_to_the_document_they_are_in() -> None:
    """A relative URL is resolved against where the document was found, after redirects."""
    leg = Leg()
    leg.flow.start(UrlSource(f"{APP}/voice"))
    assert leg.fetched(1, "<Redirect>../b?x=1</Redirect>", "/moved/here") == [
        Fetch(2, f"{APP}/b?x=1", "POST", "voice", {})
    ]


def test_a_recording_runs_beside_the_verbs() -> None:
    """`<Start>` takes no time, and `<Stop>` ends what it began."""
    callback = "<Start><Recording recordingStatusCallback='/rec'/></Start>"
    settings = Capture(2, CaptureSettings(2, "both", "trim-silence", Callback(f"{APP}/rec", "POST", ("completed",))))
    assert Leg(dialect="signalwire").start(f"{callback}<Stop><Recording/></Stop>") == [
        settings, CaptureStop(3, 2), HangUp(4, "markup"),
    ]  # fmt: skip


def test_a_callback_that_cannot_be_used_is_left_out_with_a_warning() -> None:
    """The recording starts without it."""
    started = Leg().start_inline("<Start><Recording recordingStatusCallback='/rec'/></Start>")
    text = "the URL of a callback is no absolute http or https URL: nothing is delivered"
    assert started[:2] == [
        Note(1, "warning", 13256, text, "Start", line=1, column=11),
        Capture(2, CaptureSettings(2, "both", "trim-silence", None)),
    ]


def test_streams_are_marked_and_waited_for() -> None:
    """`<Start>` and `<Stop>` go on at once; `<Connect>` waits for the end of its stream, then requests its action."""
    leg = Leg()
    stream = "<Stream name='a' url='wss://x/'/>"
    assert leg.start(f"<Start>{stream}</Start><Stop>{stream}</Stop><Connect action='/end'>{stream}</Connect>") == [
        StartStream(2, "Stream", "a", "wss://x/", "inbound_track", {}),
        StopStream(3, "a"),
        Connect(4, "Stream", "a", "wss://x/", "inbound_track", {}),
    ]
    assert leg.flow.position == Position("Connect", 2, ("stream",))
    assert leg.send(StreamEnded(4)) == [action(5, "/end", {})]


def test_a_message_is_created_and_the_document_goes_on() -> None:
    """`<Sms>` creates a message; with an action, that is the next document."""
    (_, sent, ended), (_, _, requested) = Leg().start("<Sms to='+1'>a</Sms>"), Leg().start("<Sms action='/b'>a</Sms>")
    assert (sent, ended, requested) == (SendMessage(3, "a", "+1", "", None), HangUp(4, "markup"), action(4, "/b", {}))


def test_an_unsupported_verb_can_end_the_call() -> None:
    """With that setting, the call ends at the verb instead of going on."""
    assert Leg(unsupported="end").start("<Echo/><Say>a</Say>")[1:] == [HangUp(3, "markup")]


def test_a_whisper_ends_with_the_connection_or_a_hang_up() -> None:
    """The end of a whisper connects the party; `<Hangup>` does not; `<Dial>` in it is an error."""
    assert Leg(kind="whisper").start("") == [Finish(2)]
    assert Leg(kind="whisper").start("<Hangup/>") == [HangUp(2, "markup")]
    assert Leg(kind="whisper").start("<Dial>+12025550144</Dial>") == [
        Note(2, "error", 13201, "a whisper cannot dial", line=1, column=11), HangUp(3, "error"),
    ]  # fmt: skip
    failing = Leg(kind="whisper", fallback=UrlSource(APP))
    assert failing.flow.start(UrlSource(f"{APP}/w")) == [Fetch(1, f"{APP}/w", "POST", "whisper", {})]
    assert failing.send(FetchFailed(1, 11200)) == [Note(2, "error", 11200, "the request failed"), HangUp(3, "error")]


def test_a_document_for_a_waiting_participant_has_only_prompts() -> None:
    """Other verbs are skipped with a warning; the end and an error let the participant wait on."""
    leg = Leg(kind="wait")
    assert leg.start("<Gather/><Say>Wait</Say>") == [
        Note(2, "warning", 13238, "<Gather> is skipped in a document of this kind", "Gather", line=1, column=11),
        Play(3, spoken("Wait")),
    ]
    assert leg.send(Played(3)) == [Finish(4)]
    failing = Leg(kind="wait")
    failing.flow.start(UrlSource(f"{APP}/w"))
    assert failing.send(FetchFailed(1, 11200))[1:] == [Finish(3)]


def test_the_first_request_and_its_fallback_have_the_parameters_of_the_source() -> None:
    """What is known of the call when it begins is in the first request, and again in that of the fallback."""
    leg = Leg(fallback=UrlSource(f"{APP}/fb"))
    source = UrlSource(f"{APP}/voice", parameters={"AnsweredBy": "human"})
    assert leg.flow.start(source) == [Fetch(1, f"{APP}/voice", "POST", "voice", {"AnsweredBy": "human"})]
    parameters = {"AnsweredBy": "human", "ErrorCode": "11200", "ErrorUrl": f"{APP}/voice"}
    assert leg.send(FetchFailed(1, 11200))[1:] == [Fetch(3, f"{APP}/fb", "POST", "fallback", parameters)]


def test_without_a_url_the_error_is_announced() -> None:
    """A number without a voice URL is an error that no fallback answers."""
    leg = Leg(fallback=UrlSource(f"{APP}/fb"))
    assert leg.flow.start(UrlSource("")) == [
        Note(1, "error", 11100, "there is no URL for instructions"), Play(2, ErrorMessage()),
    ]  # fmt: skip


def test_a_hang_up_during_a_record_without_a_url_ends_the_flow() -> None:
    """The action of a document that came with the request for the call has no URL: that is noted, and nothing more."""
    leg = Leg()
    leg.start_inline("<Record/>")
    ended = leg.send(HungUp("party"), Recorded(1, "r1", 3_000, "stopped", empty=False))
    text = "this is no absolute http or https URL"
    assert ended == [Stop(2, 1), Note(3, "error", 11100, text, "Record", line=1, column=11)]
    assert leg.flow.finished


@pytest.mark.parametrize("status", [200, 500])
def test_the_answer_for_a_call_that_has_ended_is_not_looked_at(status: int) -> None:
    """Its status gives no warning."""
    leg = Leg()
    leg.start("<Record action='/done'/>")
    leg.send(HungUp("party"), Recorded(2, "r1", 3_000, "stopped", empty=False))
    assert leg.send(Fetched(4, status, "", b"", APP)) == []


def test_an_unusable_prompt_ends_the_listening() -> None:
    """Keys are reported no longer when the error of a prompt is announced."""
    leg = Leg()
    listen, unlisten, _, play = leg.start_inline("<Gather><Play>a.wav</Play></Gather>")
    assert (listen, unlisten, play) == (Listen(1, digits=True, speech=False), Unlisten(2), Play(4, ErrorMessage()))


def test_the_call_of_a_whisper_that_is_redirected_is_a_call_of_its_own() -> None:
    """Its new document may dial, and its end ends the call."""
    leg = Leg(kind="whisper")
    leg.start("<Pause/>")
    assert leg.send(Redirected(MarkupSource("<Response/>"))) == [Cancel(3, 2), HangUp(4, "markup")]


def test_events_that_nothing_waits_for_have_no_effect() -> None:
    """Late answers, keys outside a `<Gather>`, and everything after the end are ignored."""
    leg = Leg()
    leg.start("<Say>a</Say>")
    late: list[Event] = [
        Digit("1"),
        SpeechStarted(),
        Played(1),
        TimerFired(2),
        document(1, "<Hangup/>"),
        Answered(9),
    ]
    assert leg.send(*late) == []
    assert leg.send(HungUp("party"), Played(2), HungUp("api"), Redirected(UrlSource(APP))) == [Stop(3, 2)]


def test_a_flow_is_started_once() -> None:
    """It cannot be started twice, and has no events before."""
    flow = Flow(Facts("twilio"))
    with pytest.raises(FlowEnded):
        flow.handle(Digit("1"))
    flow.start(MarkupSource("<Response/>"))
    with pytest.raises(FlowEnded):
        flow.start(MarkupSource("<Response/>"))
