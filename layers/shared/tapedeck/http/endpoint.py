"""The `@endpoint` decorator.

It authenticates, resolves ids, validates parameters, calls the handler, maps errors to the vendor's format, and writes
one log line per request.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, TypeVar

from tapedeck.dialects.dialect import Dialect, ResourceType, Response
from tapedeck.dialects.errors import find_answers
from tapedeck.dialects.forms.base import Form
from tapedeck.dialects.selection import select_dialect
from tapedeck.domain.errors import (
    AmbiguousCurrentRecording,
    ConferenceOverForParticipant,
    InvalidParameter,
    MethodNotAllowed,
    NotFound,
    StoreBusy,
    TapedeckError,
)
from tapedeck.domain.identity import new_id
from tapedeck.domain.page import PageRequest
from tapedeck.domain.participant import Label, is_label
from tapedeck.domain.recording import Parent, ParentKind
from tapedeck.http.basic_auth import authenticate
from tapedeck.http.request import HttpRequest, to_lambda_response
from tapedeck.http.routes import MEDIA_SUFFIXES, SUFFIX, split
from tapedeck.observability import CanonicalLog
from tapedeck.operations.authentication import Authenticator
from tapedeck.operations.calls import Calls
from tapedeck.operations.conferences import ConferenceName, Conferences
from tapedeck.operations.recordings import CURRENT, Current, Recordings
from tapedeck.ports.clock import Clock

if TYPE_CHECKING:
    from tapedeck.operations.lists import Lists
    from tapedeck.operations.media import Media
    from tapedeck.operations.participants import Participants
    from tapedeck.operations.transcriptions import Transcriptions

PathAlias = Literal["current", "name", "room", "label", "deleted"]
"""What the last path segment accepts besides an id.

`current`: `Twilio.CURRENT`. `name`: a live conference's friendly name. `room`: the name of a live conference or of one
to create. `label`: a participant's label. `deleted`: the id of a deleted recording, whose transcriptions remain.
"""

_NOT_FOUND: Final = 404
_CURRENT_SID: Final = "Twilio.CURRENT"

FormT = TypeVar("FormT", bound=Form)
Event = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ApiServices:
    """The services that HTTP handlers use."""

    calls: Calls
    conferences: Conferences
    recordings: Recordings
    authenticator: Authenticator
    log: CanonicalLog
    clock: Clock
    media_inline_bytes: int
    """Maximum bytes of audio in a response; larger audio is answered with a redirect."""

    # Created at first use: most functions need none of them, and importing them slows the cold start.
    media: Callable[[], "Media"]
    make_lists: "Callable[[], Lists]"
    make_participants: "Callable[[], Participants]"
    make_transcriptions: "Callable[[], Transcriptions]"

    @property
    def lists(self) -> "Lists":
        """The lists of accounts, calls and conferences."""
        return self.make_lists()

    @property
    def participants(self) -> "Participants":
        """The participants of conferences."""
        return self.make_participants()

    @property
    def transcriptions(self) -> "Transcriptions":
        """The transcriptions of recordings."""
        return self.make_transcriptions()


@dataclass(frozen=True, slots=True)
class ResourcePath:
    """The ids in a path: an account, and optionally a call or conference and a resource below it.

    A call below a conference is a `participant`.
    """

    account: str
    call: str | None = None
    conference: str | ConferenceName | None = None
    participant: str | Label | None = None
    recording: str | Current | None = None
    transcription: str | None = None

    @property
    def parent(self) -> Parent:
        """The call or conference, as the parent of recordings."""
        if self.call is not None:
            return Parent(self.account, ParentKind.CALL, self.call)
        if not isinstance(self.conference, str):
            raise NotFound
        return Parent(self.account, ParentKind.CONFERENCE, self.conference)

    @property
    def call_id(self) -> str:
        """The id of the call; raises NotFound if the path has none."""
        if self.call is None:
            raise NotFound
        return self.call

    @property
    def conference_or_name(self) -> str | ConferenceName:
        """The id or name of the conference; raises NotFound if the path has none."""
        if self.conference is None:
            raise NotFound
        return self.conference

    @property
    def conference_id(self) -> str:
        """The id of the conference; raises NotFound if the path has none."""
        if not isinstance(self.conference, str):
            raise NotFound
        return self.conference

    @property
    def participant_or_label(self) -> str | Label:
        """The call's id or the label of the participant; raises NotFound if the path has none."""
        if self.participant is None:
            raise NotFound
        return self.participant

    @property
    def recording_or_current(self) -> str | Current:
        """The id of the recording, or CURRENT; raises NotFound if the path has none."""
        if self.recording is None:
            raise NotFound
        return self.recording

    @property
    def recording_id(self) -> str:
        """The id of the recording; raises NotFound if the path has none."""
        if not isinstance(self.recording, str):
            raise NotFound
        return self.recording

    @property
    def transcription_id(self) -> str:
        """The id of the transcription; raises NotFound if the path has none."""
        if self.transcription is None:
            raise NotFound
        return self.transcription

    @property
    def sid(self) -> str | None:
        """The id of the last resource in the path; None if it is named by an alias."""
        if self.participant is not None:
            return self.participant if isinstance(self.participant, str) else None
        named = (self.transcription, self.recording, self.conference, self.call)
        return next((part for part in named if isinstance(part, str)), None)


