"""What `tapedeck check-engine` leaves after a check."""

from collections.abc import Iterator

import pytest

from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.identity import new_id
from tapedeck_standin.conformance.rig import Rig, now_ms
from tapedeck_standin.conformance.suite import ConnectorSetting, Workbench
from tests.client import DIALECTS
from tests.standin.conftest import serving
from tests.standin.http_client import HttpFunctionClient, StandIn


@pytest.fixture(scope="module")
def external(aws: None) -> Iterator[StandIn]:  # noqa: ARG001 - the emulator must be running
    """A stand-in for external engines."""
    with serving("external", {"CONFIRM_UPDATES": "none"}) as standin:  # as check-engine does
        yield standin


def status_of(standin: StandIn, call: str) -> tuple[str, list[str]]:
    """Return the status of a call, and those of its recordings."""
    client = HttpFunctionClient(DIALECTS["signalwire"], standin.account, standin.token, standin=standin)
    sid = client.sid(ResourceType.CALL, call)
    recordings = client.get("Calls", sid, "Recordings").body["recordings"]
    return client.get("Calls", sid).body["status"], [each["status"] for each in recordings]


@pytest.mark.parametrize("ends_calls_itself", [False, True])
def test_a_check_leaves_no_call(external: StandIn, *, ends_calls_itself: bool) -> None:
    """The calls of a check end, with their recordings in any state, also calls without a recording and ended ones.

    A customer requests the end of calls that the user's engine has made.
    """
    bench = Workbench(f"http://127.0.0.1:{external.port}", 0, external.account, external.token)
    with bench.rig(ConnectorSetting()) as rig:
        now = now_ms()
        rig.client.open_session(rig.token, {"protocol": 2, "boot": new_id(now), "capabilities": {}, "sent_at": now})
        calls = make_calls(rig)
        assert [status_of(external, call) for call in calls] == [
            ("in-progress", ["in-progress"]), ("in-progress", ["paused"]), ("in-progress", []), ("completed", []),
        ]  # fmt: skip
        rig.call_command = "true" if ends_calls_itself else ""
        rig.clean_up()
        assert [status_of(external, call) for call in calls] == [
            ("completed", ["stopped"]), ("completed", ["stopped"]), ("completed", []), ("completed", []),
        ]  # fmt: skip


def make_calls(rig: Rig) -> list[str]:
    """Make a call that is recorded, one whose recording is paused, one without a recording, and one that has ended."""
    recorded, paused = rig.request_recording(), rig.request_recording()
    rig.update(paused, "paused")
    calls = [recorded.call, paused.call, rig.make_call(), rig.make_call()]
    rig.client.end_call(calls[-1])
    return calls
