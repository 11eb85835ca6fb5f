"""Twilio's unmodified SDKs, in programs that hard-code Twilio's address, work with two variables of the environment."""

import sys
from collections.abc import Sequence

import pytest
import requests

from tests.sdk.program import EXAMPLES, Standin, node, run

PYTHON = """
from twilio.rest import Client

client = Client({account!r}, {token!r})
recordings = client.calls({call!r}).recordings
started = recordings.create()
paused = recordings(started.sid).update(status="paused")
print(paused.status, client.recordings(started.sid).fetch().status, len(client.recordings.list()))
"""

NODE = """
import twilio from "twilio";

const client = twilio({account!r}, {token!r});
const {{ sid }} = await client.calls({call!r}).recordings.create();
const paused = await client.calls({call!r}).recordings(sid).update({{ status: "paused" }});
const {{ status }} = await client.recordings(sid).fetch();
console.log(paused.status, status, (await client.recordings.list()).length);
"""


def run_through_proxy(standin: Standin, source: str, command: Sequence[object], environment: dict[str, str]) -> str:
    """Run a program of a new account; the account's call is created by the control API, without a proxy."""
    own = requests.post(f"{standin.url}/_standin/accounts", timeout=60).json()
    body = {"account": own["sid"]["twilio"]}
    call = requests.post(f"{standin.url}/_standin/calls", json=body, timeout=60).json()
    program = source.format(account=own["sid"]["twilio"], token=own["token"], call=call["sid"]["twilio"])
    return run([*command, program], environment, seconds=60, folder=EXAMPLES / "node")


def test_python(standin: Standin) -> None:
    """The Python SDK takes `HTTPS_PROXY` and `REQUESTS_CA_BUNDLE`."""
    environment = {"HTTPS_PROXY": standin.url, "REQUESTS_CA_BUNDLE": standin.ca_file, "NO_PROXY": "localhost,127.0.0.1"}
    assert run_through_proxy(standin, PYTHON, [sys.executable, "-c"], environment) == "paused processing 1\n"


@pytest.mark.node
def test_node(standin: Standin) -> None:
    """The Node SDK takes `HTTP_PROXY`, for HTTPS too, and `NODE_EXTRA_CA_CERTS`."""
    environment = {"HTTP_PROXY": standin.url, "NODE_EXTRA_CA_CERTS": standin.ca_file}
    command = [node(), "--input-type=module", "--eval"]
    assert run_through_proxy(standin, NODE, command, environment) == "paused processing 1\n"