@dataclass(frozen=True, slots=True)
class Request(Generic[FormT]):
    """A request with a valid route, credentials, ids and parameters."""

    services: ApiServices
    dialect: Dialect
    path: ResourcePath
    form: FormT
    origin: str
    """Scheme and host that the client used."""
    method: str
    headers: Mapping[str, str]
    suffix: str
    """The suffix of the path: `.json`, `.wav`, `.mp3` or empty."""


Handler = Callable[[Request[FormT]], Response]


class Endpoint:
    """Turns functions into Lambda handlers.

    Args:
        service: returns the services; called once per request.
    """

    def __init__(self, service: Callable[[], ApiServices]) -> None:
        self._get_services = service

    def __call__(
        self,
        operation: str,
        form: type[FormT],
        *,
        path_alias: PathAlias | None = None,
        media: type[FormT] | None = None,
    ) -> Callable[[Handler[FormT]], Callable[[Event, object], dict[str, Any]]]:
        """Decorate the handler of an operation.

        Args:
            operation: the name of the operation and of its folder.
            form: the model of its parameters.
            path_alias: what the last path segment accepts besides an id.
            media: the model of its parameters for audio, that is for paths without `.json`; audio may be public.

        The checks run in this order: credentials (401), account and ids (404), parameters (400). The handler then
        checks the state of the resource.
        """

        def decorate(handler: Handler[FormT]) -> Callable[[Event, object], dict[str, Any]]:
            def answer(service: ApiServices, http: HttpRequest, dialect: Dialect, context: _RequestContext) -> Response:
                if operation in dialect.unsupported_operations:
                    raise MethodNotAllowed
                suffix = _suffix_of(http.path, media=media is not None)
                is_media = media is not None and suffix != SUFFIX
                if http.method == "HEAD" and not is_media:
                    raise MethodNotAllowed
                account = _account_of(http, dialect, service.authenticator, is_media=is_media)
                context.account = account
                address = _parse_resource_path(http, dialect, path_alias, suffix)
                if address.account != account:
                    raise NotFound
                context.sid = address.sid
                try:
                    reads_body = http.method == "POST"
                    given = http.fields(accepts_json=dialect.accepts_json_bodies) if reads_body else http.query_fields()
                    fields = ((media or form) if is_media else form).read(given, dialect)
                except InvalidParameter as error:
                    # A missing resource takes precedence over an invalid parameter.
                    _check_exists(service, address, dialect, path_alias, deleted=error.name == "IncludeSoftDeleted")
                    raise
                return handler(
                    Request(service, dialect, address, fields, http.origin, http.method, http.headers, suffix)
                )

            return self._run(operation, answer)

        return decorate

    def unrouted(
        self, operation: str
    ) -> Callable[[Callable[[HttpRequest], Response]], Callable[[Event, object], dict[str, Any]]]:
        """Decorate the handler of requests without a route, which are not authenticated."""

        def decorate(handler: Callable[[HttpRequest], Response]) -> Callable[[Event, object], dict[str, Any]]:
            def answer(
                _service: ApiServices, http: HttpRequest, _dialect: Dialect, _context: _RequestContext
            ) -> Response:
                return handler(http)

            return self._run(operation, answer)

        return decorate

    def _run(
        self, operation: str, answer: Callable[[ApiServices, HttpRequest, Dialect, "_RequestContext"], Response]
    ) -> Callable[[Event, object], dict[str, Any]]:
        def handle(event: Event, _lambda_context: object) -> dict[str, Any]:
            started = time.perf_counter()
            service = self._get_services()
            request_id = new_id(service.clock())
            http = HttpRequest.from_event(event)
            parts = split(http.path)
            account_sid = http.variables.get("AccountSid") or (parts[0] if parts else "")
            dialect = select_dialect(account_sid, http.path)
            context = _RequestContext()
            try:
                reply = answer(service, http, dialect, context)
            except TapedeckError as error:
                context.is_busy = isinstance(error, StoreBusy)
                reply = dialect.error(error, http.path, operation)
            except Exception as error:  # noqa: BLE001 - map any error to the dialect's format
                service.log.unhandled_error(operation, request_id, error)
                reply = dialect.error(TapedeckError(), http.path, operation)
            service.log.request(
                operation=operation,
                dialect=dialect.name,
                account=context.account,
                sid=context.sid,
                status=reply.status,
                code=reply.code,
                request_id=request_id,
                started=started,
                is_busy=context.is_busy,
            )
            return to_lambda_response(reply, request_id)

        return handle


