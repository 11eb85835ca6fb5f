"""The vendors' API: the gateway with injected faults and a request log."""

import time
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from typing import Final

from tapedeck.dialects.dialect import Dialect, Response
from tapedeck.dialects.errors import (
    ERROR_TABLE,
    PARAMETER_FAULTS,
    RECORDING_UPDATE_CONTENDED,
    SERVICE_UNAVAILABLE,
    ErrorAnswer,
)
from tapedeck.dialects.selection import SIGNALWIRE, select_dialect, select_dialect_of_user
from tapedeck.domain.errors import CredentialsMissing, InvalidParameter, MalformedBody, TapedeckError
from tapedeck.domain.identity import new_id
from tapedeck.http.basic_auth import user_of
from tapedeck.http.request import to_lambda_response
from tapedeck.http.routes import collapse_slashes, is_engine_path, is_list_of_accounts, split
from tapedeck_standin.clock import VirtualClock
from tapedeck_standin.faults import FaultAction, Faults
from tapedeck_standin.gateway.http_api import Gateway
from tapedeck_standin.gateway.outcomes import RequestOutcomes
from tapedeck_standin.gateway.request_log import (
    ApiRequestLog,
    LoggedRequest,
    RouteSuggester,
    accounts_of,
    code_of,
    fields_of,
)
from tapedeck_standin.gateway.warning_log import LoggedWarning, WarningLog
from tapedeck_standin.http.messages import ServerRequest, ServerResponse

REQUEST_ID: Final = "X-Request-Id"
_MIN_ERROR_STATUS: Final = 400


class Api:
    """Answers requests to the vendors' API.

    Args:
        gateway: answers requests as the deployed API would.
        routes: suggests a route for requests without one.
        faults: the injected faults.
        request_log: the request log.
        outcomes: the outcomes of the functions' requests.
        warning_log: the log of warnings.
        clock: the virtual clock.
        account: logs a request that names no known account under this one.
        account_exists: whether an account exists.
        origin: scheme and host that responses contain; empty for those of the request.
    """

    def __init__(
        self,
        gateway: Gateway,
        routes: RouteSuggester,
        faults: Faults,
        request_log: ApiRequestLog,
        outcomes: RequestOutcomes,
        warning_log: WarningLog,
        clock: VirtualClock,
        account: str,
        account_exists: Callable[[str], bool],
        origin: str = "",
    ) -> None:
        self._gateway = gateway
        self._routes = routes
        self._faults = faults
        self._request_log = request_log
        self._outcomes = outcomes
        self._warning_log = warning_log
        self._clock = clock
        self._account = account
        self._account_exists = account_exists
        self._known_accounts = {account}
        self._scheme, _, self._host = origin.partition("://")

    def answer(self, request: ServerRequest) -> ServerResponse:
        """Answer a request, or apply an injected fault; log the request and its warnings.

        A request of a media engine is only answered: faults and the request log are about the vendors' API (C-193).
        """
        if is_engine_path(collapse_slashes(request.path)):
            return self._gateway.answer(request)
        at, started = self._clock(), time.perf_counter()
        self._outcomes.take()  # of an earlier request, whose answer was not logged
        named_accounts = accounts_of(request)
        operation = self._gateway.operation_of(request)
        fault = (
            self._faults.apply_next(
                next(iter(named_accounts), self._account), operation,
                is_applicable=lambda effect: effect.kind != "unconfirmed",
            )
            if operation is not None
            else None
        )  # fmt: skip
        answer = self._forward(request) if fault is None else self._apply_fault(request, operation or "", fault)
        outcome, fields = self._outcomes.take(), fields_of(request)
        headers = {name.lower(): value for name, value in answer.headers}
        self._request_log.append(
            next(filter(self._is_known, named_accounts), outcome.account or self._account),
            LoggedRequest(
                id=headers.get(REQUEST_ID.lower()) or new_id(at),
                at=at,
                method=request.method,
                path=request.path,
                operation=operation,
                fields=fields,
                status=None if answer.is_dropped else answer.status,
                code=code_of(answer.body) if answer.status >= _MIN_ERROR_STATUS else None,
                parameter=outcome.parameter,
                reason=outcome.reason,
                milliseconds=round((time.perf_counter() - started) * 1000),
                nearest=self._routes.nearest(request.method, request.path) if operation is None else None,
            ),
        )
        for warning in outcome.warnings:
            value = fields.get(warning.parameter or "")
            text = " ".join(value) if isinstance(value, list) else value
            self._warning_log.append(outcome.account or self._account, LoggedWarning(at, outcome.call, warning, text))
        return answer

    def _is_known(self, account: str) -> bool:
        """Whether an account exists. Cached: accounts are never deleted."""
        if account not in self._known_accounts and self._account_exists(account):
            self._known_accounts.add(account)
        return account in self._known_accounts

    def _forward(self, request: ServerRequest) -> ServerResponse:
        if self._host:
            headers = [(name, value) for name, value in request.headers if name.lower() != "host"]
            request = replace(request, headers=(("Host", self._host), *headers), scheme=self._scheme)
        return self._gateway.answer(request)

    def _apply_fault(self, request: ServerRequest, operation: str, fault: FaultAction) -> ServerResponse:
        if fault.close:
            return ServerResponse.dropped()
        if fault.status is None:
            self._clock.sleep(fault.delay or 0)
            return self._forward(request)
        path = collapse_slashes(request.path)
        dialect = _dialect_of(path, request.header("Authorization"))
        reply = error_in_dialect(dialect, fault.status, fault.code, path, operation)
        written = to_lambda_response(reply, new_id(self._clock()))
        return ServerResponse(written["statusCode"], tuple(written["headers"].items()), written["body"].encode())


