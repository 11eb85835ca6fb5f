"""G6 and rule R2: transaction conflicts are retried, and after the limit they are the dialect's own refusal."""

import random

import pytest

from tapedeck.adapters.dynamodb.client import FIRST_DELAY_SECONDS, MAX_CONFLICT_ATTEMPTS
from tapedeck.bootstrap import http as api_bootstrap
from tapedeck.domain.errors import StoreBusy
from tests.client import FunctionClient
from tests.conftest import TestAccount
from tests.faults.test_lost_answers import ACTS, _normal, _versions, make_scene
from tests.faults.wire_faults import WRITES, wire_faults
from tests.thoroughness import scaled


def test_conflicts_on_one_write_in_ten_are_invisible(client: FunctionClient, account: TestAccount) -> None:
    """Every operation answers as without conflicts, in both forms that DynamoDB gives them."""
    random_source = random.Random(7)  # noqa: S311 - a seed, for the same faults at every run
    expected = {act: _normal(ACTS[act](client, make_scene(account))) for act in ACTS}
    met = 0
    for _ in range(scaled(3, 1)):
        for act in ACTS:
            scene = make_scene(account)
            with wire_faults(
                lambda operation, _: "conflict" if operation in WRITES and random_source.random() < 0.1 else None
            ) as wire:
                assert _normal(ACTS[act](client, scene)) == expected[act], act
            met += sum(fault == "conflict" for _, fault in wire.requests)
    assert met > 0


REFUSALS = {
    ("twilio", "pause"): (408, 16114),
    ("twilio", "stop a conference's"): (408, 16114),
    ("twilio", "create"): (429, 20429),
    ("twilio", "end a recorded conference"): (429, 20429),
    ("twilio", "announce"): (429, 20429),
    ("twilio", "mute a participant"): (429, 20429),
    ("twilio", "remove a participant"): (429, 20429),
    ("twilio", "redirect a call"): (429, 20429),
    ("twilio", "delete a recording"): (429, 20429),
    ("signalwire", "delete a recording"): (429, 20429),
    ("signalwire", "mute a participant"): (429, 20429),
    ("signalwire", "remove a participant"): (429, 20429),
    ("signalwire", "redirect a call"): (503, 20504),
    ("signalwire", "pause"): (503, 20504),
    ("signalwire", "stop a conference's"): (503, 20504),
    ("signalwire", "create"): (503, 20504),
    ("signalwire", "end a recorded conference"): (503, 20504),
    ("signalwire", "announce"): (503, 20504),
}
THROTTLED = (429, 20429)
"""In both dialects, whatever was asked (behaviour.md, section 12)."""


@pytest.mark.parametrize("fault", ["conflict", "throttle", "throttle a part"])
@pytest.mark.parametrize(
    "act",
    [
        "pause", "stop a conference's", "create", "end a recorded conference", "announce", "mute a participant",
        "remove a participant", "redirect a call", "delete a recording",
    ],
)  # fmt: skip
def test_a_fault_that_lasts_is_a_refusal_that_may_be_repeated(
    client: FunctionClient, account: TestAccount, caplog: pytest.LogCaptureFixture, act: str, fault: str
) -> None:
    """After the limit conflicts are 408 or 429, 503 in SignalWire's dialect, throttling is 429; nothing was written.

    Both are counted as such in both dialects, whatever their statuses.
    """
    scene = make_scene(account)
    before = _versions(scene)
    client.get("Calls", client.sid_of_call(scene.call.id))  # the credentials are remembered
    with wire_faults(lambda operation, _: fault if operation in WRITES else None) as wire:
        answer = ACTS[act](client, scene) if act != "create" else client.post(
            "Calls", client.sid_of_call(scene.call.id), "Recordings"
        )  # fmt: skip
    expected = REFUSALS[client.dialect.name, act] if fault == "conflict" else THROTTLED
    assert (answer.status, answer.body["code"]) == expected
    assert _versions(scene) == before
    assert sum(wire.pauses) < 1
    line = vars(caplog.records[-1])
    assert ("Busy" in line, "Faults" in line) == (True, False)


def test_the_pauses_between_tries_are_short() -> None:
    """Five tries take at most 300 ms: a caller is waiting."""
    assert sum(FIRST_DELAY_SECONDS * 2**attempt for attempt in range(MAX_CONFLICT_ATTEMPTS - 1)) == pytest.approx(0.3)


def test_a_lasting_conflict_is_tried_five_times(account: TestAccount) -> None:
    """No more than five requests are spent on a write that keeps conflicting."""
    scene = make_scene(account)
    with wire_faults(lambda _operation, _: "conflict") as wire, pytest.raises(StoreBusy):
        api_bootstrap.get_api_services().calls.end(account.id, scene.call.id)
    assert [operation for operation, _ in wire.requests] == ["UpdateItem"] * MAX_CONFLICT_ATTEMPTS
