"""`$default`: what no route answers is unknown (404) or has another method (405), in the right dialect."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tapedeck.dialects.dialect import ResourceType
from tests.client import DIALECTS, FunctionClient
from tests.functions.stage import Wire, assert_refused

T, S = "/2010-04-01", "/api/laml/2010-04-01"
AC, UUID = "AC720796a08ee9435083bd2d07a3121f1e", "720796a0-8ee9-4350-83bd-2d07a3121f1e"
CA, CALL = "CA43bb71ee553f4074bb208e2747647cce", "43bb71ee-553f-4074-bb20-8e2747647cce"

UNKNOWN = [
    # path, dialect
    ("/", "twilio"),
    ("/favicon.ico", "twilio"),
    ("/2010-04-01", "twilio"),
    ("/2010-04-01/", "twilio"),
    ("/2010-04-01/Accounts", "twilio"),
    ("/2010-04-01/Accounts.json", "twilio"),
    (f"/2010-04-02/Accounts/{AC}/Calls/{CA}.json", "twilio"),
    ("/api/laml", "signalwire"),
    ("/api/laml/", "signalwire"),
    ("/api/laml/2010-04-01", "signalwire"),
    ("/api/laml/2010-04-01/Accounts", "signalwire"),
    ("/api/laml/other", "signalwire"),
    ("/api/fabric", "twilio"),
    (f"{T}/Accounts/{AC}", "twilio"),
    (f"{T}/Accounts/{AC}.json", "twilio"),
    (f"{S}/Accounts/{AC}.json", "twilio"),
    (f"{S}/Accounts/{UUID}", "signalwire"),
    (f"{T}/Accounts/{UUID}", "signalwire"),
    (f"{T}/Accounts/{UUID}.json", "signalwire"),
    (f"{T}/Accounts/{AC}/Messages.json", "twilio"),
    (f"{S}/Accounts/{AC}/Messages", "twilio"),
    (f"{T}/Accounts/{UUID}/Messages", "signalwire"),
    (f"{S}/Accounts/{UUID.upper()}/Messages.json", "signalwire"),
    (f"{T}/Accounts/me/Messages.json", "twilio"),
    (f"{S}/Accounts/me/Messages.json", "signalwire"),
    (f"{T}/Accounts/{AC}/Calls/{CA}/Nothing.json", "twilio"),
    (f"{T}/Accounts/{AC}/Calls/{CA}/Recordings/x/y.json", "twilio"),
    (f"{S}/Accounts/{UUID}/Calls/{CALL}/Recordings/", "signalwire"),
    (f"{T}/Accounts/{AC}/calls/{CA}.json", "twilio"),
    (f"{T}/Accounts//Calls/{CA}.json", "twilio"),
    (f"{T}/accounts/{AC}/Calls/{CA}.json", "twilio"),
    (f"{T}/Accounts/{AC}/Messages/{{uri}}.json", "twilio"),
    (f"{S}/Accounts/{UUID}/Café", "signalwire"),
]


@pytest.mark.parametrize(("path", "dialect_of_path"), UNKNOWN)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_answers_unknown_paths(
    make_twilio: Callable[[], FunctionClient], wire: Wire, path: str, dialect_of_path: str, method: str
) -> None:
    """404 with the path as sent; AccountSid's form decides the dialect, else the prefix; credentials do not matter."""
    client = make_twilio()
    answer = client.request(method, path, authorization=None)
    client.dialect = DIALECTS[dialect_of_path]
    assert_refused(client, answer, "not found", uri=path)
    assert wire.all == []


KNOWN = [
    "Calls/{call}",
    "Calls/{call}/Recordings",
    "Calls/{call}/Recordings/{recording}",
    "Conferences/{conference}",
    "Conferences/{conference}/Recordings/{recording}",
    "Conferences/nonsense/Recordings/Twilio.CURRENT",
]


@pytest.mark.parametrize("shape", KNOWN)
@pytest.mark.parametrize("method", ["PUT", "PATCH", "HEAD", "OPTIONS"])
def test_refuses_other_methods(client: FunctionClient, wire: Wire, shape: str, method: str) -> None:
    """405 on a path that knows another method, under both prefixes, with and without `.json`, whoever asks."""
    ids = {
        "call": client.sid(ResourceType.CALL, "0" * 32),
        "conference": client.sid(ResourceType.CONFERENCE, "0" * 32),
        "recording": client.sid(ResourceType.RECORDING, "0" * 32),
    }
    for root in (T, S):
        for suffix in ("", ".json"):
            client.root, client.suffix = root, suffix
            answer = client.request(method, client.path(shape.format(**ids)), authorization=None)
            assert_refused(client, answer, "method")
    assert wire.all == []


def test_refuses_to_delete_a_conference(client: FunctionClient) -> None:
    """A conference cannot be deleted in either dialect: 405."""
    path = client.path("Conferences", client.sid(ResourceType.CONFERENCE, "0" * 32))
    assert_refused(client, client.request("DELETE", path), "method")


@pytest.mark.parametrize("odd", ["me", "ac" + "0" * 32, "0" * 32, "AC" + "0" * 31])
def test_takes_the_dialect_of_the_prefix_for_odd_accounts(make_twilio: Callable[[], FunctionClient], odd: str) -> None:
    """An AccountSid of no form leaves the choice to the prefix, for 405 as well."""
    client = make_twilio()
    for root, name in ((T, "twilio"), (S, "signalwire")):
        answer = client.request("PUT", f"{root}/Accounts/{odd}/Calls/{CA}", authorization=None)
        assert_refused(replace(client, dialect=DIALECTS[name]), answer, "method")
