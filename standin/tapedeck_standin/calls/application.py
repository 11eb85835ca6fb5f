"""Requests of calls to their applications: documents, files and notifications."""

from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from tapedeck_callflow import effects
from tapedeck_callflow.events import Event, Fetched, FetchFailed

from tapedeck_standin.calls.instruction_requests import InstructionRequests, WantedRequest
from tapedeck_standin.calls.leg import Leg
from tapedeck_standin.calls.runtime import CallRuntime

Answer = Mapping[str, Any]
"""The answer of the route `documents`."""


class ApplicationRequests:
    """Sends the requests of calls, and hands the answers to their flows.

    Args:
        flows: the calls.
        requests: sends the requests.
    """

    def __init__(self, flows: CallRuntime, requests: InstructionRequests) -> None:
        self._flows = flows
        self._requests = requests

    def fetch(self, leg: Leg, effect: effects.Fetch) -> Sequence[Event]:
        """Request a document."""
        details = {"recording": effect.recording, "dialed_call": effect.dialed_call}
        body = {
            "url": effect.url, "method": effect.method, "parameters": {**leg.parameters, **effect.parameters},
            **{name: value for name, value in details.items() if value is not None},
        }  # fmt: skip
        self.request(leg, effect.purpose, body, partial(self._fetched, leg, effect.n))
        return ()

    def notify(self, leg: Leg, effect: effects.Notify) -> Sequence[Event]:
        """Send a request whose answer has no effect."""
        body = {"url": effect.url, "method": effect.method, "parameters": dict(effect.parameters)}
        self.request(leg, "partial", body, lambda _answer: None)
        return ()

    def request(self, leg: Leg, kind: str, body: Mapping[str, Any], on_answer: Callable[[Answer], object]) -> None:
        """Send any request about a call, after those that it has sent before."""

        def make_body() -> Mapping[str, Any]:
            place = {"conference": leg.room[0], "conference_name": leg.room[1]} if leg.room is not None else {}
            return {
                "account": leg.account, "call": leg.id, "dialect": leg.dialect, "cookies": leg.cookies, **place, **body,
            }  # fmt: skip

        def answered(answer: Answer) -> None:
            with self._flows.lock:
                if self._flows.is_known(leg.id):
                    leg.cookies = answer.get("cookies", "")
                    on_answer(answer)

        self._requests.add(WantedRequest(leg.account, leg.id, kind, leg.last_verb, make_body, answered))

    def _fetched(self, leg: Leg, n: int, answer: Answer) -> None:
        leg.answer = answer
        if answer.get("code") is not None:
            self._flows.feed(leg, FetchFailed(n, answer["code"]))
            return
        body = b64decode(answer["body"])
        self._flows.feed(leg, Fetched(n, answer["status"], answer["content_type"], body, answer["url"]))
