"""What is spoken and played: it takes time, and nothing sounds."""

from base64 import b64decode
from collections.abc import Sequence
from functools import partial
from http import HTTPStatus
from typing import Any, Final

from tapedeck_callflow import effects
from tapedeck_callflow.events import Event, Played

from tapedeck_standin.calls.application import Answer, ApplicationRequests
from tapedeck_standin.calls.durations import FILE_MS, audio_ms, has_same_origin, item_ms, repeated_ms
from tapedeck_standin.calls.leg import Leg
from tapedeck_standin.calls.runtime import CallRuntime

NOT_AUDIO: Final = 13420
RETRIEVAL_FAILED: Final = 11200


class Sound:
    """Plays for as long as it would take.

    Args:
        flows: the calls.
        application: requests the files that are the application's own.
    """

    def __init__(self, flows: CallRuntime, application: ApplicationRequests) -> None:
        self._flows = flows
        self._application = application

    def play(self, leg: Leg, effect: effects.Play) -> Sequence[Event]:
        """Play an item; a file of another host than the document's is not requested, since it may not be reachable."""
        item = effect.item
        played = {"at": self._flows.now(leg), **_described(item)}
        leg.played.append(played)
        if not isinstance(item, effects.File):
            self._play_for(leg, effect, item_ms(item))
        elif item.fetched:
            self._play_for(leg, effect, audio_ms(b64decode(leg.answer.get("body", ""))))
        elif has_same_origin(item.url, leg.document_url):
            leg.running[effect.n] = effect
            body = {"url": item.url, "method": "GET", "parameters": {}}
            self._application.request(leg, "play", body, partial(self._fetched, leg, effect))
        else:
            played["unfetched"] = True
            self._play_for(leg, effect, FILE_MS)
        return ()

    def _play_for(self, leg: Leg, effect: effects.Play, once_ms: int) -> None:
        self._flows.start_timer(
            leg, effect.n, repeated_ms(once_ms, effect.loop), lambda: self._flows.feed(leg, Played(effect.n))
        )

    def _fetched(self, leg: Leg, effect: effects.Play, answer: Answer) -> None:
        if leg.running.pop(effect.n, None) is None:
            return  # it was stopped meanwhile
        if answer.get("code") is not None or not _is_success(answer["status"]):
            self._flows.feed(leg, Played(effect.n, "failed", answer.get("code") or RETRIEVAL_FAILED))
        elif not answer["content_type"].strip().lower().startswith("audio/"):
            self._flows.feed(leg, Played(effect.n, "failed", NOT_AUDIO))
        else:
            self._play_for(leg, effect, audio_ms(b64decode(answer["body"])))


def _described(item: effects.Item) -> dict[str, Any]:
    match item:
        case effects.Spoken(text=text):
            return {"verb": "Say", "text": text}
        case effects.File(url=url):
            return {"verb": "Play", "url": url}
        case effects.Tones(digits=digits):
            return {"verb": "Play", "digits": digits}
        case effects.ErrorMessage():
            return {"verb": "error", "text": "an application error has occurred"}


def _is_success(status: int) -> bool:
    return HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES
