"""A dialect: how ids are spelled, which words and bodies are used, what an error looks like."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, Protocol
from urllib.parse import quote, urlencode

from tapedeck.dialects.errors import (
    PARAMETER_FAULTS,
    ErrorAnswer,
    ErrorAnswers,
    find_answers,
)
from tapedeck.dialects.formatting import Body
from tapedeck.domain.call import Call
from tapedeck.domain.conference import Conference
from tapedeck.domain.errors import InvalidParameter, TapedeckError
from tapedeck.domain.page import Cursor, Page
from tapedeck.domain.participant import Participant
from tapedeck.domain.recording import ParentKind, Recording
from tapedeck.domain.transcription import Transcription


class ResourceType(StrEnum):
    """What an id may stand for; the value is Twilio's prefix (resources.md, section 1)."""

    ACCOUNT = "AC"
    CALL = "CA"
    CONFERENCE = "CF"
    RECORDING = "RE"
    TRANSCRIPTION = "TR"
    API_KEY = "SK"


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP answer before it is written: a status, a JSON object or none, headers of its own."""

    status: int
    body: Body | None
    headers: dict[str, str] = field(default_factory=dict)
    content: bytes | None = None
    """In place of a JSON object: bytes, whose type the headers tell."""
    code: int | None = None
    """The vendor's error code, for the log; not every error's body tells it."""


class ListQuery(Protocol):
    """What a list was asked for: links repeat its filters, and its token spells ids of one kind."""

    KIND: ClassVar[ResourceType]

    @property
    def filters(self) -> Mapping[str, str]:
        """The filters by name, as they were spelled."""
        ...


class Dialect(ABC):
    """One of the two wire languages."""

    name: ClassVar[str]
    """How settings, items and logs call it."""
    root: ClassVar[str]
    """What every URI in a body begins with."""
    realm: ClassVar[str]
    """Of the challenge that comes with a 401."""
    accepts_json_bodies: ClassVar[bool]
    """Whether a JSON body is read like a form (operations.md, section 1)."""
    created_status: ClassVar[int]
    """The HTTP status of a creation."""
    supports_current_alias: ClassVar[bool]
    """Whether `Twilio.CURRENT` may stand for a recording."""
    supports_friendly_name_lookup: ClassVar[bool]
    """Whether a friendly name may stand for a live conference."""
    supports_participant_labels: ClassVar[bool]
    """Whether a label may stand for a participant."""
    coach_sid_implies_coaching: ClassVar[bool]
    """Whether `CallSidToCoach` alone means `Coaching=true` (behaviour.md, section 6)."""
    invalid_muted_means_false: ClassVar[bool]
    """Whether a `Muted` that is no boolean counts as false (operations.md, section 1)."""
    cancel_ignores_answered_calls: ClassVar[bool]
    """Whether to cancel a call in progress is granted, and changes nothing (behaviour.md, section 4)."""
    unsupported_operations: ClassVar[frozenset[str]]
    """The operations that it does not have: their method is none of the path's (operations.md, section 2)."""
    accepts_any_date_format: ClassVar[bool]
    """Whether filters take days, instants and RFC 2822 alike (behaviour.md, section 9)."""
    supports_include_soft_deleted: ClassVar[bool]
    """Whether `IncludeSoftDeleted` shows deleted recordings."""
    media_urls_are_public: ClassVar[bool]
    """Whether the vendor lets anybody fetch media who knows the address (behaviour.md, section 11)."""
    conference_audio_is_mono: ClassVar[bool]
    """Whether a conference's audio has one channel unless two are asked for."""
    conference_recordings_have_call_sid: ClassVar[bool]
    """Whether a conference's recording shows a call, by which it is found (behaviour.md, section 5.8)."""

    @abstractmethod
    def format_sid(self, kind: ResourceType, identifier: str) -> str:
        """An id of 32 hex digits as this dialect shows it."""

    @abstractmethod
    def parse_sid(self, kind: ResourceType, sid: str) -> str | None:
        """The id that `sid` spells, in 32 lower-case hex digits; None if it is none of this kind."""

    @abstractmethod
    def call(self, call: Call) -> Body:
        """A call (resources.md, section 5)."""

    @abstractmethod
    def conference(self, conference: Conference) -> Body:
        """A conference (resources.md, section 3)."""

    @abstractmethod
    def participant(self, account: str, participant: Participant, *, added: bool = False) -> Body:
        """A participant of one of this account's conferences (resources.md, section 4).

        Args:
            account: the id.
            participant: of whichever status.
            added: whether this answers its creation, which also shows how long it will wait.
        """

    @abstractmethod
    def recording(self, recording: Recording, *, changed: bool) -> Body:
        """A recording at its parent's address (resources.md, section 2).

        Args:
            recording: of a call or of a conference.
            changed: whether this answers a creation or an update, which may show finer states than a read.
        """

    @abstractmethod
    def recording_of_account(self, recording: Recording, origin: str) -> Body:
        """A recording at its account's address, as reads show it; `origin` is the service's: scheme and host."""

    @abstractmethod
    def transcription(self, transcription: Transcription) -> Body:
        """A transcription (resources.md, section 6)."""

    @abstractmethod
    def page(self, uri: str, page: Page[Any], items: list[Body], form: ListQuery) -> Body:
        """The envelope of a list (resources.md, section 7).

        Args:
            uri: of the collection, without suffix; its last word is the items' name.
            page: where it is.
            items: what is in it.
            form: what was asked.
        """

    @abstractmethod
    def answer_for(self, answers: ErrorAnswers) -> ErrorAnswer:
        """This dialect's column of the error table."""

    @abstractmethod
    def error_answer(self, error: TapedeckError, operation: str) -> ErrorAnswer | None:
        """What this operation alone answers to this error, if it has an answer of its own."""

    @abstractmethod
    def error_body(self, answer: ErrorAnswer, error: TapedeckError, operation: str) -> Body:
        """The body of an error; its message is filled in."""

    def created(self, recording: Recording, *, is_new: bool) -> Response:
        """The answer to a creation; an existing recording is answered with 200 (behaviour.md, section 5.2)."""
        return Response(self.created_status if is_new else 200, self.recording(recording, changed=True))

    def error(self, error: TapedeckError, uri: str, operation: str) -> Response:
        """The answer to a refusal.

        Args:
            error: what was refused.
            uri: the request's path as sent, without query.
            operation: the name of the function that answers.
        """
        name = ""
        if isinstance(error, InvalidParameter):
            name = error.name
            answers = PARAMETER_FAULTS[error.fault]
        else:
            answers = find_answers(error)
        answer = self.error_answer(error, operation) or self.answer_for(answers)
        # Not `format`: a path or a name may hold braces.
        message = answer.message.replace("{name}", name).replace("{uri}", uri)
        body = self.error_body(answer._replace(message=message), error, operation)
        headers = {"WWW-Authenticate": f'Basic realm="{self.realm}"'} if answer.status == 401 else {}  # noqa: PLR2004
        return Response(answer.status, body, headers, code=answer.code)

    def account_uri(self, account: str) -> str:
        """The path of an account."""
        return f"{self.root}/Accounts/{self.format_sid(ResourceType.ACCOUNT, account)}"

    def link(self, uri: str, form: ListQuery, paging: Mapping[str, int], cursor: Cursor | None = None) -> str:
        """An address of a page: the filters, then where it is, then the token."""
        query = {**form.filters, **paging}
        if cursor is not None:
            query["PageToken"] = f"P{'B' if cursor.backwards else 'A'}{self.format_sid(form.KIND, cursor.id)}"
        return f"{uri}?{urlencode(query, quote_via=quote, safe='')}"

    def parent_uri(self, recording: Recording) -> str:
        """The path of the call or conference that a recording hangs on."""
        parent = recording.parent
        collection, kind = _COLLECTIONS[parent.kind]
        return f"{self.account_uri(parent.account)}/{collection}/{self.format_sid(kind, parent.id)}"


_COLLECTIONS = {
    ParentKind.CALL: ("Calls", ResourceType.CALL),
    ParentKind.CONFERENCE: ("Conferences", ResourceType.CONFERENCE),
}
