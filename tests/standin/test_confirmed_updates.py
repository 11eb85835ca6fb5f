"""Updates of recordings that wait for the media engine of the stand-in: simulated, external, or none."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final

import pytest

from tapedeck.bootstrap.environment import current_environment
from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.identity import new_id
from tapedeck.settings import STANDIN_ENGINE_TOKEN
from tests.client import DIALECTS, Answer
from tests.conftest import TestAccount
from tests.functions.expected import refusal
from tests.standin.conftest import serving
from tests.standin.http_client import ControlClient, HttpFunctionClient, StandIn
from tests.standin.test_engines import EngineClient, make_engine

WAITS: Final = MappingProxyType({"CONFIRM_UPDATES": "pause", "CONFIRM_WITHIN_MS": "2500"})


class Connector:
    """A connector that confirms each command to a recording at once, in a thread of its own while it runs.

    Without an engine it is that of the stand-in. `accounts` are those of the commands that it has received.
    """

    def __init__(self, standin: StandIn, engine: EngineClient | None = None) -> None:
        self._engine = engine or EngineClient(standin, "standin", STANDIN_ENGINE_TOKEN)
        self._standin = standin
        self.received: list[tuple[str, int]] = []
        self.accounts: set[str] = set()
        self._is_running = False
        opened = self._engine.post(
            "sessions", {"software": "test", "capabilities": {}, "capacity": {}, "live": [], "more": False}
        )
        self._url = opened["commands"]["url"]

    @contextmanager
    def running(self) -> Iterator[None]:
        """Receive commands while the context is open."""
        self._is_running = True
        thread = threading.Thread(target=self._run, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._is_running = False
            thread.join()

    def _run(self) -> None:
        while self._is_running:
            for message in self._sqs("ReceiveMessage", MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages", []):
                self._carry_out(json.loads(message["Body"]))
                self._sqs("DeleteMessage", ReceiptHandle=message["ReceiptHandle"])

    def _sqs(self, action: str, **request: Any) -> Any:
        headers = {"X-Amz-Target": f"AmazonSQS.{action}", "Content-Type": "application/x-amz-json-1.0"}
        body = json.dumps({"QueueUrl": self._url, **request}).encode()
        return ControlClient(self._standin).request("POST", "/_standin/sqs/", body, headers).body

    def _carry_out(self, command: dict[str, Any]) -> None:
        kind, version = command["type"], command["version"]
        self.received.append((kind, version))
        self.accounts.add(command["account"])
        status = command["wanted"]["status"]
        started = kind == "recording.start"
        outcome = self._engine.report(
            type="recording.started" if started else f"recording.{_REPORTED[kind]}", account=command["account"],
            parent=command["parent"], recording=command["recording"], version=version,
            **({"status": status} if started else {}),
        )  # fmt: skip
        assert outcome["outcome"] in {"taken", "repeated", "stale"}, outcome


_REPORTED: Final = {"recording.pause": "paused", "recording.resume": "resumed", "recording.stop": "stopped"}


def make_recording(
    standin: StandIn, account: TestAccount, dialect: str, engine: str = "standin"
) -> Callable[[str], Answer]:
    """Begin a recording of a new call of an engine; return what sets its status."""
    client = HttpFunctionClient(DIALECTS[dialect], account.id, account.token, standin=standin)
    control = ControlClient(standin, client.sid(ResourceType.ACCOUNT, account.id))
    call = control.post("/calls", {"engine": engine}).body["sid"][dialect]
    recording = client.post("Calls", call, "Recordings", form={}).body["sid"]
    return lambda status: client.post("Calls", call, "Recordings", recording, form={"Status": status})


def is_not_confirmed(answer: Answer, dialect: str) -> bool:
    """Whether an answer is the dialect's for an update that is not confirmed."""
    return (answer.status, answer.body, answer.headers.get("retry-after")) == (*refusal(dialect, "not confirmed"), "1")


def _assert_confirmed(updates: list[Callable[[str], Answer]], waiting: list[Future[Answer]], dialect: str) -> None:
    """Check that all waiting pauses are confirmed, each by a repetition of its client if it has waited too long."""
    for update, each in zip(updates, waiting, strict=True):
        answer = each.result()
        while is_not_confirmed(answer, dialect):
            answer = update("paused")
        assert answer.status == 200


