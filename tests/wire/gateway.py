"""Checks every response of a stand-in where it leaves the function, before any fault is injected.

Run as a module, it starts a stand-in in its own process, for clients that a test cannot check: SDKs and other programs.
It appends each fault to the file that `WIRE_FAULTS` names.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from tapedeck_standin.gateway.sam import Gateway
from tapedeck_standin.http.messages import ServerRequest, ServerResponse
from tests.wire.validator import check_response

VARIABLE: Final = "WIRE_FAULTS"


@contextmanager
def checked_gateways(report: Callable[[str], object]) -> Iterator[None]:
    """Check every response of the stand-ins in this process during the block; report each faulty one."""
    answer = Gateway.answer

    def checked(self: Gateway, request: ServerRequest) -> ServerResponse:
        response = answer(self, request)
        try:
            check_response(request.method, request.path, response.status, dict(response.headers), response.body)
        except AssertionError as fault:
            report(f"{fault}\n")
        return response

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Gateway, "answer", checked)
        yield


def main() -> None:
    """Run the stand-in's command with its arguments."""
    from tapedeck_standin.cli import main as run

    def append(text: str) -> None:
        with Path(os.environ[VARIABLE]).open("a", encoding="utf-8") as file:
            file.write(text)

    with checked_gateways(append):
        run()


if __name__ == "__main__":
    main()
