"""A callback as it goes out: its fields, how they are encoded and signed, and how often its dialect tries.

Only the functions that tell load this, so that the others start without it.
"""

import hmac
import re
from abc import ABC, abstractmethod
from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, ClassVar, Final, NamedTuple
from urllib.parse import parse_qsl, quote, urlencode

from tapedeck.dialects.dialect import Dialect, ResourceType
from tapedeck.domain.notification import ConferenceEvent, ConferenceNotification, RecordingEvent
from tapedeck.domain.participant import Participant
from tapedeck.domain.recording import Recording
from tapedeck.domain.retry_policy import FailureKind, RetryPolicy

Fields = dict[str, str]
"""The form of a callback, in order: no value is empty, no name comes twice."""


def fields_of(values: Mapping[str, Any]) -> Fields:
    """The fields that have a value; booleans become `true` and `false`.

    An empty one is never sent: some verifiers drop it, and then find another signature (behaviour.md, section 7.1).
    """
    texts = {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in values.items()}
    return {name: text for name, text in texts.items() if values[name] is not None and text}


def encode(fields: Mapping[str, str]) -> bytes:
    """The body of a POST: `application/x-www-form-urlencoded`, in UTF-8."""
    return _urlencoded(fields).encode()


def with_query(url: str, fields: Mapping[str, str]) -> str:
    """The URL of a GET: the fields follow its query, which stays as it is, as does the fragment."""
    before, mark, fragment = url.partition("#")
    return f"{before}{'&' if '?' in before else '?'}{_urlencoded(fields)}{mark}{fragment}"


def _urlencoded(fields: Mapping[str, str]) -> str:
    return urlencode(fields, quote_via=quote)


_USER_INFO: Final = re.compile(r"\A(https?://)[^/?#]*@")


def signature_base_url(url: str) -> str:
    """What of a URL is signed: all but user info and fragment, letter for letter (behaviour.md, section 7.4)."""
    return _USER_INFO.sub(r"\1", url.partition("#")[0])


def sign(key: str, url: str, fields: Mapping[str, str]) -> str:
    """The signature of a callback, in base64 (behaviour.md, section 7.4).

    Args:
        key: Twilio's auth token or SignalWire's signing key.
        url: where it goes; for a GET with its fields in the query.
        fields: of a POST; none for a GET.
    """
    text = signature_base_url(url) + "".join(f"{name}{fields[name]}" for name in sorted(fields))
    return b64encode(hmac.digest(key.encode(), text.encode(), "sha1")).decode()


STATUS_CALLBACK_EVENTS: Final[Mapping[ConferenceEvent, str]] = {
    **{event: f"participant-{event}" for event in ConferenceEvent},
    ConferenceEvent.START: "conference-start",
    ConferenceEvent.END: "conference-end",
    ConferenceEvent.ANNOUNCEMENT_END: "announcement-end",
    ConferenceEvent.ANNOUNCEMENT_FAIL: "announcement-fail",
}
"""The values of `StatusCallbackEvent`, the same in both dialects (behaviour.md, section 7.2)."""

CONFERENCE_EVENTS: Final[Mapping[str, tuple[ConferenceEvent, ...]]] = {
    "start": (ConferenceEvent.START,),
    "end": (ConferenceEvent.END,),
    "join": (ConferenceEvent.JOIN,),
    "leave": (ConferenceEvent.LEAVE,),
    "mute": (ConferenceEvent.MUTE, ConferenceEvent.UNMUTE),
    "hold": (ConferenceEvent.HOLD, ConferenceEvent.UNHOLD),
    "speaker": (ConferenceEvent.SPEECH_START, ConferenceEvent.SPEECH_STOP),
}
"""What both dialects tell, by the word that asks for it (behaviour.md, section 7.2)."""

_RECORDING_EVENTS: Final = {**{str(event): event for event in RecordingEvent}, "failed": RecordingEvent.ABSENT}
"""By the word that asks for it: who asks for failures is told that there is no recording (our choice, section 7.1)."""

_NUMBER: Final = re.compile(r"\d{1,9}", re.ASCII)


