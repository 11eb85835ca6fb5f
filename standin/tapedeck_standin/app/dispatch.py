"""Dispatch of requests: paths under `/_standin` are the stand-in's own, others go to the functions."""

import re
import time
import traceback
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from tapedeck.domain.errors import TapedeckError
from tapedeck.http.routes import collapse_slashes, is_engine_path
from tapedeck_standin.clock import working_for
from tapedeck_standin.control.router import HEALTH, ROOT, ControlRouter
from tapedeck_standin.control.start_page import StartPage
from tapedeck_standin.gateway.api import Api
from tapedeck_standin.gateway.host_guard import HostGuard
from tapedeck_standin.gateway.proxy import ProxyRequests
from tapedeck_standin.gateway.request_log import accounts_of
from tapedeck_standin.http.messages import ServerRequest, ServerResponse, routing_error
from tapedeck_standin.scheduler.scheduler import Scheduler
from tapedeck_standin.scheduler.shared_runs import SharedRuns
from tapedeck_standin.telephony.sqs_wire import SqsWire
from tapedeck_standin.telephony.upload_wire import UploadWire, account_of_upload

_MAX_PATH: Final = 300
_PHONE_NUMBER: Final = re.compile(r"(?:%2[Bb]|\+)\d{5,15}|(?<=/)\d{7,15}(?=[/.]|$)")
_EVENTS: Final = "/engine/v2/events"
_UPLOADS: Final = "/engine/v2/uploads"
_START_PAGES: Final = frozenset({"/", ROOT, f"{ROOT}/"})
_READ_METHODS: Final = frozenset({"CONNECT", "GET", "HEAD", "OPTIONS"})


class Dispatcher:
    """Answers requests and logs one line for each.

    Args:
        api: answers requests as the deployed API would.
        proxy: answers clients that take the stand-in for a proxy.
        host_guard: refuses requests of web pages to the API; None admits all.
        control: the control API.
        start_page: what `/` and `/_standin/` answer to those who may use the control API.
        sqs: the queues of engines in SQS's protocol.
        uploads: the uploads of captures.
        scheduler: runs the background work that requests cause.
        on_engine_events: is called after each request with events of a media engine.
        account: the account whose clock answers requests to the API that name none.
        report: receives log lines such as `POST /_standin/calls 201 4 ms`.
    """

    def __init__(
        self,
        api: Api,
        proxy: ProxyRequests,
        host_guard: HostGuard | None,
        control: ControlRouter,
        start_page: StartPage,
        sqs: SqsWire,
        uploads: UploadWire,
        scheduler: Scheduler,
        on_engine_events: Callable[[], object],
        account: str,
        report: Callable[[str], object],
    ) -> None:
        self._api = api
        self._proxy = proxy
        self._host_guard = host_guard
        self._control = control
        self._start_page = start_page
        self._sqs = sqs
        self._uploads = uploads
        self._scheduler = scheduler
        self._runs = SharedRuns(self._run_background)
        self._on_engine_events = on_engine_events
        self._account = account
        self._report = report

    def start(self) -> None:
        """Start the background work."""
        self._scheduler.start()

    def stop(self) -> None:
        """Stop the background work, and end the requests that wait for commands."""
        self._sqs.stop()
        self._scheduler.stop()

    def arrive(self, request: ServerRequest) -> None:
        """Note a request before a thread answers it, so that others can share their background work with it."""
        if self._is_write(request):
            self._runs.arrive(request)

    def answer(self, request: ServerRequest) -> ServerResponse:
        """Answer a request. Never raises: a failure becomes a status 500."""
        self.arrive(request)
        started = time.perf_counter()
        is_control = request.path == ROOT or request.path.startswith(f"{ROOT}/")
        is_sqs = self._sqs.serves(request.path)
        try:
            with working_for(self._account_of(request, is_control=is_control)):
                answer = self._answer(request, is_control=is_control)
            if self._is_write(request):
                # Apply the effects of a write before the response, so that the client can read them.
                self._runs.run_for(request)
        except Exception:  # noqa: BLE001 - every request gets a response
            traceback.print_exc()
            if is_control:
                answer = ServerResponse.of_json(
                    500,
                    {
                        "error": {
                            "message": "internal error; see the standard error output of the stand-in",
                            "field": None,
                        }
                    },
                )
            else:
                answer = routing_error(TapedeckError(), request.path)
        finally:
            self._runs.leave(request)
        if request.path == HEALTH or (is_sqs and answer.status == HTTPStatus.OK):
            return answer  # clients poll them
        milliseconds = (time.perf_counter() - started) * 1000
        path = _without_numbers(_printable(_logged_path(request)[:_MAX_PATH]))
        self._report(f"{_printable(request.method[:20])} {path} {answer.status} {milliseconds:.0f} ms")
        return answer

    def _is_write(self, request: ServerRequest) -> bool:
        return request.method not in _READ_METHODS and not self._sqs.serves(request.path)

    def _run_background(self) -> None:
        self._scheduler.run_without_media()
        self._scheduler.wake_if_needed()

    def _account_of(self, request: ServerRequest, *, is_control: bool) -> str | None:
        """Return the account whose clock answers a request (C-315); None for a media engine's, which may be of several.

        A request to the control API begins without one: its handler finds the account that its body or query names.
        """
        if self._uploads.serves(request.path):
            return self._uploads.account_of(request)
        if request.path == _UPLOADS:
            return account_of_upload(request.body)
        if is_control or is_engine_path(collapse_slashes(request.path)):
            return None
        return next(iter(accounts_of(request)), self._account)

    def _answer(self, request: ServerRequest, *, is_control: bool) -> ServerResponse:
        proxied = self._proxy.answer(request)
        if proxied is not None:
            return proxied
        if self._sqs.serves(request.path):
            return self._sqs.answer(request)
        if self._uploads.serves(request.path):
            return self._uploads.answer(request)
        page = self._show_start_page(request)
        if page is not None:
            return page
        if not is_control and self._host_guard is not None:
            refused = self._host_guard.refuse(request)
            if refused is not None:
                return refused
        answer = self._control.answer(request) if is_control else self._api.answer(request)
        if request.path == _EVENTS:
            self._on_engine_events()
        return self._uploads.redirect(request, answer) if request.path == _UPLOADS else answer

    def _show_start_page(self, request: ServerRequest) -> ServerResponse | None:
        """Return the start page; None for other requests, and for clients that may not use the control API (C-334).

        The page shows the token if everyone knows it, so the host guard of the API holds for it, too.
        """
        if request.path not in _START_PAGES or request.method not in {"GET", "HEAD"}:
            return None
        if self._control.refusal_of(request) is not None:
            return None
        refused = self._host_guard.refuse(request) if self._host_guard is not None else None
        return refused or self._start_page.answer(request)


def _logged_path(request: ServerRequest) -> str:
    """Return the path, or the host of a target without one; never the name and password before a host."""
    is_host = not request.target.startswith("/") and "://" not in request.target
    return f"/{request.target.rpartition('@')[2].partition('?')[0]}" if is_host else request.raw_path


def _without_numbers(path: str) -> str:
    """Replace phone numbers by `+…`: conferences and participants may be named by them."""
    return _PHONE_NUMBER.sub("+…", path)


def _printable(text: str) -> str:
    """Escape everything that is not printable ASCII."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c.isascii() and c.isprintable() else f"%{ord(c):02X}" for c in text)
