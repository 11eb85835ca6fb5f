"""The decorator of functions that a media engine calls: authenticates, reads JSON, maps errors, writes one log line."""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Generic, Protocol, TypeVar

from pydantic import BaseModel, ValidationError

from tapedeck.dialects.dialect import Response
from tapedeck.domain.engine import MediaEngine
from tapedeck.domain.errors import CredentialsMissing, NotAuthenticated, StoreFailure
from tapedeck.domain.identity import new_id
from tapedeck.http.engine_refusal import EngineRequestRefused, refuse
from tapedeck.http.request import HttpRequest, to_lambda_response
from tapedeck.observability import CanonicalLog, begin_invocation
from tapedeck.operations.engine_authentication import EngineAuthenticator
from tapedeck.ports.clock import Clock

MAX_ENGINE_BYTES: Final = 1_000_000
"""Limit of a request body, checked before it is parsed (C-190)."""

_BEARER: Final = "bearer"

ModelT = TypeVar("ModelT", bound=BaseModel)
Event = Mapping[str, Any]


class SupportsEngines(Protocol):
    """The minimum that the services of an engine function have."""

    @property
    def log(self) -> CanonicalLog:
        """The log of this function."""
        ...

    @property
    def clock(self) -> Clock:
        """The time in milliseconds."""
        ...

    @property
    def authenticator(self) -> EngineAuthenticator:
        """Verifies tokens."""
        ...


ServicesT = TypeVar("ServicesT", bound=SupportsEngines)
EngineHandler = Callable[[ServicesT, MediaEngine, ModelT], dict[str, Any]]


class EngineEndpoint(Generic[ServicesT]):
    """Makes Lambda handlers of the engine protocol's routes.

    Args:
        get_services: returns the services; called once per request.
    """

    def __init__(self, get_services: Callable[[], ServicesT]) -> None:
        self._get_services = get_services

    def __call__(
        self, operation: str, model: type[ModelT]
    ) -> Callable[[EngineHandler[ServicesT, ModelT]], Callable[[Event, object], dict[str, Any]]]:
        """Decorate the handler of an operation; the object that it returns is answered with status 200.

        Args:
            operation: the name of the operation and of its folder.
            model: the model of the JSON object in the body.

        The token is verified first (401), then the size of the body (413), then its content (422). The handler may
        raise EngineRequestRefused. A store that fails is answered 503, every other error is logged and answered 500.
        """

        def decorate(handler: EngineHandler[ServicesT, ModelT]) -> Callable[[Event, object], dict[str, Any]]:
            def handle(event: Event, lambda_context: object) -> dict[str, Any]:
                started = time.perf_counter()
                begin_invocation(event, lambda_context)
                services = self._get_services()
                request_id = new_id(services.clock())
                engine: MediaEngine | None = None
                content: ModelT | None = None
                field: str | None = None
                failed: StoreFailure | None = None
                try:
                    http = HttpRequest.from_event(event, MAX_ENGINE_BYTES)
                    engine = services.authenticator.verify(_bearer_token(http))
                    content = _read(http, model)
                    reply = Response(200, handler(services, engine, content))
                except EngineRequestRefused as refused:
                    reply, field = refused.response, refused.field
                except NotAuthenticated:
                    reply = refuse(401, "unauthorized")
                except StoreFailure as failure:
                    failed = failure
                    reply = Response(503, {"refused": "busy"}, {"Retry-After": "1"})
                except Exception as error:  # noqa: BLE001 - the engine gets an answer to every request
                    services.log.unhandled_error(operation, request_id, error)
                    reply = refuse(500, "error")
                services.log.engine_request(
                    operation=operation,
                    engine=engine.name if engine is not None else None,
                    status=reply.status,
                    code=(reply.body or {}).get("refused"),
                    request_id=request_id,
                    started=started,
                    error=failed,
                    field=field,
                    account=getattr(content, "account", None),
                    call=getattr(content, "call", None),
                    recording=getattr(content, "recording", None),
                )
                return to_lambda_response(reply, request_id)

            return handle

        return decorate


def _bearer_token(http: HttpRequest) -> str:
    """Return the token of the `Authorization` header; raises CredentialsMissing if there is none."""
    scheme, _, token = http.headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() != _BEARER or not token.strip():
        raise CredentialsMissing
    return token.strip()


def _read(http: HttpRequest, model: type[ModelT]) -> ModelT:
    """Return the validated body; raises EngineRequestRefused."""
    if http.body is None:
        raise EngineRequestRefused(422, "unreadable", "the base64 of the body is malformed")
    if len(http.body) > MAX_ENGINE_BYTES:
        raise EngineRequestRefused(413, "too_large", "the body has more than 1,000,000 bytes")
    try:
        content = json.loads(http.body)
    except (ValueError, RecursionError) as error:
        raise EngineRequestRefused(422, "unreadable", "the body is not JSON") from error
    try:
        return model.model_validate(content)
    except ValidationError as invalid:
        first = invalid.errors(include_url=False, include_context=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise EngineRequestRefused(422, "unreadable", first["msg"], field) from invalid
