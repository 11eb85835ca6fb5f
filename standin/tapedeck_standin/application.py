"""Everything behind the ports: requests under `/_standin` are the control API's, all others the functions'."""

import threading
import time
import traceback
from collections.abc import Callable
from typing import Final

from tapedeck.domain.errors import TapedeckError
from tapedeck_standin.control import HEALTH, ROOT, Control
from tapedeck_standin.engine import Engine
from tapedeck_standin.gateway import Gateway
from tapedeck_standin.messages import HttpAnswer, HttpRequest, refuse

_LONGEST_PATH: Final = 300
_READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class Application:
    """Answers requests, and reports each in one line.

    Args:
        gateway: answers as the deployed API would.
        control: makes telephony happen.
        engine: hears of what requests have changed.
        lock: held while it does (rule R1).
        report: takes lines such as `POST /_standin/calls 201 4 ms`.
    """

    def __init__(
        self,
        gateway: Gateway,
        control: Control,
        engine: Engine,
        lock: threading.Lock,
        report: Callable[[str], object],
    ) -> None:
        self._gateway = gateway
        self._control = control
        self._engine = engine
        self._lock = lock
        self._report = report

    def start(self) -> None:
        """Let the engine work."""
        self._engine.start()

    def stop(self) -> None:
        """Let it rest."""
        self._engine.stop()

    def answer(self, request: HttpRequest) -> HttpAnswer:
        """Answer any request whatsoever."""
        started = time.perf_counter()
        is_control = request.path == ROOT or request.path.startswith(f"{ROOT}/")
        try:
            answer = self._control.answer(request) if is_control else self._gateway.answer(request)
            if request.method not in _READS:
                # What is heard at once is captured to the millisecond.
                with self._lock:
                    self._engine.hear()
        except Exception:  # noqa: BLE001 - a client is answered, whatever it is
            traceback.print_exc()
            if is_control:
                answer = HttpAnswer.of_json(500, {"error": {"message": "the stand-in failed", "field": None}})
            else:
                answer = refuse(TapedeckError(), request.path)
        if request.path == HEALTH:
            return answer  # asked again and again by whoever waits
        milliseconds = (time.perf_counter() - started) * 1000
        path = _printable(request.raw_path[:_LONGEST_PATH])
        self._report(f"{_printable(request.method[:20])} {path} {answer.status} {milliseconds:.0f} ms")
        return answer


def _printable(text: str) -> str:
    """What a terminal shows as it stands."""
    return "".join(c if c.isascii() and c.isprintable() else f"%{ord(c):02X}" for c in text)
