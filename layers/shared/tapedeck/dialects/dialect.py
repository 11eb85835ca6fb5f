"""The interface of a dialect: SIDs, resource bodies, lists and errors of one vendor's API."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Protocol
from urllib.parse import quote, urlencode

from tapedeck.dialects.errors import (
    PARAMETER_FAULTS,
    REPEATABLE_STATUSES,
    RETRY_AFTER_SECONDS,
    ErrorAnswer,
    ErrorAnswers,
    find_answers,
)
from tapedeck.dialects.formatting import Body
from tapedeck.dialects.warnings import CALLBACK_WARNINGS
from tapedeck.domain.account import AccountInfo, ApiKeyInfo, RequestCredentials
from tapedeck.domain.application import Application
from tapedeck.domain.call import Call
from tapedeck.domain.conference import Conference
from tapedeck.domain.errors import InvalidParameter, TapedeckError
from tapedeck.domain.participant import Participant
from tapedeck.domain.phone_number import PhoneNumber
from tapedeck.domain.recording import ParentKind, Recording
from tapedeck.domain.transcription import Transcription
from tapedeck.domain.warnings import AccountWarning

if TYPE_CHECKING:
    from tapedeck.domain.page import Cursor, Page


class ResourceType(StrEnum):
    """The kind of resource that an id belongs to; the value is Twilio's SID prefix."""

    ACCOUNT = "AC"
    CALL = "CA"
    CONFERENCE = "CF"
    RECORDING = "RE"
    TRANSCRIPTION = "TR"
    API_KEY = "SK"
    PHONE_NUMBER = "PN"
    APPLICATION = "AP"


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response before serialization: status, optional JSON body, extra headers."""

    status: int
    body: Body | None
    headers: dict[str, str] = field(default_factory=dict)
    content: bytes | None = None
    """Raw bytes instead of a JSON body; the headers contain their content type."""
    code: int | None = None
    """The vendor's error code, for the log; some error bodies do not include it."""
    call: str | None = None
    """The id of the call that the operation created, for the log; None if the path names the call."""
    created_id: str | None = None
    """The id of the resource that the operation created, or found in its place, for the log."""


class ListQuery(Protocol):
    """The parameters of a list request; page links repeat its filters."""

    KIND: ClassVar[ResourceType]
    """The kind of the id in page tokens."""

    @property
    def filters(self) -> Mapping[str, str]:
        """The filters by name, exactly as the client sent them."""
        ...