@dataclass(slots=True)
class _RequestContext:
    """Fields of the log line that become known while a request is processed."""

    account: str | None = None
    sid: str | None = None
    is_busy: bool = False


def _suffix_of(path: str, *, media: bool) -> str:
    known = (SUFFIX, *MEDIA_SUFFIXES) if media else (SUFFIX,)
    return next((suffix for suffix in known if path.endswith(suffix)), "")


def _account_of(http: HttpRequest, dialect: Dialect, authenticator: Authenticator, *, is_media: bool) -> str:
    """Return the account that the request may access; raises CredentialsMissing or NotAuthenticated if none."""
    if is_media and dialect.media_urls_are_public:
        account = dialect.parse_sid(ResourceType.ACCOUNT, http.variables.get("AccountSid", ""))
        if account is not None and authenticator.allows_public_media(account):
            return account
    return authenticate(http.headers.get("authorization"), authenticator).account


def _parse_resource_path(
    http: HttpRequest, dialect: Dialect, path_alias: PathAlias | None, suffix: str
) -> ResourcePath:
    """Parse the ids of a path; raises NotFound if one does not have the dialect's form."""

    def text(name: str) -> str | None:
        value = http.variables.get(name)
        # Only the last segment may have a suffix.
        is_last = value is not None and http.path.endswith(f"/{value}")
        return value.removesuffix(suffix) if value is not None and is_last else value

    def read(kind: ResourceType, name: str) -> str | None:
        sid = text(name)
        if sid is None:
            return None
        identifier = dialect.parse_sid(kind, sid)
        if identifier is None:
            raise NotFound
        return identifier

    account = read(ResourceType.ACCOUNT, "AccountSid")
    if account is None:
        raise NotFound
    conference: str | ConferenceName | None
    if path_alias in {"name", "room"} and dialect.supports_friendly_name_lookup:
        name = text("ConferenceSid") or ""
        conference = dialect.parse_sid(ResourceType.CONFERENCE, name) or ConferenceName(name)
    else:
        conference = read(ResourceType.CONFERENCE, "ConferenceSid")
    participant: str | Label | None = None
    if conference is not None:
        label = text("CallSid") or ""
        sid = dialect.parse_sid(ResourceType.CALL, label)
        takes_label = path_alias == "label" and dialect.supports_participant_labels and sid is None and is_label(label)
        participant = Label(label) if takes_label else read(ResourceType.CALL, "CallSid")
    is_current = path_alias == "current" and dialect.supports_current_alias and text("RecordingSid") == _CURRENT_SID
    return ResourcePath(
        account,
        read(ResourceType.CALL, "CallSid") if conference is None else None,
        conference,
        participant,
        CURRENT if is_current else read(ResourceType.RECORDING, "RecordingSid"),
        read(ResourceType.TRANSCRIPTION, "TranscriptionSid"),
    )


def _check_exists(
    service: ApiServices, address: ResourcePath, dialect: Dialect, path_alias: PathAlias | None, *, deleted: bool
) -> None:
    """Read the resource of a path once; raises NotFound if it does not exist.

    With `deleted`, a deleted recording counts as existing.
    """
    if path_alias == "deleted":
        service.transcriptions.of_recording(
            address.account, address.recording_id, PageRequest(1), deleted=dialect.supports_include_soft_deleted
        )
    elif path_alias == "room":
        service.participants.find_dial_target(address.account, address.conference_or_name)
    elif address.participant is not None:
        _find_participant(service, address, dialect)
    elif address.transcription is not None:
        service.transcriptions.get(address.account, address.transcription)
    elif isinstance(address.recording, Current):
        with suppress(AmbiguousCurrentRecording):
            service.recordings.current(address.parent)
    elif address.recording is not None and (address.call or address.conference) is not None:
        service.recordings.get(address.parent, address.recording)
    elif address.recording is not None:
        service.recordings.find(address.account, address.recording, deleted=deleted)
    elif address.conference is not None:
        service.conferences.get(address.account, address.conference)
    elif address.call is not None:
        service.calls.get(address.account, address.call)


def _find_participant(service: ApiServices, address: ResourcePath, dialect: Dialect) -> None:
    try:
        service.participants.find(address.account, address.conference_id, address.participant_or_label)
    except ConferenceOverForParticipant as error:
        # The dialect decides whether a participant of an ended conference still exists.
        if dialect.answer_for(find_answers(error)).status == _NOT_FOUND:
            raise
