"""The `@endpoint` decorator.

It authenticates, resolves ids, validates parameters, calls the handler, maps errors to the vendor's format, and writes
one log line per request.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from tapedeck.dialects.dialect import Dialect, ResourceType, Response
from tapedeck.dialects.errors import find_answers
from tapedeck.dialects.forms.parameters import Parameters
from tapedeck.domain.account import RequestCredentials
from tapedeck.domain.errors import (
    ConferenceOverForParticipant,
    InvalidParameter,
    MethodNotAllowed,
    NotAuthenticated,
    NotFound,
    TapedeckError,
)
from tapedeck.domain.identity import new_id
from tapedeck.domain.warnings import AccountWarning
from tapedeck.http.basic_auth import BasicCredentials, authenticate, parse_basic_auth
from tapedeck.http.engine_refusal import refuse_unrouted
from tapedeck.http.forwarding import forward
from tapedeck.http.request import HttpRequest, to_lambda_response
from tapedeck.http.resource_path import PathAlias, ResourcePath, dialect_of, parse_resource_path, suffix_of
from tapedeck.http.routes import (
    has_audio_suffix,
    is_audio,
    is_engine_path,
    is_known,
    is_list_of_accounts,
    methods_of,
    split,
)
from tapedeck.observability import CanonicalLog, begin_invocation
from tapedeck.operations.authentication import Authenticator
from tapedeck.operations.calls import Calls
from tapedeck.operations.conferences import Conferences
from tapedeck.operations.recordings import Current, Recordings
from tapedeck.ports.clock import Clock
from tapedeck.ports.forwarding import Forwarder

if TYPE_CHECKING:
    from tapedeck.operations.account_details import AccountDetails
    from tapedeck.operations.api_keys import ApiKeys
    from tapedeck.operations.confirmations import Confirmations
    from tapedeck.operations.lists import Lists
    from tapedeck.operations.media import Media
    from tapedeck.operations.participants import Participants
    from tapedeck.operations.phone_numbers import PhoneNumbers
    from tapedeck.operations.transcriptions import Transcriptions

_NOT_FOUND: Final = 404

FormT = TypeVar("FormT", bound=Parameters)
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
    forwarder: Forwarder

    # Created at first use: most functions need none of them, and importing them slows the cold start.
    make_confirmations: "Callable[[], Confirmations]"
    make_media: "Callable[[], Media]"
    make_lists: "Callable[[], Lists]"
    make_participants: "Callable[[], Participants]"
    make_transcriptions: "Callable[[], Transcriptions]"
    make_api_keys: "Callable[[], ApiKeys]"
    make_phone_numbers: "Callable[[], PhoneNumbers]"
    make_account_details: "Callable[[], AccountDetails]"

    @property
    def confirmations(self) -> "Confirmations":
        """The waits for media engines."""
        return self.make_confirmations()

    @property
    def media(self) -> "Media":
        """The audio of recordings."""
        return self.make_media()

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

    @property
    def api_keys(self) -> "ApiKeys":
        """The API keys of accounts."""
        return self.make_api_keys()

    @property
    def phone_numbers(self) -> "PhoneNumbers":
        """The phone numbers of accounts."""
        return self.make_phone_numbers()

    @property
    def account_details(self) -> "AccountDetails":
        """The accounts themselves."""
        return self.make_account_details()


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
    headers: Mapping[str, str] = field(repr=False)
    suffix: str
    """The suffix of the path: `.json`, `.wav`, `.mp3` or empty."""
    credentials: RequestCredentials
    """What authenticated the request; without a secret for audio that is public."""


Handler = Callable[[Request[FormT]], Response]


class Endpoint:
    """Turns functions into Lambda handlers.

    Args:
        get_services: returns the services; called once per request.
        load_audio: returns the form and the handler of requests for audio; called once per such request.
    """

    def __init__(
        self, get_services: Callable[[], ApiServices], load_audio: Callable[[], tuple[type[Any], Handler[Any]]]
    ) -> None:
        self._get_services = get_services
        self._load_audio = load_audio

    def __call__(
        self,
        operation: str,
        form: type[FormT],
        *,
        path_alias: PathAlias | None = None,
        audio_suffixes: tuple[str, ...] = (),
        accepts_api_keys: bool = True,
        accepts_cached_credentials: bool = True,
    ) -> Callable[[Handler[FormT]], Callable[[Event, object], dict[str, Any]]]:
        """Decorate the handler of an operation.

        Args:
            operation: the name of the operation and of its folder.
            form: the model of its parameters.
            path_alias: what one segment of the path accepts besides the SID of an existing resource.
            audio_suffixes: the suffixes of the path that are answered with audio, without the handler; audio may be
                public.
            accepts_api_keys: whether an API key may be used in place of an auth token (C-158).
            accepts_cached_credentials: whether an earlier success of this process suffices; if not, the table is read,
                and a revoked secret is refused at once.

        The checks run in this order (C-8): whether there are credentials (401), operation and method (405), the
        credentials (401), account and ids (404), then body and parameters (400, 413 or 422). An invalid parameter for
        a missing resource is answered with 404. The handler then checks the state of the resource.
        """

        def decorate(handler: Handler[FormT]) -> Callable[[Event, object], dict[str, Any]]:
            # --8<-- [start:checks]
            def answer(
                services: ApiServices, http: HttpRequest, dialect: Dialect, context: _RequestContext
            ) -> Response:
                suffix = suffix_of(http.path, audio_suffixes)
                is_audio = suffix in audio_suffixes
                may_be_public = is_audio and dialect.media_urls_are_public
                basic = None if may_be_public else parse_basic_auth(http.headers.get("authorization"))
                if operation in dialect.unsupported_operations or (http.method == "HEAD" and not is_audio):
                    raise MethodNotAllowed if is_known(http.path) else NotFound
                if not audio_suffixes and has_audio_suffix(http.path):
                    raise MethodNotAllowed  # audio supports GET and HEAD only
                credentials = _credentials_of(
                    http, dialect, services.authenticator, basic, accepts_cached=accepts_cached_credentials
                )
                context.account = credentials.account
                if credentials.uses_api_key and not accepts_api_keys:
                    raise NotAuthenticated
                if is_list_of_accounts(http.path):
                    address = ResourcePath(credentials.account)
                else:
                    address = parse_resource_path(http, dialect, path_alias, suffix)
                if address.account != credentials.account:
                    raise NotFound  # also if the account is unknown (C-7)
                context.sid = address.sid
                parameters, respond = self._load_audio() if is_audio else (form, handler)
                try:
                    reads_body = http.method == "POST"
                    given = http.fields(accepts_json=dialect.accepts_json_bodies) if reads_body else http.query_fields()
                    fields = parameters.read(given, dialect)
                except InvalidParameter as error:
                    # A missing resource takes precedence over an invalid parameter.
                    _check_exists(services, address, dialect, path_alias, deleted=error.name == "IncludeSoftDeleted")
                    raise
                reply = respond(
                    Request(
                        services, dialect, address, fields, http.origin, http.method, http.headers, suffix, credentials
                    )
                )
                context.warnings, context.call = fields.warnings, reply.call or address.call
                context.created_id = reply.created_id
                return reply

            # --8<-- [end:checks]

            return self._run(operation, answer)

        return decorate

    def unrouted(
        self, operation: str
    ) -> Callable[[Callable[[HttpRequest], Response]], Callable[[Event, object], dict[str, Any]]]:
        """Decorate the handler of requests without a route.

        Below an account, and at the list of accounts, they need credentials (401), which are not checked (C-9). A path
        that has a route once its doubled slashes are single ones is forwarded there (C-136); only audio that may be
        public is forwarded without credentials. Paths of the engine protocol are refused in its own form (C-190).
        """

        def decorate(handler: Callable[[HttpRequest], Response]) -> Callable[[Event, object], dict[str, Any]]:
            def answer(
                services: ApiServices, http: HttpRequest, dialect: Dialect, context: _RequestContext
            ) -> Response:
                if is_engine_path(http.path):
                    return refuse_unrouted(http.method, http.path)
                if http.has_doubled_slashes and http.domain and http.method in methods_of(http.path):
                    if not (dialect.media_urls_are_public and is_audio(http.method, http.path)):
                        parse_basic_auth(http.headers.get("authorization"))
                    reply = forward(http, services.forwarder)
                    context.is_forwarded = True
                    return reply
                parts = split(http.path)
                if (parts is not None and parts[0]) or is_list_of_accounts(http.path):
                    parse_basic_auth(http.headers.get("authorization"))
                return handler(http)

            return self._run(operation, answer)

        return decorate

    def _run(
        self, operation: str, answer: Callable[[ApiServices, HttpRequest, Dialect, "_RequestContext"], Response]
    ) -> Callable[[Event, object], dict[str, Any]]:
        def handle(event: Event, lambda_context: object) -> dict[str, Any]:
            started = time.perf_counter()
            begin_invocation(event, lambda_context)
            services = self._get_services()
            request_id = new_id(services.clock())
            http = HttpRequest.from_event(event)
            dialect = dialect_of(http)
            context = _RequestContext()
            # --8<-- [start:errors]
            try:
                reply = answer(services, http, dialect, context)
            except TapedeckError as error:
                context.error = error
                reply = dialect.error(error, http.path, operation)
            except Exception as error:  # noqa: BLE001 - map any error to the dialect's format
                services.log.unhandled_error(operation, request_id, error)
                reply = dialect.error(TapedeckError(), http.path, operation)
            # --8<-- [end:errors]
            services.log.request(
                operation=operation,
                dialect="engine" if is_engine_path(http.path) else dialect.name,
                account=context.account,
                sid=context.sid,
                status=reply.status,
                code=reply.code,
                request_id=request_id,
                started=started,
                error=context.error,
                call=context.call,
                warnings=context.warnings,
                created_id=context.created_id,
                is_forwarded=context.is_forwarded,
            )
            return to_lambda_response(reply, request_id)

        return handle


@dataclass(slots=True)
class _RequestContext:
    """Fields of the log line that become known while a request is processed."""

    account: str | None = None
    sid: str | None = None
    error: TapedeckError | None = None
    call: str | None = None
    warnings: tuple[AccountWarning, ...] = ()
    created_id: str | None = None
    is_forwarded: bool = False


def _credentials_of(
    http: HttpRequest,
    dialect: Dialect,
    authenticator: Authenticator,
    given: BasicCredentials | None,
    *,
    accepts_cached: bool,
) -> RequestCredentials:
    """Return the credentials with the account to access; `given` is None for audio that may be public.

    Raises:
        CredentialsMissing, NotAuthenticated: the audio is not public, and the request has no valid credentials.
    """
    if given is None:
        account = dialect.parse_sid(ResourceType.ACCOUNT, http.variables.get("AccountSid", ""))
        if account is not None and authenticator.allows_public_media(account):
            return RequestCredentials(account, uses_api_key=False, secret="")
        given = parse_basic_auth(http.headers.get("authorization"))
    return authenticate(given, authenticator, accepts_cached=accepts_cached)


def _check_exists(
    services: ApiServices, address: ResourcePath, dialect: Dialect, path_alias: PathAlias | None, *, deleted: bool
) -> None:
    """Read the resource of a path once; raises NotFound if it does not exist.

    With `deleted`, a deleted recording counts as existing.
    """
    if path_alias == "deleted":
        from tapedeck.domain.page import PageRequest  # noqa: PLC0415 - few functions need it

        services.transcriptions.of_recording(
            address.account, address.recording_id, PageRequest(1), deleted=dialect.supports_include_soft_deleted
        )
    elif path_alias == "name_or_new":
        services.participants.find_dial_target(address.account, address.conference_or_name)
    elif address.participant is not None:
        _find_participant(services, address, dialect)
    elif address.transcription is not None:
        services.transcriptions.get(address.account, address.transcription)
    elif isinstance(address.recording, Current):
        services.recordings.require_parent(address.parent)
    elif address.recording is not None and (address.call or address.conference) is not None:
        services.recordings.get(address.parent, address.recording)
    elif address.recording is not None:
        services.recordings.find(address.account, address.recording, deleted=deleted)
    elif address.conference is not None:
        services.conferences.get(address.account, address.conference)
    else:
        _check_call_key_or_number(services, address)


def _check_call_key_or_number(services: ApiServices, address: ResourcePath) -> None:
    if address.call is not None:
        services.calls.get(address.account, address.call)
    elif address.api_key is not None:
        services.api_keys.get(address.account, address.api_key)
    elif address.phone_number is not None:
        services.phone_numbers.get(address.account, address.phone_number)


def _find_participant(services: ApiServices, address: ResourcePath, dialect: Dialect) -> None:
    try:
        services.participants.find(address.account, address.conference_id, address.participant_or_label)
    except ConferenceOverForParticipant as error:
        # The dialect decides whether a participant of an ended conference still exists.
        if dialect.answer_for(find_answers(error)).status == _NOT_FOUND:
            raise
