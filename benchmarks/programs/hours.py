"""Tests that each advance the clock of their account by hours; `parallel_tests.py` copies and runs them."""

import base64
import json
import os
import urllib.request

import pytest

from pytest_tapedeck import Tapedeck


def send(tapedeck: Tapedeck, method: str, path: str, form: str = "") -> dict[str, str]:
    """Send a request to the API; return the JSON of the answer."""
    url = f"{tapedeck.url}/2010-04-01/Accounts/{tapedeck.account_sid}{path}.json"
    user = base64.b64encode(f"{tapedeck.account_sid}:{tapedeck.auth_token}".encode()).decode()
    request = urllib.request.Request(  # noqa: S310 - the URL of a stand-in
        url, form.encode() if method == "POST" else None, {"Authorization": f"Basic {user}"}, method=method
    )
    with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310 - as above
        found: dict[str, str] = json.load(answer)
        return found


@pytest.mark.parametrize("number", range(int(os.environ["HOURS_TESTS"])))
def test_hours(tapedeck: Tapedeck, number: int) -> None:
    """A recording lasts 30 seconds, its call some hours, and a forgotten call a day, while other tests do the same."""
    seconds = 3600 * (1 + number % 5) + number
    call = tapedeck.call().sid
    recording = send(tapedeck, "POST", f"/Calls/{call}/Recordings")["sid"]
    tapedeck.advance(30)
    send(tapedeck, "POST", f"/Calls/{call}/Recordings/{recording}", "Status=stopped")
    tapedeck.settle()
    found = send(tapedeck, "GET", f"/Recordings/{recording}")
    assert (found["status"], found["duration"]) == ("completed", "30")
    tapedeck.advance(seconds)
    tapedeck.hang_up(call)
    tapedeck.settle()
    assert send(tapedeck, "GET", f"/Calls/{call}")["duration"] == str(31 + seconds)
    forgotten = tapedeck.call().sid
    tapedeck.advance(25 * 3600)
    assert send(tapedeck, "GET", f"/Calls/{forgotten}")["status"] == "completed"
    assert len(tapedeck.callbacks()) == 0
