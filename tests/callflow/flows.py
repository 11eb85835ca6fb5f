"""A flow under test: its document is fetched at once, and effects are compared as a whole."""

from typing import Any

from tapedeck_callflow import Facts, Flow
from tapedeck_callflow.effects import Effect, Spoken
from tapedeck_callflow.events import Event, Fetched, MarkupSource, UrlSource

APP = "https://app.example.com"


class Leg:
    """One flow; `start` and `fetched` take the verbs of a document."""

    def __init__(self, **facts: Any) -> None:
        self.flow = Flow(Facts(**{"dialect": "twilio", **facts}))

    def start(self, content: str) -> list[Effect]:
        """Begin with the document at `/voice`, and return the effects after its request, which has the number 1."""
        self.flow.start(UrlSource(f"{APP}/voice"))
        return self.fetched(1, content, "/voice")

    def start_inline(self, content: str) -> list[Effect]:
        """Begin with a document that came with the request for the call."""
        return self.flow.start(MarkupSource(f"<Response>{content}</Response>"))

    def fetched(self, n: int, content: str, path: str = "/next", at: int = 0) -> list[Effect]:
        """Answer request `n` with these verbs."""
        return self.flow.handle(document(n, content, path), at)

    def send(self, *events: Event, at: int = 0) -> list[Effect]:
        """Handle events at a time, and return all their effects."""
        return [effect for event in events for effect in self.flow.handle(event, at)]


def document(n: int, content: str, path: str = "/next") -> Fetched:
    """Return the answer to request `n`: a document with these verbs."""
    return Fetched(n, 200, "text/xml", f"<Response>{content}</Response>".encode(), f"{APP}{path}")


def spoken(text: str) -> Spoken:
    """Return what `<Say>` plays in Twilio's dialect."""
    return Spoken(text, "man", "en-US")
