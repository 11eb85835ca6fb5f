"""Transaction conflicts are retried; past the retry limit the response is the dialect's own error (REL-2)."""

import random

import pytest

from tapedeck.bootstrap import http as api_bootstrap
from tapedeck.bootstrap.environment import current_environment
from tapedeck.domain.errors import StoreBusy
from tapedeck.domain.recording import RecordingStatus
from tests.client import FunctionClient
from tests.conftest import TestAccount
from tests.faults.fault_injection import WRITES, inject_faults
from tests.faults.test_lost_responses import ACTIONS, _normal, _versions, make_resources
from tests.reporter import EngineReporter
from tests.thoroughness import scaled


@pytest.mark.ci
@pytest.mark.sized
def test_conflicts_on_one_write_in_ten_are_invisible(client: FunctionClient, account: TestAccount) -> None:
    """Every operation responds as without conflicts, for both of DynamoDB's conflict errors."""
    random_source = random.Random(7)  # noqa: S311 - a seed, for the same faults at every run
    expected = {action: _normal(ACTIONS[action](client, make_resources(account))) for action in ACTIONS}
    met = 0
    for _ in range(scaled(deep=3, ci=2, fast=1)):
        for action in ACTIONS:
            resources = make_resources(account)
            with inject_faults(
                lambda operation, _: "conflict" if operation in WRITES and random_source.random() < 0.1 else None
            ) as connection:
                assert _normal(ACTIONS[action](client, resources)) == expected[action], action
            met += sum(fault == "conflict" for _, fault in connection.requests)
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
"""In both dialects, for every operation."""


@pytest.mark.parametrize("fault", ["conflict", "throttle", "throttle a part"])
@pytest.mark.parametrize(
    "action",
    [
        "pause", "stop a conference's", "create", "end a recorded conference", "announce", "mute a participant",
        "remove a participant", "redirect a call", "delete a recording",
    ],
)  # fmt: skip
def test_persistent_fault_is_a_retryable_error(
    client: FunctionClient, account: TestAccount, caplog: pytest.LogCaptureFixture, action: str, fault: str
) -> None:
    """Past the limit a conflict is 408 or 429 (SignalWire: 503 or 429) and throttling is 429; nothing is written.

    Both increment the metric `Busy` and not `Faults`, in both dialects.
    """
    resources = make_resources(account)
    before = _versions(resources)
    client.get("Calls", client.sid_of_call(resources.call.id))  # fills the credential cache
    with inject_faults(lambda operation, _: fault if operation in WRITES else None) as connection:
        answer = ACTIONS[action](client, resources) if action != "create" else client.post(
            "Calls", client.sid_of_call(resources.call.id), "Recordings"
        )  # fmt: skip
    expected = REFUSALS[client.dialect.name, action] if fault == "conflict" else THROTTLED
    assert (answer.status, answer.body["code"]) == expected
    assert _versions(resources) == before
    assert sum(connection.pauses) < 1
    line = vars(caplog.records[-1])
    assert ("Busy" in line, "Faults" in line) == (True, False)


def test_persistent_conflict_is_attempted_five_times(account: TestAccount) -> None:
    """A write that always conflicts is sent five times."""
    resources = make_resources(account)
    with inject_faults(lambda _operation, _: "conflict") as connection, pytest.raises(StoreBusy):
        api_bootstrap.get_api_services().calls.end(account.id, resources.call.id)
    assert [operation for operation, _ in connection.requests] == ["UpdateItem"] * 5


def test_the_end_of_a_call_waits_for_no_recording_that_has_stopped(account: TestAccount) -> None:
    """The call lists a recording that has stopped: the first write finds it, and the second one follows at once."""
    services = api_bootstrap.get_api_services()
    resources = make_resources(account)
    parent, recording = resources.call, resources.call_recording
    services.recordings.update(parent, recording, RecordingStatus.STOPPED)
    reporter = EngineReporter(services, account.id, current_environment().clock)
    with inject_faults(lambda _operation, _: None) as connection:
        reporter.call_ended(parent.id)
    assert [operation for operation, _ in connection.requests if operation in WRITES] == [
        "TransactWriteItems", "UpdateItem",
    ]  # fmt: skip
    assert connection.pauses == []