class Dialect(ABC):
    """One vendor's API: Twilio's or SignalWire's."""

    name: ClassVar[str]
    """The dialect's name in settings, table items and logs."""
    root: ClassVar[str]
    """The path prefix of every URI in a body."""
    realm: ClassVar[str]
    """The realm of the Basic challenge in a 401 response."""
    accepts_json_bodies: ClassVar[bool]
    """Whether a JSON body is accepted in place of a form."""
    created_status: ClassVar[int]
    """The HTTP status of a response that created a resource; a phone number or an application is 201 (C-358)."""
    supports_current_alias: ClassVar[bool]
    """Whether `Twilio.CURRENT` is accepted in place of a recording's SID."""
    supports_friendly_name_lookup: ClassVar[bool]
    """Whether a live conference's friendly name is accepted in place of its SID."""
    supports_participant_labels: ClassVar[bool]
    """Whether a participant's label is accepted in place of its call's SID."""
    coach_sid_implies_coaching: ClassVar[bool]
    """Whether `CallSidToCoach` alone means `Coaching=true`."""
    invalid_muted_means_false: ClassVar[bool]
    """Whether a `Muted` value that is not a boolean counts as false."""
    cancel_ignores_answered_calls: ClassVar[bool]
    """Whether canceling an answered call succeeds without effect, instead of failing."""
    unusable_callbacks_are_warnings: ClassVar[bool]
    """Whether a status callback that cannot be used is left out with a warning, instead of failing."""
    unsupported_operations: ClassVar[frozenset[str]]
    """Operations that this vendor does not offer; they fail with 405, or 404 if the vendor lacks the path."""
    accepts_any_date_format: ClassVar[bool]
    """Whether every date filter accepts days, ISO 8601 timestamps and RFC 2822 dates."""
    requires_page_tokens: ClassVar[bool]
    """Whether a page after the first needs a page token; otherwise `Page` alone skips items (C-91)."""
    supports_include_soft_deleted: ClassVar[bool]
    """Whether `IncludeSoftDeleted` includes deleted recordings."""
    media_urls_are_public: ClassVar[bool]
    """Whether the vendor serves media without authentication."""
    conference_audio_is_mono: ClassVar[bool]
    """Whether conference audio has one channel unless two are requested."""
    conference_recordings_have_call_sid: ClassVar[bool]
    """Whether a conference recording has a call SID, and can be filtered by it."""

    @abstractmethod
    def format_sid(self, kind: ResourceType, identifier: str) -> str:
        """Format an id of 32 hex digits as a SID of this dialect."""

    def format_sid_or_none(self, kind: ResourceType, identifier: str | None) -> str | None:
        """Format an id with `format_sid`; None stays None."""
        return self.format_sid(kind, identifier) if identifier is not None else None

    @abstractmethod
    def parse_sid(self, kind: ResourceType, sid: str) -> str | None:
        """Return the id in 32 lower-case hex digits, or None if `sid` is not a SID of this kind."""

    @abstractmethod
    def account(self, account: AccountInfo, credentials: RequestCredentials) -> Body:
        """Render an account; the token in it is the one that the request was authenticated with."""

    def api_key(self, key: ApiKeyInfo, secret: str | None = None) -> Body:
        """Render an API key, with its secret if this is the response to its creation; only Twilio has this resource."""
        raise NotImplementedError

    @abstractmethod
    def call(self, call: Call) -> Body:
        """Render a call."""

    @abstractmethod
    def conference(self, conference: Conference) -> Body:
        """Render a conference."""

    @abstractmethod
    def participant(self, account: str, participant: Participant, *, added: bool = False) -> Body:
        """Render a participant of one of this account's conferences.

        Args:
            account: the id of the account.
            participant: a participant of any status.
            added: whether this is the response to its creation; Twilio's then includes `queue_time`.
        """

    @abstractmethod
    def recording(self, recording: Recording, *, changed: bool) -> Body:
        """Render a recording as a subresource of its call or conference.

        Args:
            recording: a recording of a call or of a conference.
            changed: whether this is the response to a creation or an update; it may show states that reads hide.
        """

    @abstractmethod
    def recording_of_account(self, recording: Recording, origin: str) -> Body:
        """Render a recording as a subresource of its account; `origin` is this service's scheme and host."""

    @abstractmethod
    def transcription(self, transcription: Transcription) -> Body:
        """Render a transcription."""

    @abstractmethod
    def phone_number(self, phone_number: PhoneNumber) -> Body:
        """Render a phone number."""

    @abstractmethod
    def application(self, application: Application) -> Body:
        """Render an application."""

    @abstractmethod
    def page(self, uri: str, page: "Page[Any]", items: list[Body], form: ListQuery) -> Body:
        """Render one page of a list.

        Args:
            uri: the collection's path without suffix; its last segment, in snake case, names the items.
            page: the page's position and its neighbours' cursors.
            items: the rendered items of the page.
            form: the parameters of the list request.
        """

    @abstractmethod
    def answer_for(self, answers: ErrorAnswers) -> ErrorAnswer:
        """Return this dialect's column of a row in the error table."""

    @abstractmethod
    def error_answer(self, error: TapedeckError, operation: str) -> ErrorAnswer | None:
        """Return the response that only this operation gives to this error; None to use the error table."""

    @abstractmethod
    def error_body(self, answer: ErrorAnswer, error: TapedeckError, operation: str) -> Body:
        """Render an error body; `answer.message` has its placeholders already replaced."""

    def warning(self, parameter: str) -> AccountWarning | None:
        """Return the warning about an invalid parameter; None if it is an error."""
        return CALLBACK_WARNINGS.get(parameter) if self.unusable_callbacks_are_warnings else None

    def created(self, recording: Recording, *, is_new: bool) -> Response:
        """Build the response to a creation; the status is 200 if the recording already existed."""
        status = self.created_status if is_new else 200
        return Response(status, self.recording(recording, changed=True), created_id=recording.id)

    def error(self, error: TapedeckError, uri: str, operation: str) -> Response:
        """Build the response to an error.

        Args:
            error: the error that the operation raised.
            uri: the request's path as sent, without the query.
            operation: the name of the operation's function, such as `get_call`.
        """
        # --8<-- [start:error]
        name = value = ""
        if isinstance(error, InvalidParameter):
            name, value = error.name, error.value
            answers = PARAMETER_FAULTS[error.fault]
        else:
            answers = find_answers(error)
        answer = self.error_answer(error, operation) or self.answer_for(answers)
        # Not `str.format`: a path, a name or a value may contain braces. The value may contain a placeholder.
        message = answer.message.replace("{name}", name).replace("{uri}", uri).replace("{value}", value)
        body = self.error_body(answer._replace(message=message), error, operation)
        headers = {"WWW-Authenticate": f'Basic realm="{self.realm}"'} if answer.status == 401 else {}  # noqa: PLR2004
        if answer.status in REPEATABLE_STATUSES:
            headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
        return Response(answer.status, body, headers, code=answer.code)
        # --8<-- [end:error]

    def account_uri(self, account: str) -> str:
        """Return the path of an account."""
        return f"{self.root}/Accounts/{self.format_sid(ResourceType.ACCOUNT, account)}"

    def link(self, uri: str, form: ListQuery, paging: Mapping[str, int], cursor: "Cursor | None" = None) -> str:
        """Build a link to a page: filters first, then page number and size, then the page token (C-92)."""
        query = {**form.filters, **paging}
        if cursor is not None:
            query["PageToken"] = f"P{'B' if cursor.backwards else 'A'}{self.format_sid(form.KIND, cursor.id)}"
        return f"{uri}?{urlencode(query, quote_via=quote, safe='')}"

    def parent_uri(self, recording: Recording) -> str:
        """Return the path of the call or conference that a recording belongs to."""
        parent = recording.parent
        collection, kind = _COLLECTIONS[parent.kind]
        return f"{self.account_uri(parent.account)}/{collection}/{self.format_sid(kind, parent.id)}"


_COLLECTIONS = {
    ParentKind.CALL: ("Calls", ResourceType.CALL),
    ParentKind.CONFERENCE: ("Conferences", ResourceType.CONFERENCE),
}
