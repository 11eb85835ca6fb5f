"""`<Dial>` with its nouns: parties to dial, or a conference to join."""

import re
from dataclasses import replace
from typing import Final, Literal

from tapedeck_callflow.attributes import AttributeReader, MarkupWarning, skip_elements, warning_at
from tapedeck_callflow.document import Element
from tapedeck_callflow.recording_settings import Dialect, read_settings, read_subscription
from tapedeck_callflow.verbs import Conference, Dial, MachineDetection, Subscription, Target

NESTED_IN_DIAL: Final = 13215
CONFERENCE_BESIDE_OTHERS: Final = 13000
NUMBER_FORMAT: Final = 13223
SIP_URI: Final = 13243
CONFERENCE_NAME: Final = 13237
RECORD_VALUE: Final = 13217
UNSUPPORTED_NOUN: Final = 13750
LABEL: Final = 16023

MAX_TARGETS: Final = 10
MAX_NAME_CHARACTERS: Final = 128
MAX_IDENTITY_CHARACTERS: Final = 256

_CALL_EVENTS: Final = ("initiated", "ringing", "answered", "completed")
_CONFERENCE_EVENTS: Final = (*("start", "end", "join", "leave", "mute", "hold", "modify", "speaker", "announcement"),)
_UNSUPPORTED_NOUNS: Final = frozenset({"Queue", "Sim", "WhatsApp", "Application", "Verto", "Room"})
_NOUNS: Final = _UNSUPPORTED_NOUNS | {"Number", "Client", "Sip", "Conference"}
_E164: Final = re.compile(r"\+[1-9][0-9]{1,14}")
_US_NUMBER: Final = re.compile(r"1?([2-9][0-9]{9})")
_RECORD: Final = {
    "record-from-answer": ("answer", 1),
    "record-from-ringing": ("ringing", 1),
    "record-from-answer-dual": ("answer", 2),
    "record-from-ringing-dual": ("ringing", 2),
    "true": ("answer", 1),
    "do-not-record": ("", 1),
    "false": ("", 1),
}
_NO_EFFECT: Final = (
    *("ringTone", "referUrl", "referMethod", "callReason", "events", "passports", "recordingConfigurationId"),
    *("callerName", "recordingStorageUrl", "recordingStorageUrlMethod"),
)


def e164(text: str) -> str | None:
    """Return a number in E.164; a number of the United States may be written without `+1`. None: no number."""
    if _E164.fullmatch(text):
        return text
    national = _US_NUMBER.fullmatch(re.sub(r"[\s().-]", "", text))
    return None if national is None else f"+1{national[1]}"


def parse_dial(element: Element, dialect: Dialect, warnings: list[MarkupWarning]) -> Dial:
    """Parse a `<Dial>` with its nouns."""
    attributes = AttributeReader(element, warnings)
    before = len(warnings)
    conference, targets = _nouns(element, dialect, warnings)
    if conference is None and not targets and len(warnings) == before:
        warnings.append(warning_at(element, NUMBER_FORMAT, "there is no party to dial"))
    start, channels = _recording(element, attributes, dialect, conference, warnings)
    dial = Dial(
        targets=targets,
        conference=conference,
        action=attributes.url("action"),
        method=attributes.method("method", code=13210),
        timeout=attributes.integer("timeout", 30, 1 if dialect == "twilio" else 5, 600, code=13212),
        time_limit=attributes.integer("timeLimit", 14_400, 1, code=13216),
        hangup_on_star=attributes.boolean("hangupOnStar", default=False, code=13213),
        caller_id=attributes.text("callerId").strip(),
        answer_on_bridge=attributes.boolean("answerOnBridge", default=False),
        sequential=attributes.boolean("sequential", default=False),
        record=start,
        settings=read_settings(
            attributes, channels=channels, track="both", trim="do-not-trim", track_name="recordingTrack"
        ),
    )
    attributes.finish(_NO_EFFECT)
    return dial


def _recording(
    element: Element,
    attributes: AttributeReader,
    dialect: Dialect,
    conference: Conference | None,
    warnings: list[MarkupWarning],
) -> tuple[str, Literal[1, 2]]:
    """Return when the recording of a Dial starts, and its channels."""
    value = attributes.choice("record", "do-not-record", tuple(_RECORD), code=RECORD_VALUE)
    start, channels = _RECORD[value]
    if start and conference is not None and dialect == "twilio":
        text = "a <Dial> with a conference is not recorded; the conference can be"
        warnings.append(warning_at(element, RECORD_VALUE, text, "record", value))
        start = ""
    return start, 1 if channels == 1 else 2


def _nouns(
    element: Element, dialect: Dialect, warnings: list[MarkupWarning]
) -> tuple[Conference | None, tuple[Target, ...]]:
    conference: Conference | None = None
    targets: list[Target] = []
    nouns = list(element.elements())
    text = element.text()
    if text and not nouns:
        target = _number_of(element, text, warnings)
        return None, () if target is None else (target,)
    if text:
        warnings.append(warning_at(element, NESTED_IN_DIAL, "text beside nouns is ignored", value=text[:100]))
    dialed = sum(noun.name in _NOUNS for noun in nouns)
    for noun in nouns:
        if noun.name == "Conference":
            if dialed > 1:
                reason = "<Conference> beside other nouns is skipped"
                warnings.append(warning_at(noun, CONFERENCE_BESIDE_OTHERS, reason))
            else:
                conference = _conference(noun, dialect, warnings)
            continue
        found = _target(noun, warnings)
        if found is not None and len(targets) == MAX_TARGETS:
            warnings.append(warning_at(noun, NESTED_IN_DIAL, f"only {MAX_TARGETS} parties are dialed"))
        elif found is not None:
            targets.append(found)
    return conference, tuple(targets)


