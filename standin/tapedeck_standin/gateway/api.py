"""The API as its clients meet it: the gateway, what goes wrong on request, and a journal of both."""

import time
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from typing import Final

from tapedeck.dialects.dialect import Dialect, Response
from tapedeck.dialects.errors import NOT_CONFIRMED, PARAMETER_FAULTS, REFUSALS, SERVICE_UNAVAILABLE, ErrorAnswer
from tapedeck.dialects.selection import SIGNALWIRE, select_dialect
from tapedeck.domain.errors import CredentialsMissing, InvalidParameter, MalformedBody, TapedeckError
from tapedeck.domain.identity import new_id
from tapedeck.http.request import to_lambda_response
from tapedeck.http.routes import split
from tapedeck_standin.control.faults import FaultAction, Faults
from tapedeck_standin.gateway.request_log import (
    ApiRequestLog,
    LoggedRequest,
    RouteSuggester,
    accounts_of,
    code_of,
    fields_of,
)
from tapedeck_standin.gateway.sam import Gateway
from tapedeck_standin.http.messages import ServerRequest, ServerResponse
from tapedeck_standin.scheduler.clock import VirtualClock

REQUEST_ID: Final = "X-Request-Id"
_ERROR: Final = 400


class Api:
    """Answers requests that are not the control API's.

    Args:
        gateway: answers as the deployed API would.
        routes: those that it knows.
        faults: what is to go wrong instead.
        journal: keeps what was asked.
        clock: how late it is.
        account: whose a request counts as that names nobody, or nobody known.
        knows: whether there is such an account.
        origin: scheme and host that bodies are to print, if not those by which the request has come.
    """

    def __init__(
        self,
        gateway: Gateway,
        routes: RouteSuggester,
        faults: Faults,
        journal: ApiRequestLog,
        clock: VirtualClock,
        account: str,
        knows: Callable[[str], bool],
        origin: str = "",
    ) -> None:
        self._gateway = gateway
        self._routes = routes
        self._faults = faults
        self._journal = journal
        self._clock = clock
        self._account = account
        self._knows = knows
        self._known = {account}
        self._scheme, _, self._host = origin.partition("://")

    def answer(self, request: ServerRequest) -> ServerResponse:
        """Answer a request, and keep it."""
        at, began = self._clock(), time.perf_counter()
        named = accounts_of(request)
        operation = self._gateway.operation_of(request)
        then = self._faults.take(next(iter(named), self._account), operation) if operation is not None else None
        answer = self._ask(request) if then is None else self._fail(request, operation or "", then)
        headers = {name.lower(): value for name, value in answer.headers}
        self._journal.keep(
            next(filter(self._is_known, named), self._account),
            LoggedRequest(
                id=headers.get(REQUEST_ID.lower()) or new_id(at),
                at=at,
                method=request.method,
                path=request.path,
                operation=operation,
                fields=fields_of(request),
                status=None if answer.is_dropped else answer.status,
                code=code_of(answer.body) if answer.status >= _ERROR else None,
                milliseconds=round((time.perf_counter() - began) * 1000),
                nearest=self._routes.nearest(request.method, request.path) if operation is None else None,
            ),
        )
        return answer

    def _is_known(self, account: str) -> bool:
        """Whether there is such an account; none is ever taken away."""
        if account not in self._known and self._knows(account):
            self._known.add(account)
        return account in self._known

    def _ask(self, request: ServerRequest) -> ServerResponse:
        if self._host:
            headers = [(name, value) for name, value in request.headers if name.lower() != "host"]
            request = replace(request, headers=(("Host", self._host), *headers), scheme=self._scheme)
        return self._gateway.answer(request)

    def _fail(self, request: ServerRequest, operation: str, then: FaultAction) -> ServerResponse:
        if then.close:
            return ServerResponse.dropped()
        if then.status is None:
            self._clock.sleep(then.delay or 0)
            return self._ask(request)
        parts = split(request.path)
        dialect = select_dialect(parts[0] if parts else "", request.path)
        reply = error_in_dialect(dialect, then.status, then.code, request.path, operation)
        written = to_lambda_response(reply, new_id(self._clock()))
        return ServerResponse(written["statusCode"], tuple(written["headers"].items()), written["body"].encode())


def error_in_dialect(dialect: Dialect, status: int, code: int | None, path: str, operation: str) -> Response:
    """A status and a code in a dialect's own words: of a refusal that it knows, if there is one of these."""
    refusals = [answers for kind, answers in REFUSALS.items() if kind is not CredentialsMissing]
    faults = [PARAMETER_FAULTS["choice"], *PARAMETER_FAULTS.values()]  # the one that says least first
    known = [dialect.answer_for(answers) for answers in (*refusals, *faults)]
    known += [NOT_CONFIRMED, SERVICE_UNAVAILABLE]
    found = [answer for answer in known if answer.status == status and code in {None, answer.code}]
    if code is None:
        # What tells nothing particular, if there is anything.
        general = dialect.answer_for(REFUSALS[MalformedBody]).code
        found = [answer for answer in found if answer.code == general] or found
    plain = [answer for answer in found if "{name}" not in answer.message] or found
    answer = plain[0] if plain else ErrorAnswer(status, code or 20_000 + status, _phrase(status))
    message = answer.message.replace("{uri}", path).replace("{name}", "A parameter")
    # SignalWire tells of parameters in another form than of all else.
    is_parameter = dialect is SIGNALWIRE and status == HTTPStatus.UNPROCESSABLE_ENTITY
    error = InvalidParameter("", "choice") if is_parameter else TapedeckError()
    headers = {"WWW-Authenticate": f'Basic realm="{dialect.realm}"'} if status == HTTPStatus.UNAUTHORIZED else {}
    body = dialect.error_body(answer._replace(message=message), error, operation)
    return Response(status, body, headers, code=answer.code)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"
