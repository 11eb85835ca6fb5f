"""The `@endpoint` decorator.

It authenticates, resolves ids, validates parameters, calls the handler, maps errors to the vendor's format, and writes
one log line per request.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from tapedeck.dialects.dialect import Dialect, ResourceType, Response
from tapedeck.dialects.forms.parameters import Parameters
from tapedeck.domain.account import RequestCredentials
from tapedeck.domain.errors import (
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
from tapedeck.http.existence import check_exists
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
from tapedeck.http.services import ApiServices
from tapedeck.observability import begin_invocation
from tapedeck.operations.authentication import Authenticator

FormT = TypeVar("FormT", bound=Parameters)
Event = Mapping[str, Any]


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
                    check_exists(services, address, dialect, path_alias, deleted=error.name == "IncludeSoftDeleted")
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
    ) -> Callable[[Callable[[ApiServices, HttpRequest], Response]], Callable[[Event, object], dict[str, Any]]]:
        """Decorate the handler of requests without a route.

        Below an account, and at the list of accounts, they need credentials (401), which are not checked (C-9). A path
        that has a route once its doubled slashes are single ones is forwarded there (C-136); only audio that may be
        public is forwarded without credentials. Paths of the engine protocol are refused in its own form (C-190).
        """

        def decorate(
            handler: Callable[[ApiServices, HttpRequest], Response],
        ) -> Callable[[Event, object], dict[str, Any]]:
            def answer(
                services: ApiServices, http: HttpRequest, dialect: Dialect, context: _RequestContext
            ) -> Response:
                if is_engine_path(http.path):
                    return refuse_unrouted(http.method, http.path)
                if (
                    http.has_doubled_slashes
                    and http.domain
                    and http.method in methods_of(http.path, has_telephony=services.has_telephony)
                ):
                    if not (dialect.media_urls_are_public and is_audio(http.method, http.path)):
                        parse_basic_auth(http.headers.get("authorization"))
                    reply = forward(http, services.forwarder)
                    context.is_forwarded = True
                    return reply
                parts = split(http.path)
                if (parts is not None and parts[0]) or is_list_of_accounts(http.path):
                    parse_basic_auth(http.headers.get("authorization"))
                return handler(services, http)

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
