"""Checks every response of a stand-in where it leaves the function, before any fault is injected.

Run as a module, it starts a stand-in in its own process, for clients that a test cannot check: SDKs and other programs.
It appends each fault to the file that `WIRE_FAULTS` names.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from tapedeck.http.routes import is_engine_path
from tapedeck_standin.gateway.http_api import Gateway
from tapedeck_standin.http.messages import ServerRequest, ServerResponse
from tests.wire.callbacks import checked_callbacks
from tests.wire.validator import check_response

VARIABLE: Final = "WIRE_FAULTS"

ROOT: Final = Path(__file__).resolve().parents[2]
SOURCES: Final = (
    ROOT / "layers/shared",
    ROOT / "engine/protocol",
    ROOT / "engine/callflow",
    ROOT / "standin",
    ROOT / "packages/dynamodb-memory/src",
    ROOT,
)


@contextmanager
def checked_gateways(report: Callable[[str], object]) -> Iterator[None]:
    """Check every response of the stand-ins in this process during the block; report each faulty one."""
    answer = Gateway.answer

    def checked(self: Gateway, request: ServerRequest) -> ServerResponse:
        response = answer(self, request)
        if is_engine_path(request.path):
            return response  # of no vendor's API
        try:
            check_response(
                request.method, request.path, response.status, dict(response.headers), response.body,
                authorization=request.header("Authorization"),
            )  # fmt: skip
        except AssertionError as fault:
            report(f"{fault}\n")
        return response

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Gateway, "answer", checked)
        yield


@contextmanager
def checked_standin(faults: Path) -> Iterator[list[str]]:
    """Yield the start of a command of the stand-in that checks its responses; its options follow.

    Raises:
        AssertionError: after the block, if a response did not have the wire format.
    """
    faults.touch()
    settings = {"PYTHONPATH": os.pathsep.join(map(str, SOURCES)), VARIABLE: str(faults)}
    yield ["env", *(f"{name}={value}" for name, value in settings.items()), sys.executable, "-m", __name__]
    assert faults.read_text(encoding="utf-8") == ""


def main() -> None:
    """Run the stand-in's command with its arguments."""
    from tapedeck_standin.cli import main as run

    def append(text: str) -> None:
        with Path(os.environ[VARIABLE]).open("a", encoding="utf-8") as file:
            file.write(text)

    with checked_gateways(append), checked_callbacks(append):
        run()


if __name__ == "__main__":
    main()
