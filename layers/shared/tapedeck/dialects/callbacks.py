"""The fields, encoding, signature and retry policy of callbacks in each dialect.

Only functions that publish or deliver callbacks import this module, to keep the cold start of the others short.
"""

import hmac
import re
from abc import ABC, abstractmethod
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Final, NamedTuple
from urllib.parse import parse_qsl, quote, urlencode

from tapedeck.dialects.dialect import Dialect, ResourceType
from tapedeck.dialects.formatting import API_VERSION, rfc2822
from tapedeck.domain.call import Call, CallStatus
from tapedeck.domain.notification import (
    CallEvent,
    CallNotification,
    ConferenceEvent,
    ConferenceNotification,
    RecordingEvent,
)
from tapedeck.domain.participant import Participant
from tapedeck.domain.recording import Recording
from tapedeck.domain.retry_policy import FailureKind, RetryPolicy

Fields = dict[str, str]
"""The form fields of a callback, in order; names are unique and no value is empty."""


def fields_of(values: Mapping[str, Any]) -> Fields:
    """Convert values to form fields: booleans become `true` or `false`, None and empty values are dropped.

    Empty fields must not be sent: some verifiers ignore them and then compute a different signature (C-73).
    """
    texts = {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in values.items()}
    return {name: text for name, text in texts.items() if values[name] is not None and text}


def encode(fields: Mapping[str, str]) -> bytes:
    """Encode the body of a POST as `application/x-www-form-urlencoded` in UTF-8 (C-72)."""
    return _urlencoded(fields).encode()


def with_query(url: str, fields: Mapping[str, str]) -> str:
    """Build the URL of a GET: append the fields to the query; the rest of the URL is unchanged."""
    before, mark, fragment = url.partition("#")
    return f"{before}{'&' if '?' in before else '?'}{_urlencoded(fields)}{mark}{fragment}"


def _urlencoded(fields: Mapping[str, str]) -> str:
    return urlencode(fields, quote_via=quote)


_USER_INFO: Final = re.compile(r"\A(https?://)[^/?#]*@")


def signature_base_url(url: str) -> str:
    """Return the part of a URL that is signed: without user info and fragment, otherwise unchanged."""
    return _USER_INFO.sub(r"\1", url.partition("#")[0])


# --8<-- [start:sign]
def sign(key: str, url: str, fields: Mapping[str, str]) -> str:
    """Sign a callback with HMAC-SHA1, in base64.

    Args:
        key: Twilio's auth token or SignalWire's signing key.
        url: the URL of the request; for a GET with the fields in its query.
        fields: the form of a POST; empty for a GET.
    """
    text = signature_base_url(url) + "".join(f"{name}{fields[name]}" for name in sorted(fields))
    return b64encode(hmac.digest(key.encode(), text.encode(), "sha1")).decode()


# --8<-- [end:sign]


STATUS_CALLBACK_EVENTS: Final[Mapping[ConferenceEvent, str]] = {
    **{event: f"participant-{event}" for event in ConferenceEvent},
    ConferenceEvent.START: "conference-start",
    ConferenceEvent.END: "conference-end",
    ConferenceEvent.ANNOUNCEMENT_END: "announcement-end",
    ConferenceEvent.ANNOUNCEMENT_FAIL: "announcement-fail",
}
"""The values of `StatusCallbackEvent` in both dialects."""

CONFERENCE_EVENTS: Final[Mapping[str, tuple[ConferenceEvent, ...]]] = {
    "start": (ConferenceEvent.START,),
    "end": (ConferenceEvent.END,),
    "join": (ConferenceEvent.JOIN,),
    "leave": (ConferenceEvent.LEAVE,),
    "mute": (ConferenceEvent.MUTE, ConferenceEvent.UNMUTE),
    "hold": (ConferenceEvent.HOLD, ConferenceEvent.UNHOLD),
    "speaker": (ConferenceEvent.SPEECH_START, ConferenceEvent.SPEECH_STOP),
}
"""The conference events of both dialects, by the value of `StatusCallbackEvent` that subscribes to them."""

RECORDING_EVENTS: Final[Mapping[str, RecordingEvent]] = {
    "in-progress": RecordingEvent.IN_PROGRESS,
    "completed": RecordingEvent.COMPLETED,
    "absent": RecordingEvent.ABSENT,
}
"""The recording events that both vendors have, by the value that subscribes to them; `failed` has none (C-69)."""

CALL_STATUSES: Final[Mapping[CallEvent, str]] = {
    CallEvent.INITIATED: "initiated",
    CallEvent.RINGING: CallStatus.RINGING,
    CallEvent.ANSWERED: CallStatus.IN_PROGRESS,
    CallEvent.IN_PROGRESS: CallStatus.IN_PROGRESS,
}
"""`CallStatus` of the events before the end."""