def _new_account() -> TestAccount:
    from tapedeck.bootstrap import http as api_bootstrap

    made = current_environment().cached(api_bootstrap.build_admin_services).accounts.create()
    return TestAccount(made.account, made.auth_token)


@pytest.fixture(scope="module")
def simulated(aws: None) -> Iterator[StandIn]:
    """A stand-in with the simulated engine whose pauses wait."""
    del aws  # only has to be there
    with serving("simulated", WAITS) as running:
        yield running


def test_the_simulated_engine_confirms_inside_the_request(simulated: StandIn, dialect: str) -> None:
    """Pauses and resumes are answered without a wait, also after the clock was put forward by an hour."""
    update = make_recording(simulated, _new_account(), dialect)
    for _ in range(3):
        assert [update(status).status for status in ("paused", "in-progress")] == [200, 200]
        ControlClient(simulated).post("/clock", {"account": "*", "advance": 3600})
    assert [update("paused").status, update("paused").status] == [200, 200]


@pytest.mark.parametrize("parent", ["call", "conference"])
def test_an_injected_fault_leaves_pauses_unconfirmed(simulated: StandIn, dialect: str, parent: str) -> None:
    """A pause is answered at once with the dialect's error and stays requested; it takes effect, and is then 200.

    Updates that do not wait are answered as always and do not use up the fault, nor does a pause of another account.
    """
    account = _new_account()
    client = HttpFunctionClient(DIALECTS[dialect], account.id, account.token, standin=simulated)
    control = ControlClient(simulated, client.sid(ResourceType.ACCOUNT, account.id))
    if parent == "call":
        path = ["Calls", control.post("/calls").body["sid"][dialect], "Recordings"]
        path.append(client.post(*path, form={}).body["sid"])
    else:
        made = control.post("/conferences", {"record": True}).body["sid"][dialect]
        path = ["Conferences", made, "Recordings"]
        path.append(client.get(*path).body["recordings"][0]["sid"])
    fault = {"on": f"update_{parent}_recording", "times": 2, "then": {"unconfirmed": True}}
    assert control.post("/faults", fault).status == 201
    assert make_recording(simulated, _new_account(), dialect)("paused").status == 200
    assert client.post(*path, form={"Status": "in-progress"}).status == 200
    for hits in (1, 2):
        assert is_not_confirmed(client.post(*path, form={"Status": "paused"}), dialect)
        assert [each["hits"] for each in control.get("/faults").body["faults"]] == [hits]
        control.post("/wait-until-idle", {})
        # The engine has confirmed it since, so a repetition does not wait and uses up no fault.
        assert client.post(*path, form={"Status": "paused"}).status == 200
        assert client.post(*path, form={"Status": "in-progress"}).status == 200
    assert client.post(*path, form={"Status": "paused"}).status == 200
    assert client.post(*path, form={"Status": "stopped"}).status == 200


def test_without_an_engine_nothing_is_confirmed_and_nothing_starts(aws: None, dialect: str) -> None:
    """A new recording and a pause are answered at once with the dialect's errors; other updates do not wait.

    The recording is one whose start is reported by hand; the pause stays requested (C-281).
    """
    del aws  # only has to be there
    with serving("none", {**WAITS, "CONFIRM_WITHIN_MS": "10000"}) as standin:
        account = _new_account()
        client = HttpFunctionClient(DIALECTS[dialect], account.id, account.token, standin=standin)
        control = ControlClient(standin, client.sid(ResourceType.ACCOUNT, account.id))
        call = control.post("/calls").body["sid"][dialect]
        started = time.monotonic()
        refused = client.post("Calls", call, "Recordings", form={})
        assert (refused.status, refused.body["code"]) == (503, {"twilio": 20503, "signalwire": 20504}[dialect])
        assert client.get("Calls", call, "Recordings").body["recordings"] == []
        recording = client.sid(ResourceType.RECORDING, new_id(1))
        event = {"type": "recording.started", "source": "RecordVerb", "recording": recording}
        reported = control.post("/events", {**event, "parent": {"type": "call", "id": call}})
        assert reported.body["outcome"] == "taken"

        def update(status: str) -> Answer:
            return client.post("Calls", call, "Recordings", recording, form={"Status": status})

        assert is_not_confirmed(update("paused"), dialect)
        assert is_not_confirmed(update("paused"), dialect)
        assert time.monotonic() - started < 10
        assert update("in-progress").status == 200
        assert update("stopped").status == 200
        (engine,) = control.get("/engines").body["engines"]
        assert engine["presence"] == "never seen"


