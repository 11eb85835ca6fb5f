"""The client of the pytest plugin, and a server that does not answer."""

import socket
from collections.abc import Callable, Iterator

import pytest

from pytest_tapedeck import control
from pytest_tapedeck.client import NoAnswer, Tapedeck


@pytest.fixture
def silent() -> Iterator[Tapedeck]:
    """A client of a server that accepts connections, and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        yield Tapedeck(url, None, None, "AC1", "1", "token", "key")


def explanation(request: str, seconds: str) -> str:
    """Return the text of the error."""
    return (
        f"no answer to {request} within {seconds} s. The server still works on it. Before it moves a clock it makes "
        "the audio of the recordings that have ended, and other tests that share the server take their part of its "
        "time: many hours of audio take minutes. Make the recordings shorter, or give the method a longer timeout."
    )


def test_an_advance_that_takes_too_long_is_explained(silent: Tapedeck) -> None:
    """After its timeout, `advance` names the request, the seconds, and why an answer may take long (C-343)."""
    with pytest.raises(NoAnswer) as raised:
        silent.advance(86_400, timeout=0.25)
    assert (str(raised.value), raised.value.seconds) == (explanation("POST /_standin/clock", "0.25"), 0.25)
    assert isinstance(raised.value, TimeoutError)


@pytest.mark.parametrize(
    ("act", "request_line", "seconds"),
    [
        (lambda tapedeck: tapedeck.call(), "POST /_standin/calls", "0.25"),
        (lambda tapedeck: tapedeck.callbacks(), "GET /_standin/callbacks", "0.25"),
        (lambda tapedeck: tapedeck.callbacks(wait=0.5), "GET /_standin/callbacks", "0.75"),
        (lambda tapedeck: tapedeck.settle(timeout=0.5), "POST /_standin/settle", "0.75"),
        (lambda tapedeck: tapedeck.wait_until_idle(timeout=0.5), "POST /_standin/wait-until-idle", "0.75"),
    ],
)
def test_a_request_that_waits_may_take_longer(
    silent: Tapedeck,
    monkeypatch: pytest.MonkeyPatch,
    act: Callable[[Tapedeck], object],
    request_line: str,
    seconds: str,
) -> None:
    """The time in which the server itself waits is added; an account is not shown (C-343)."""
    monkeypatch.setattr(control, "ANSWER_SECONDS", 0.25)
    with pytest.raises(NoAnswer) as raised:
        act(silent)
    assert str(raised.value) == explanation(request_line, seconds)