_SIP_CODES: Final = {
    CallStatus.BUSY: 486,
    CallStatus.NO_ANSWER: 487,
    CallStatus.CANCELED: 487,
    CallStatus.FAILED: 404,
}
"""The SIP code of a call that was not answered, by its final status (C-165)."""
_SIP_ANSWERED: Final = 200
_SIP_REFUSED: Final = 300
_SIP_TERMINATED: Final = 487

_NUMBER: Final = re.compile(r"\d{1,9}", re.ASCII)


class Override(NamedTuple):
    """A number in a URL's fragment that overrides the field `part` of the retry policy.

    Valid numbers are from `least` to `most`, inclusive. `more` is added to the number: a count of retries does not
    include the first attempt, but `attempts` does.
    """

    part: str
    least: int
    most: int
    more: int = 0


class CallbackDialect(ABC):
    """How one vendor's callbacks are rendered, signed and retried."""

    dialect: ClassVar[Dialect]
    """The dialect whose SIDs, dates and values the fields contain."""
    published_events: ClassVar[Mapping[str, tuple[ConferenceEvent, ...]]]
    """The conference events by the value of `StatusCallbackEvent` that subscribes to them."""
    published_recording_events: ClassVar[Mapping[str, RecordingEvent]]
    """The recording events by the value of `RecordingStatusCallbackEvent` that subscribes to them."""
    published_call_events: ClassVar[Mapping[str, CallEvent]]
    """The status events of calls by the value of `StatusCallbackEvent` that subscribes to them."""
    call_statuses: ClassVar[Mapping[CallEvent, str]] = CALL_STATUSES
    """`CallStatus` of the events before the end."""
    following_call_events: ClassVar[Mapping[CallEvent, CallEvent]] = {}
    """The events that are delivered after others, with the same number."""
    sip_code_field: ClassVar[str]
    """The name of the field with the SIP code of a call's end."""
    end_includes_recording: ClassVar[bool]
    """Whether `conference-end` includes the conference's recording."""
    signature_headers: ClassVar[tuple[str, ...]]
    """The headers that contain the signature."""
    idempotency_header: ClassVar[str | None]
    """The header with a token that is identical in all retries of a callback; None if there is no such header."""
    default_retry_policy: ClassVar[RetryPolicy]
    """The retry policy of a callback whose URL has no overrides in its fragment."""
    overrides: ClassVar[Mapping[str, Override]]
    """The numbers that a URL's fragment may override, by name."""
    retry_keywords: ClassVar[Mapping[str, frozenset[FailureKind]]]
    """The failures to retry, by keyword of the fragment's field `rp` (separated by commas)."""

    user_agent: ClassVar[str]
    """The client's name in requests for instructions."""
    max_instruction_redirects: ClassVar[int]
    """How many redirects of a request for instructions are followed."""
    repeats_instructions: ClassVar[bool]
    """Whether a request for instructions is repeated when there was no connection."""
    keeps_cookies: ClassVar[bool]
    """Whether the cookies of an application are returned to it during a call."""
    dial_reports_recording_sid: ClassVar[bool]
    """Whether the request after a `<Dial>` has the SID of the recording, besides its URL."""

    @abstractmethod
    def recording(self, recording: Recording, event: RecordingEvent, origin: str) -> Fields:
        """Render the fields of a recording callback.

        Args:
            recording: its state at the event or later.
            event: an event that the subscription includes.
            origin: of the service: scheme and host.
        """

    def call(self, notification: CallNotification) -> Fields:
        """Render the fields of a status callback of a call, sorted by name.

        Args:
            notification: an event that the subscription includes.
        """
        call, ends = notification.call, notification.event is CallEvent.COMPLETED
        values: dict[str, Any] = {
            "AccountSid": self.dialect.format_sid(ResourceType.ACCOUNT, call.account),
            "ApiVersion": API_VERSION,
            "CallSid": self.dialect.format_sid(ResourceType.CALL, call.id),
            "CallStatus": call.status if ends else self.call_statuses[notification.event],
            "CallbackSource": "call-progress-events",
            "Direction": call.direction,
            "From": call.from_,
            "ParentCallSid": self.dialect.format_sid(ResourceType.CALL, call.parent_call) if call.parent_call else None,
            "SequenceNumber": notification.sequence,
            "Timestamp": rfc2822(notification.at),
            "To": call.to,
            **self.call_details(call),
        }
        if ends:
            values |= {"CallDuration": call.duration or 0, **self.call_end_details(call)}
            values[self.sip_code_field] = _sip_code(call)
        return fields_of(dict(sorted(values.items())))

    def call_details(self, call: Call) -> Mapping[str, Any]:
        """Render the fields that only this dialect has in every status callback of a call."""
        del call
        return {}

    def call_end_details(self, call: Call) -> Mapping[str, Any]:
        """Render the fields that only this dialect has in the callback of a call's end."""
        del call
        return {}

    def conference(self, notification: ConferenceNotification, origin: str) -> Fields:
        """Render the fields of a conference callback.

        Args:
            notification: an event that the subscription includes, and its details.
            origin: of the service: scheme and host.
        """
        details: Mapping[str, Any] = {}
        if notification.event is ConferenceEvent.END:
            details = self.ending(notification, origin)
        # A start, and an announcement to the whole conference, concern no single participant.
        elif notification.participant is not None and notification.event is not ConferenceEvent.START:
            details = self.participant(notification, notification.participant)
        return fields_of({**self.head(notification), **details})

    @abstractmethod
    def head(self, notification: ConferenceNotification) -> Mapping[str, Any]:
        """Render the fields that all events of a conference have."""

    @abstractmethod
    def participant(self, notification: ConferenceNotification, participant: Participant) -> Mapping[str, Any]:
        """Render the additional fields of an event of a participant."""

    @abstractmethod
    def ending(self, notification: ConferenceNotification, origin: str) -> Mapping[str, Any]:
        """Render the additional fields of `conference-end`."""

    def recording_events(self, names: Iterable[str]) -> frozenset[RecordingEvent]:
        """Return the recording events that a subscription's event names select; unsupported names are ignored."""
        events = self.published_recording_events
        return frozenset(events[word] for word in names if word in events)

    def conference_events(self, names: Iterable[str]) -> frozenset[ConferenceEvent]:
        """Return the conference events that a subscription's event names select; unsupported names are ignored."""
        return frozenset(event for word in names for event in self.published_events.get(word, ()))

    def call_events(self, names: Sequence[str]) -> frozenset[CallEvent]:
        """Return the events of a call that a subscription's event names select; without names the end."""
        if not names:
            return frozenset({CallEvent.COMPLETED})
        events = self.published_call_events
        return frozenset(events[word] for word in names if word in events)

    def with_following(self, notification: CallNotification) -> Iterator[CallNotification]:
        """Yield the notification of a call's event, and that of the event which follows it in this dialect."""
        yield notification
        if notification.event in self.following_call_events:
            yield replace(notification, event=self.following_call_events[notification.event])

    def headers(self, signature: str, token: str) -> dict[str, str]:
        """Build the headers that authenticate a callback and, if the dialect has such a header, identify retries."""
        headers = dict.fromkeys(self.signature_headers, signature)
        if self.idempotency_header is not None:
            headers[self.idempotency_header] = token
        return headers

    def policy(self, url: str) -> RetryPolicy:
        """Return the retry policy of a callback to this URL: the default, with overrides from the fragment.

        Invalid or out-of-range values and unknown keywords of `rp` are ignored. Of repeated fields the last valid one
        counts.
        """
        policy = self.default_retry_policy
        for name, text in parse_qsl(url.partition("#")[2]):
            policy = replace(policy, **self._overridden(name, text))
        return policy

    def _overridden(self, name: str, text: str) -> Mapping[str, Any]:
        if name == "rp":
            causes = frozenset[FailureKind]().union(*(self.retry_keywords.get(word, ()) for word in text.split(",")))
            return {"retried": causes} if causes else {}
        override = self.overrides.get(name)
        if override is None or not _NUMBER.fullmatch(text) or not override.least <= int(text) <= override.most:
            return {}
        return {override.part: int(text) + override.more}

    def media_url(self, recording: Recording, origin: str) -> str:
        """Build the absolute URL of a recording below its account, without extension."""
        return self.recording_url(recording.parent.account, recording.id, origin)

    def recording_url(self, account: str, recording: str, origin: str) -> str:
        """Build the absolute URL of a recording by its id, without extension."""
        sid = self.dialect.format_sid(ResourceType.RECORDING, recording)
        return f"{origin}{self.dialect.account_uri(account)}/Recordings/{sid}"


def _sip_code(call: Call) -> int | None:
    """Return the SIP code with which an outbound call ended; None for an inbound call."""
    if call.direction == "inbound":
        return None
    if call.started is not None:
        return _SIP_ANSWERED
    if call.sip_status is not None and call.sip_status >= _SIP_REFUSED:
        return call.sip_status
    return _SIP_CODES.get(call.status, _SIP_TERMINATED)