class Override(NamedTuple):
    """A number in a URL's fragment: the part of the policy that it sets, and what it may be, both included.

    `more` is added to it: who counts retries does not count the first attempt.
    """

    part: str
    least: int
    most: int
    more: int = 0


class CallbackDialect(ABC):
    """One of the two wire languages, as far as callbacks speak it."""

    dialect: ClassVar[Dialect]
    """How it spells ids, dates and words."""
    published_events: ClassVar[Mapping[str, tuple[ConferenceEvent, ...]]]
    """The events of a conference, by the word that asks for them (behaviour.md, section 7.2)."""
    end_includes_recording: ClassVar[bool]
    """Whether a conference's end tells of a recording of it (behaviour.md, section 7.2)."""
    signature_headers: ClassVar[tuple[str, ...]]
    """Where the signature stands."""
    idempotency_header: ClassVar[str | None]
    """Where a token stands that is the same at every repetition, if anywhere."""
    default_retry_policy: ClassVar[RetryPolicy]
    """How callbacks are tried unless their URL says otherwise (behaviour.md, section 7.3)."""
    overrides: ClassVar[Mapping[str, Override]]
    """What a URL's fragment may say instead, by name."""
    retry_keywords: ClassVar[Mapping[str, frozenset[FailureKind]]]
    """What else it may say: after which causes to try again, separated by commas, in a field `rp`."""

    @abstractmethod
    def recording(self, recording: Recording, event: RecordingEvent, origin: str) -> Fields:
        """What is told of a recording (behaviour.md, section 7.1).

        Args:
            recording: as the event has left it, or later.
            event: one that was asked for.
            origin: of the service: scheme and host.
        """

    def conference(self, notification: ConferenceNotification, origin: str) -> Fields:
        """What is told of a conference (behaviour.md, section 7.2).

        Args:
            notification: its event is one that was asked for.
            origin: of the service: scheme and host.
        """
        details: Mapping[str, Any] = {}
        if notification.event is ConferenceEvent.END:
            details = self.ending(notification, origin)
        # Nobody begins a conference, and what is announced to everybody is about nobody.
        elif notification.participant is not None and notification.event is not ConferenceEvent.START:
            details = self.participant(notification, notification.participant)
        return fields_of({**self.head(notification), **details})

    @abstractmethod
    def head(self, notification: ConferenceNotification) -> Mapping[str, Any]:
        """What every event of a conference tells."""

    @abstractmethod
    def participant(self, notification: ConferenceNotification, participant: Participant) -> Mapping[str, Any]:
        """What besides is told of a participant."""

    @abstractmethod
    def ending(self, notification: ConferenceNotification, origin: str) -> Mapping[str, Any]:
        """What besides is told at the end."""

    def recording_events(self, asked: Iterable[str]) -> frozenset[RecordingEvent]:
        """The events of a recording that a subscription's words ask for."""
        return frozenset(_RECORDING_EVENTS[word] for word in asked if word in _RECORDING_EVENTS)

    def conference_events(self, asked: Iterable[str]) -> frozenset[ConferenceEvent]:
        """The events of a conference that a subscription's words ask for; what this dialect never tells is none."""
        return frozenset(event for word in asked for event in self.published_events.get(word, ()))

    def headers(self, signature: str, token: str) -> dict[str, str]:
        """What shows whose callback it is, and whether it is a repetition (behaviour.md, sections 7.3 and 7.4)."""
        headers = dict.fromkeys(self.signature_headers, signature)
        if self.idempotency_header is not None:
            headers[self.idempotency_header] = token
        return headers

    def policy(self, url: str) -> RetryPolicy:
        """How a callback to this URL is tried.

        Of the fragment's fields, the last that can be read counts. Those out of range or unreadable are ignored, and
        so are words of `rp` that mean nothing (our choice).
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
        """The absolute address of a recording at its account, without extension."""
        sid = self.dialect.format_sid(ResourceType.RECORDING, recording.id)
        return f"{origin}{self.dialect.account_uri(recording.parent.account)}/Recordings/{sid}"
