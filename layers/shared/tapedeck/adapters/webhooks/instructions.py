"""Requests for instructions: the client of webhooks with repetitions, signed redirects, cookies and whole documents."""

import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from tapedeck.adapters.webhooks.client import (
    AttemptFailed,
    SafeWebhookClient,
    UnknownHost,
    redirect_target,
    without_user_info,
)
from tapedeck.adapters.webhooks.cookies import CallCookies
from tapedeck.adapters.webhooks.http_exchange import Deadline, HttpHop, HttpResponse
from tapedeck.ports.instructions import MAX_DOCUMENT_BYTES, FetchFailure, InstructionAnswer, InstructionRequest
from tapedeck.ports.messaging import FailureReason, Timeouts, WebhookResult

_FOLLOWED: Final = frozenset({301, 302, 303, 307})
_REPEATED: Final = 307
_UNAUTHORIZED: Final = 401
_REDIRECTION: Final = 3

_FAILURES: Final = {
    FailureReason.REDIRECT: FetchFailure.INVALID_REDIRECT,
    FailureReason.FORBIDDEN: FetchFailure.FORBIDDEN,
}


@dataclass(frozen=True, slots=True)
class _Answered:
    url: str
    response: HttpResponse


class ApplicationClient(SafeWebhookClient):
    """`ports.instructions.InstructionClient` over HTTP/1.1, with a new connection for each request.

    Args:
        sleep: waits between two attempts, in seconds.
        named: the arguments of SafeWebhookClient.
    """

    def __init__(self, sleep: Callable[[float], object] = time.sleep, **named: Any) -> None:  # noqa: ANN401
        super().__init__(**named)
        self._sleep = sleep

    def fetch(self, request: InstructionRequest) -> InstructionAnswer:
        """Make a request with its repetitions and redirects; a failure is returned, never raised."""
        started = time.monotonic()
        deadline = Deadline(started + request.policy.total / 1000)
        cookies = CallCookies(request.cookies) if request.cookies is not None else None
        attempt = 0
        while True:
            attempt += 1
            failure, answered = self._attempt(request, cookies, deadline)
            if not self._repeats(request, _result_of(failure, answered), attempt, deadline):
                break
        milliseconds = round((time.monotonic() - started) * 1000)
        kept = cookies.as_text() if cookies is not None else None
        if answered is None:
            return InstructionAnswer(_kind_of(failure), milliseconds, attempt, cookies=kept)
        response = answered.response
        return InstructionAnswer(
            None, milliseconds, attempt, answered.url, response.status, response.content_type, response.body, kept
        )

    def _repeats(self, request: InstructionRequest, result: WebhookResult, attempt: int, deadline: Deadline) -> bool:
        """Wait for the next attempt, if there is one; return whether there is."""
        if not request.policy.should_retry(result, attempt):
            return False
        delay = request.policy.delay_before(attempt + 1) / 1000
        if time.monotonic() + delay >= deadline.at:
            return False
        self._sleep(delay)
        return True

    def _attempt(
        self, request: InstructionRequest, cookies: CallCookies | None, deadline: Deadline
    ) -> tuple[Exception | None, _Answered | None]:
        try:
            return None, self._follow_redirects(request, cookies, deadline)
        except (AttemptFailed, _TooManyRedirects, _InvalidUrl) as failed:
            return failed, None

    def _follow_redirects(
        self, request: InstructionRequest, cookies: CallCookies | None, deadline: Deadline
    ) -> _Answered:
        try:
            first, credentials = without_user_info(request.url)
        except AttemptFailed as invalid:
            raise _InvalidUrl from invalid
        method, url, origin = request.method, _without_fragment(first), None
        for _ in range(request.policy.max_redirects + 1):
            hop = _hop(request, method, url, cookies)
            origin = origin or hop.origin
            response = self._exchange(request, hop, deadline, credentials if hop.origin == origin else "")
            if cookies is not None:
                cookies.take(url, response.set_cookies)
            if response.status // 100 != _REDIRECTION:
                return _Answered(url, response)
            if response.status not in _FOLLOWED:
                raise AttemptFailed(FailureReason.REDIRECT)
            url = _without_fragment(redirect_target(hop, response))
            method = method if response.status == _REPEATED else "GET"
        raise _TooManyRedirects

    def _exchange(
        self, request: InstructionRequest, hop: HttpHop, deadline: Deadline, credentials: str
    ) -> HttpResponse:
        """Send one request, and once more with credentials when the server requires them."""
        timeouts = Timeouts(request.policy.connect, request.policy.read, request.policy.total)
        response = self._send_document(hop, timeouts, deadline)
        if response.status == _UNAUTHORIZED and response.is_challenge and credentials:
            headers = {**hop.headers, "Authorization": credentials}
            hop = HttpHop(hop.method, hop.url, headers, hop.body, hop.user_agent)
            response = self._send_document(hop, timeouts, deadline)
        return response

    def _send_document(self, hop: HttpHop, timeouts: Timeouts, deadline: Deadline) -> HttpResponse:
        size = MAX_DOCUMENT_BYTES + 1
        return self._send_once(hop, timeouts, deadline, max_body=size, max_kept=size)


class _TooManyRedirects(Exception):
    """One redirect more than the policy allows."""


class _InvalidUrl(Exception):
    """The URL of the request is no absolute http or https URL."""


def _without_fragment(url: SplitResult) -> str:
    return url._replace(fragment="").geturl()


def _hop(request: InstructionRequest, method: str, url: str, cookies: CallCookies | None) -> HttpHop:
    composed = request.compose(method, url)
    cookie = cookies.header_for(url) if cookies is not None else None
    headers = {**composed.headers, **({"Cookie": cookie} if cookie is not None else {})}
    return HttpHop(method, urlsplit(composed.url), headers, composed.body, request.user_agent)


def _result_of(failure: Exception | None, answered: _Answered | None) -> WebhookResult:
    """Return the result of an attempt, by which the policy decides whether there is another one."""
    if answered is not None:
        return WebhookResult(answered.response.status, None, 0)
    return WebhookResult(None, failure.failure if isinstance(failure, AttemptFailed) else FailureReason.REDIRECT, 0)


def _kind_of(failure: Exception | None) -> FetchFailure:
    """Return the kind of a failure; that of a connection is its cause."""
    if isinstance(failure, _TooManyRedirects):
        return FetchFailure.TOO_MANY_REDIRECTS
    if isinstance(failure, _InvalidUrl):
        return FetchFailure.INVALID_URL
    cause = failure.__cause__ if failure is not None else None
    for error in (cause, cause.__cause__ if cause is not None else None):
        if isinstance(error, UnknownHost):
            return FetchFailure.UNKNOWN_HOST
        if isinstance(error, ssl.SSLCertVerificationError):
            return FetchFailure.CERTIFICATE
        if isinstance(error, ssl.SSLError):
            return FetchFailure.TLS
    reason = failure.failure if isinstance(failure, AttemptFailed) else None
    return _FAILURES.get(reason, FetchFailure.RETRIEVAL) if reason is not None else FetchFailure.RETRIEVAL