def test_an_external_engine_confirms_pauses(aws: None, dialect: str) -> None:
    """Twenty pauses are each answered once the connector has confirmed them."""
    del aws  # only has to be there
    with serving("external", {**WAITS, "CONFIRM_WITHIN_MS": "10000"}) as standin:
        connector = Connector(standin)
        update = make_recording(standin, _new_account(), dialect)
        with connector.running():
            for _ in range(20):
                assert [update(status).status for status in ("paused", "in-progress")] == [200, 200]
        assert len({version for kind, version in connector.received if kind == "recording.pause"}) == 20


@pytest.mark.ci
def test_requests_that_wait_block_no_others(aws: None) -> None:
    """While ten clients wait for a connector that is away, reads are answered; then all pauses are confirmed."""
    del aws  # only has to be there
    with serving("external", {**WAITS, "CONFIRM_WITHIN_MS": "10000"}) as standin:
        connector, account = Connector(standin), _new_account()
        updates = [make_recording(standin, account, "twilio") for _ in range(10)]
        # Only SignalWire's dialect shows that a recording is paused.
        reader = HttpFunctionClient(DIALECTS["signalwire"], account.id, account.token, standin=standin)

        def paused() -> int:
            found = reader.get("Recordings").body["recordings"]
            return sum(each["status"] == "paused" for each in found)

        with ThreadPoolExecutor(10) as pool:
            waiting = [pool.submit(update, "paused") for update in updates]
            while paused() < 10:
                assert not any(each.done() for each in waiting)
            assert not any(each.done() for each in waiting)
            with connector.running():
                _assert_confirmed(updates, waiting, "twilio")


@pytest.mark.ci
def test_a_silent_engine_delays_no_other_account(aws: None, dialect: str) -> None:
    """While ten clients wait for the engine of one account, the pauses of another account are confirmed.

    Each engine gets the commands of its own account only.
    """
    del aws  # only has to be there
    with serving("external", {**WAITS, "CONFIRM_WITHIN_MS": "10000"}) as standin:
        accounts, connectors = [_new_account(), _new_account()], []
        for name, account in zip(("silent", "awake"), accounts, strict=True):
            sid = DIALECTS[dialect].format_sid(ResourceType.ACCOUNT, account.id)
            connectors.append(Connector(standin, make_engine(standin, name, accounts=[sid])))
        silent, awake = connectors
        updates = [make_recording(standin, accounts[0], dialect, "silent") for _ in range(10)]
        update = make_recording(standin, accounts[1], dialect, "awake")
        with ThreadPoolExecutor(10) as pool:
            waiting = [pool.submit(each, "paused") for each in updates]
            with awake.running():
                for status in ("paused", "in-progress"):
                    assert update(status).status == 200
            assert not any(each.done() for each in waiting)
            with silent.running():
                _assert_confirmed(updates, waiting, dialect)
        assert [each.accounts for each in connectors] == [{account.id} for account in accounts]


def test_a_pause_while_the_connector_is_away(aws: None, dialect: str) -> None:
    """A pause is not confirmed within the deadline; it is the first command that the connector gets afterwards."""
    del aws  # only has to be there
    with serving("external", {**WAITS, "CONFIRM_WITHIN_MS": "500"}) as standin:
        connector = Connector(standin)
        update = make_recording(standin, _new_account(), dialect)
        with connector.running():
            assert update("in-progress").status == 200
            while not connector.received:
                time.sleep(0.01)
        connector.received.clear()
        assert is_not_confirmed(update("paused"), dialect)
        with connector.running():
            while update("paused").status != HTTPStatus.OK:
                pass
        assert connector.received[0] == ("recording.pause", 2)