def _target(noun: Element, warnings: list[MarkupWarning]) -> Target | None:
    if noun.name == "Number":
        return _number(noun, warnings)
    if noun.name == "Client":
        return _client(noun, warnings)
    if noun.name == "Sip":
        return _sip(noun, warnings)
    code, text = NESTED_IN_DIAL, f"<{noun.name}> in <Dial> is skipped"
    if noun.name in _UNSUPPORTED_NOUNS:
        code, text = UNSUPPORTED_NOUN, f"<{noun.name}> is not supported and cannot be dialed"
    warnings.append(warning_at(noun, code, text))
    return None


def _number_of(element: Element, text: str, warnings: list[MarkupWarning]) -> Target | None:
    number = e164(text)
    if number is None:
        warnings.append(warning_at(element, NUMBER_FORMAT, "this is no phone number", value=text[:100]))
        return None
    return Target("number", number, callback=Subscription())


def _number(noun: Element, warnings: list[MarkupWarning]) -> Target | None:
    attributes = AttributeReader(noun, warnings)
    digits = attributes.matching("sendDigits", "", "[0-9A-D#*wW]*", code=13222)
    target = _number_of(noun, noun.text(), warnings)
    if target is not None:
        target = replace(_with_callbacks(target, attributes), send_digits=digits)
        attributes.finish(("byoc",))
        skip_elements(noun, warnings)
    return target


def _client(noun: Element, warnings: list[MarkupWarning]) -> Target | None:
    attributes = AttributeReader(noun, warnings)
    identities = [nested.text() for nested in noun.elements() if nested.name == "Identity"]
    identity = identities[0] if identities else noun.text()
    if not 1 <= len(identity) <= MAX_IDENTITY_CHARACTERS:
        warnings.append(warning_at(noun, NUMBER_FORMAT, "there is no identity", value=identity[:100]))
        return None
    parameters = {
        nested.attributes.get("name", ""): nested.attributes.get("value", "")
        for nested in noun.elements()
        if nested.name == "Parameter"
    }
    target = _with_callbacks(Target("client", f"client:{identity}", parameters=parameters), attributes)
    attributes.finish()
    skip_elements(noun, warnings, {"Identity", "Parameter"})
    return target


def _sip(noun: Element, warnings: list[MarkupWarning]) -> Target | None:
    attributes = AttributeReader(noun, warnings)
    uri = noun.text()
    if re.fullmatch(r"sips?:[^\s@?]+@[^\s@?]+(\?\S*)?|sips?:[^\s@?;]+\.[^\s@?]+(\?\S*)?", uri) is None:
        warnings.append(warning_at(noun, SIP_URI, "this is no SIP URI"))
        return None
    target = _with_callbacks(Target("sip", uri), attributes)
    attributes.finish(("username", "password", "codecs", "sessionTimeout"))
    skip_elements(noun, warnings)
    return target


def _with_callbacks(target: Target, attributes: AttributeReader) -> Target:
    """Return a target with its callbacks; a client without chosen events has none, anything else that of its end."""
    callback = read_subscription(attributes, "statusCallback", (), _CALL_EVENTS)
    return replace(
        target,
        whisper=attributes.url("url"),
        whisper_method=attributes.method("method", code=13221),
        callback=Subscription() if target.kind == "client" and not callback.events else callback,
        detection=_detection(attributes),
    )


def _detection(attributes: AttributeReader) -> MachineDetection | None:
    mode = attributes.choice("machineDetection", "", ("Enable", "DetectMessageEnd"))
    for name in ("Timeout", "SpeechThreshold", "SpeechEndThreshold", "SilenceTimeout"):
        attributes.text(f"machineDetection{name}")
    callback = Subscription(attributes.url("amdStatusCallback"), attributes.method("amdStatusCallbackMethod"))
    return MachineDetection(mode, callback) if mode else None


def _conference(noun: Element, dialect: Dialect, warnings: list[MarkupWarning]) -> Conference | None:
    attributes = AttributeReader(noun, warnings)
    record = attributes.choice("record", "do-not-record", ("do-not-record", "record-from-start", "true", "false"))
    wait_url = attributes.url("waitUrl") or ("" if "waitUrl" in noun.attributes else None)
    label = attributes.text("participantLabel").strip()
    if dialect == "signalwire":
        label = ""
    elif len(label) > MAX_NAME_CHARACTERS:
        warnings.append(warning_at(noun, LABEL, "the label is too long and is ignored", "participantLabel"))
        label = ""
    beep = attributes.choice("beep", "true", ("true", "false", "onEnter", "onExit"), code=13235)
    conference = Conference(
        name=noun.text(),
        muted=attributes.boolean("muted", default=False, code=13230),
        start_on_enter=attributes.boolean("startConferenceOnEnter", default=True, code=13232),
        end_on_exit=attributes.boolean("endConferenceOnExit", default=False, code=13231),
        beep=beep,
        wait_url=wait_url,
        wait_method=attributes.method("waitMethod", code=13234),
        max_participants=attributes.integer("maxParticipants", 250, 2, 250),
        record=record in {"record-from-start", "true"},
        settings=read_settings(attributes, channels=1, track="both", trim="trim-silence"),
        callback=read_subscription(attributes, "statusCallback", (), _CONFERENCE_EVENTS),
        label=label,
        coach=attributes.text("coach").strip(),
    )
    attributes.finish(("region", "jitterBufferSize", "eventCallbackUrl"))
    skip_elements(noun, warnings)
    if not 1 <= len(conference.name) <= MAX_NAME_CHARACTERS:
        text = f"the name of a conference has 1 to {MAX_NAME_CHARACTERS} characters"
        warnings.append(warning_at(noun, CONFERENCE_NAME, text))
        return None
    return conference