def _dialect_of(path: str, authorization: str | None) -> Dialect:
    if is_list_of_accounts(path):
        return select_dialect_of_user(user_of(authorization), path)
    parts = split(path)
    return select_dialect(parts[0] if parts else "", path)


def error_in_dialect(dialect: Dialect, status: int, code: int | None, path: str, operation: str) -> Response:
    """Build an error response for a status and a code, with the dialect's own message if it has one."""
    answer = _known_error(dialect, status, code) or ErrorAnswer(status, code or 20_000 + status, _phrase(status))
    message = answer.message.replace("{uri}", path).replace("{name}", "A parameter")
    # SignalWire reports invalid parameters in another format than other errors.
    is_parameter_error = dialect is SIGNALWIRE and status == HTTPStatus.UNPROCESSABLE_ENTITY
    error = InvalidParameter("", "choice") if is_parameter_error else TapedeckError()
    headers = {"WWW-Authenticate": f'Basic realm="{dialect.realm}"'} if status == HTTPStatus.UNAUTHORIZED else {}
    body = dialect.error_body(answer._replace(message=message), error, operation)
    return Response(status, body, headers, code=answer.code)


def _known_error(dialect: Dialect, status: int, code: int | None) -> ErrorAnswer | None:
    """Find the dialect's error with this status and code; without a code, prefer its general error."""
    refusals = [answers for kind, answers in ERROR_TABLE.items() if kind is not CredentialsMissing]
    faults = [PARAMETER_FAULTS["choice"], *PARAMETER_FAULTS.values()]
    # The most general one of each status first.
    known = [RECORDING_UPDATE_CONTENDED, SERVICE_UNAVAILABLE]
    known += [dialect.answer_for(answers) for answers in (*refusals, *faults)]
    found = [answer for answer in known if answer.status == status and code in {None, answer.code}]
    if code is None:
        general = dialect.answer_for(ERROR_TABLE[MalformedBody]).code
        found = [answer for answer in found if answer.code == general] or found
    return next((answer for answer in found if "{name}" not in answer.message), found[0] if found else None)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"
