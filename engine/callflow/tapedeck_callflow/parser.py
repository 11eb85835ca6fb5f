"""From markup to verbs: defaults, allowed values, nesting, and a warning for everything that is not executed."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tapedeck_callflow.attributes import INVALID, AttributeReader, MarkupWarning, skip_elements, warning_at
from tapedeck_callflow.dialing import parse_dial
from tapedeck_callflow.document import NOT_WELL_FORMED, WRONG_ROOT, DocumentError, Element, read
from tapedeck_callflow.recording_settings import Dialect, read_settings
from tapedeck_callflow.verbs import (
    ConnectStream,
    Gather,
    Hangup,
    Message,
    Pause,
    Play,
    Prompt,
    Record,
    Redirect,
    Reject,
    Say,
    StartRecording,
    StartStream,
    Step,
    StopRecording,
    StopStream,
    Stream,
    Subscription,
    Unsupported,
    Verb,
)

UNSUPPORTED: Final = 13750
NESTED_IN_GATHER: Final = 13320
SAY_TEXT: Final = 13520
PLAY_CONTENT: Final = 13420

MAX_SAY_CHARACTERS: Final = 4_096
MAX_LOOP: Final = 1_000
MAX_PAUSE_SECONDS: Final = 86_400
MAX_SECONDS: Final = 86_400
MAX_RECORD_SECONDS: Final = 14_400
RECORD_SECONDS: Final = 3_600
"""The default length of a `<Record>`."""

_UNSUPPORTED: Final = frozenset(
    {"Enqueue", "Leave", "Pay", "Prompt", "Refer", "Siprec", "Echo", "Denoise", "Queue", "Autopilot", "Assign"}
)
_SSML: Final = frozenset({"break", "emphasis", "lang", "p", "phoneme", "prosody", "s", "say-as", "sub", "w"})
_STREAMS: Final = {
    "Start": frozenset({"Stream", "Siprec", "Transcription"}),
    "Connect": frozenset({"Stream", "ConversationRelay", "VirtualAgent", "Room", "Autopilot"}),
    "Stop": frozenset({"Stream", "Siprec", "Transcription"}),
}
_PAUSE: Final = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)\s*(ms|s)")


@dataclass(frozen=True, slots=True)
class Document:
    """A document that can be executed, with what in it is ignored."""

    steps: tuple[Step, ...]
    warnings: tuple[MarkupWarning, ...]


def parse(markup: str, dialect: Dialect) -> Document:
    """Parse a whole document.

    Raises:
        DocumentError: it is not well-formed (12100), or its root is not `Response` (12102; SignalWire: 12100).
    """
    root = read(markup)
    if root.name != "Response":
        code = WRONG_ROOT if dialect == "twilio" else NOT_WELL_FORMED
        raise DocumentError(code, f"the root element is <{root.name}>, not <Response>", root.line, root.column)
    warnings: list[MarkupWarning] = []
    AttributeReader(root, warnings).finish()
    _warn_of_text(root, warnings)
    steps: list[Step] = []
    for element in root.elements():
        verb = _parse_verb(element, dialect, warnings)
        if verb is not None:
            steps.append(Step(element.name, verb, element.line, element.column))
    return Document(tuple(steps), tuple(warnings))


def _parse_verb(element: Element, dialect: Dialect, warnings: list[MarkupWarning]) -> Verb | None:
    parser = _PARSERS.get(element.name)
    if parser is not None:
        return parser(element, dialect, warnings)
    if element.name in _UNSUPPORTED:
        warnings.append(warning_at(element, UNSUPPORTED, f"<{element.name}> is not supported"))
        return Unsupported()
    warnings.append(warning_at(element, INVALID, f"<{element.name}> is no verb"))
    return None


def _say(element: Element, dialect: Dialect, warnings: list[MarkupWarning]) -> Say | None:
    read_attribute = AttributeReader(element, warnings)
    voice = read_attribute.text("voice", "man" if dialect == "twilio" else "woman")
    language = read_attribute.text("language", "en-US" if dialect == "twilio" else "")
    loop = read_attribute.integer("loop", 1, 0, MAX_LOOP, code=13510)
    read_attribute.finish()
    spoken: list[str] = []
    pause_ms = _collect_speech(element, spoken, warnings)
    text = " ".join("".join(spoken).split())
    if not text:
        warnings.append(warning_at(element, SAY_TEXT, "there is no text to say"))
        return None
    if len(text) > MAX_SAY_CHARACTERS:
        warnings.append(warning_at(element, SAY_TEXT, f"only the first {MAX_SAY_CHARACTERS} characters are said"))
        text = text[:MAX_SAY_CHARACTERS]
    return Say(text, voice, language, loop, pause_ms)


def _collect_speech(element: Element, spoken: list[str], warnings: list[MarkupWarning]) -> int:
    """Append the text of an element of SSML, and return the milliseconds of its breaks."""
    pause_ms = 0
    for item in element.content:
        if isinstance(item, str):
            spoken.append(item)
        elif item.name == "break":
            pause_ms += _break_ms(item)
            spoken.append(" ")
        elif item.name in _SSML or item.name.startswith("amazon:"):
            pause_ms += _collect_speech(item, spoken, warnings)
        else:
            warnings.append(warning_at(item, INVALID, f"<{item.name}> in <Say> is skipped"))
    return pause_ms


def _break_ms(element: Element) -> int:
    length = _PAUSE.fullmatch(element.attributes.get("time", "").strip())
    if length is None:
        return 0
    milliseconds = float(length[1]) * (1_000 if length[2] == "s" else 1)
    return min(math.ceil(milliseconds), MAX_SECONDS * 1_000)


def _play(element: Element, _dialect: Dialect, warnings: list[MarkupWarning]) -> Play | None:
    read_attribute = AttributeReader(element, warnings)
    loop = read_attribute.integer("loop", 1, 0, MAX_LOOP, code=13410)
    digits = read_attribute.matching("digits", "", "[0-9A-D#*wW]+")
    read_attribute.finish()
    skip_elements(element, warnings)
    url = element.text()
    if not url and not digits:
        warnings.append(warning_at(element, PLAY_CONTENT, "there is no URL to play"))
        return None
    return Play(url, digits, loop)


def _pause(element: Element, _dialect: Dialect, warnings: list[MarkupWarning]) -> Pause:
    read_attribute = AttributeReader(element, warnings)
    length = read_attribute.integer("length", 1, 1, MAX_PAUSE_SECONDS, code=13910)
    read_attribute.finish()
    skip_elements(element, warnings)
    return Pause(length)


_PROMPTS: Final[dict[str, Callable[[Element, Dialect, list[MarkupWarning]], Prompt | None]]] = {
    "Say": _say,
    "Play": _play,
    "Pause": _pause,
}


def _gather(element: Element, dialect: Dialect, warnings: list[MarkupWarning]) -> Gather:
    read_attribute = AttributeReader(element, warnings)
    inputs = read_attribute.choice("input", "dtmf", ("dtmf", "speech", "dtmf speech", "speech dtmf"), code=13326)
    speech = "speech" in inputs
    automatic = dialect == "twilio" and speech and element.attributes.get("timeout", "").strip() == "auto"
    # `auto` ends with the speech: the default is only for a caller who says nothing.
    timeout = 5 if automatic else read_attribute.integer("timeout", 5, 1, MAX_SECONDS, code=13313)
    if automatic:
        read_attribute.text("timeout")
    speech_timeout = timeout
    if element.attributes.get("speechTimeout", "").strip() == "auto":
        read_attribute.text("speechTimeout")
        speech_timeout = 1
    else:
        speech_timeout = read_attribute.integer("speechTimeout", timeout, 1, MAX_SECONDS, code=13327)
    gather = Gather(
        prompts=_prompts(element, dialect, warnings),
        digits="dtmf" in inputs,
        speech=speech,
        action=read_attribute.url("action"),
        method=read_attribute.method("method", code=13312),
        timeout=timeout,
        speech_timeout=speech_timeout,
        finish_on_key=read_attribute.matching("finishOnKey", "#", "[0-9#*]?", code=13310),
        num_digits=read_attribute.optional_integer("numDigits", 1, code=13314),
        action_on_empty_result=read_attribute.boolean("actionOnEmptyResult", default=False),
        barge_in=read_attribute.boolean("bargeIn", default=True),
        hints=read_attribute.text("hints"),
        partial_result_callback=Subscription(
            read_attribute.url("partialResultCallback"), read_attribute.method("partialResultCallbackMethod")
        ),
    )
    read_attribute.finish(("language", "profanityFilter", "speechModel", "enhanced", "maxSpeechTime", "debug"))
    return gather


def _prompts(element: Element, dialect: Dialect, warnings: list[MarkupWarning]) -> tuple[Prompt, ...]:
    _warn_of_text(element, warnings)
    prompts: list[Prompt] = []
    for nested in element.elements():
        parser = _PROMPTS.get(nested.name)
        if parser is None:
            warnings.append(warning_at(nested, NESTED_IN_GATHER, f"<{nested.name}> in <Gather> is skipped"))
            continue
        prompt = parser(nested, dialect, warnings)
        if prompt is not None:
            prompts.append(prompt)
    return tuple(prompts)


def _record(element: Element, dialect: Dialect, warnings: list[MarkupWarning]) -> Record:
    read_attribute = AttributeReader(element, warnings)
    transcribe_callback = read_attribute.url("transcribeCallback")
    # SignalWire's 0 is the default.
    minimum = 2 if dialect == "twilio" else 0
    max_length = read_attribute.integer("maxLength", RECORD_SECONDS, minimum, MAX_RECORD_SECONDS, code=13612)
    record = Record(
        action=read_attribute.url("action"),
        method=read_attribute.method("method", code=13610),
        timeout=read_attribute.integer("timeout", 5, 0 if dialect == "twilio" else 1, MAX_SECONDS, code=13611),
        finish_on_key=read_attribute.matching("finishOnKey", "1234567890*#", "[0-9#*]*", code=13613),
        max_length=max_length or RECORD_SECONDS,
        play_beep=read_attribute.boolean("playBeep", default=True, code=13616),
        settings=read_settings(read_attribute, channels=1, track="both", trim="trim-silence"),
        transcribe=read_attribute.boolean("transcribe", default=False, code=13614) or transcribe_callback is not None,
        transcribe_callback=transcribe_callback,
    )
    read_attribute.finish(("storageUrl", "storageUrlMethod", "recordingConfigurationId"))
    skip_elements(element, warnings)
    return record


def _redirect(element: Element, _dialect: Dialect, warnings: list[MarkupWarning]) -> Redirect:
    read_attribute = AttributeReader(element, warnings)
    method = read_attribute.method("method", code=13710)
    read_attribute.finish()
    skip_elements(element, warnings)
    return Redirect(element.text(), method)


def _hangup(element: Element, _dialect: Dialect, warnings: list[MarkupWarning]) -> Hangup:
    AttributeReader(element, warnings).finish()
    skip_elements(element, warnings, {"Parameter"})
    return Hangup()


def _reject(element: Element, _dialect: Dialect, warnings: list[MarkupWarning]) -> Reject:
    read_attribute = AttributeReader(element, warnings)
    reason = read_attribute.choice("reason", "rejected", ("rejected", "busy"), code=13810)
    read_attribute.finish()
    skip_elements(element, warnings)
    return Reject(reason)


def _start(element: Element, _dialect: Dialect, warnings: list[MarkupWarning]) -> Verb | None:
    nested = _only_element(element, {"Recording", *_STREAMS["Start"]}, warnings)
    if nested is None or nested.name != "Recording":
        return None if nested is None else StartStream(_stream(nested, warnings))
    read_attribute = AttributeReader(nested, warnings)
    settings = read_settings(read_attribute, channels=2, track="both", trim="trim-silence", reads_channels=True)
    read_attribute.finish(("recordingConfigurationId",))
    return StartRecording(settings)


def _stop(element: Element, dialect: Dialect, warnings: list[MarkupWarning]) -> Verb | None:
    nested = _only_element(element, {"Recording", *_STREAMS["Stop"]}, warnings)
    if nested is None:
        return None
    if nested.name != "Recording":
        return StopStream(nested.attributes.get("name", ""))
    if dialect == "twilio":
        warnings.append(warning_at(nested, INVALID, "<Recording> in <Stop> is no markup of Twilio's"))
    return StopRecording()


def _connect(element: Element, _dialect: Dialect, warnings: list[MarkupWarning]) -> Verb | None:
    read_attribute = AttributeReader(element, warnings)
    action, method = read_attribute.url("action"), read_attribute.method("method")
    nested = _only_element(element, _STREAMS["Connect"], warnings, read_attribute)
    return None if nested is None else ConnectStream(_stream(nested, warnings), action, method)


def _only_element(
    element: Element,
    allowed: set[str] | frozenset[str],
    warnings: list[MarkupWarning],
    attributes: AttributeReader | None = None,
) -> Element | None:
    """Return the first nested element that is allowed, and warn of all others."""
    (attributes or AttributeReader(element, warnings)).finish()
    _warn_of_text(element, warnings)
    found: Element | None = None
    for nested in element.elements():
        if found is None and nested.name in allowed:
            found = nested
        else:
            warnings.append(warning_at(nested, INVALID, f"<{nested.name}> in <{element.name}> is skipped"))
    if found is None:
        warnings.append(warning_at(element, INVALID, f"<{element.name}> has nothing to execute"))
    return found


def _stream(element: Element, warnings: list[MarkupWarning]) -> Stream:
    parameters = {
        nested.attributes.get("name", ""): nested.attributes.get("value", "")
        for nested in element.elements()
        if nested.name == "Parameter"
    }
    skip_elements(element, warnings, {"Parameter"})
    attributes = AttributeReader(element, warnings)
    stream = Stream(
        element.name,
        attributes.text("name"),
        attributes.text("url").strip(),
        attributes.text("track", "inbound_track"),
        parameters,
    )
    if element.name == "Stream":
        attributes.finish(("statusCallback", "statusCallbackMethod"))
    return stream


def _sms(element: Element, _dialect: Dialect, warnings: list[MarkupWarning]) -> Message:
    read_attribute = AttributeReader(element, warnings)
    warnings.append(warning_at(element, UNSUPPORTED, "<Sms> creates a message that is not delivered"))
    message = Message(
        body=element.text(),
        to=read_attribute.text("to").strip(),
        sender=read_attribute.text("from").strip(),
        action=read_attribute.url("action"),
        method=read_attribute.method("method"),
        callback=read_attribute.url("statusCallback"),
    )
    read_attribute.finish()
    return message


def _warn_of_text(element: Element, warnings: list[MarkupWarning]) -> None:
    text = element.text()
    if text:
        warnings.append(warning_at(element, INVALID, f"text in <{element.name}> is ignored", value=text[:100]))


_PARSERS: Final[dict[str, Callable[[Element, Dialect, list[MarkupWarning]], Verb | None]]] = {
    **_PROMPTS,
    "Gather": _gather,
    "Record": _record,
    "Dial": parse_dial,
    "Redirect": _redirect,
    "Hangup": _hangup,
    "Reject": _reject,
    "Start": _start,
    "Stop": _stop,
    "Connect": _connect,
    "Sms": _sms,
}
