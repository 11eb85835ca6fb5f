"""Tests that no secret is exposed, and that a log line holds only allowed fields (REL-21)."""

import hashlib
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from secrets import token_hex
from typing import Any

import pytest

from tapedeck.bootstrap import http as api_bootstrap
from tapedeck.bootstrap.environment import Environment, current_environment
from tapedeck.dialects.dialect import ResourceType
from tapedeck.operations.engine_authentication import make_engine_token
from tapedeck.settings import Settings
from tapedeck_standin.aws.function_loader import load_handler
from tapedeck_standin.aws.standard_queue import MemoryEngineQueues
from tests.client import DIALECTS, ROOT, Answer, FunctionClient
from tests.functions.canaries import Canaries
from tests.functions.operations import OPERATIONS, Operation, Scene, at, path_of, perform
from tests.functions.stage import Shelf, Stage, call_path, conference_path
from tests.thoroughness import scaled

LogLines = Callable[[], list[dict[str, Any]]]

ALLOWED = {
    # Powertools
    "level", "message", "timestamp", "service",
    # request and response
    "operation", "dialect", "account", "sid", "created_id", "status", "code", "request_id",
    # what is wrong with a request
    "parameter", "reason", "call", "warnings",
    # metrics
    "_aws", "Milliseconds", "Faults", "Busy", "EngineUnavailable",
}  # fmt: skip
ALLOWED_ADMIN = {
    "level",
    "message",
    "timestamp",
    "service",
    "operation",
    "account",
    "sid",
    "engine",
    "outcome",
    "_aws",
    "TaskFaults",
}
MAX_LINE_BYTES = 750

APART = scaled(deep=1, ci=1, fast=3)
"""Each client sends one in so many operations; at the size `fast`, the three clients share all operations."""

CREATED_SID = {
    "create_call_recording": "sid",
    "create_participant": "call_sid",
    "create_call": "sid",
    "create_key": "sid",
    "create_incoming_phone_number": "sid",
    "create_application": "sid",
}
"""The field of the body with the sid of what the operation creates."""


@dataclass(frozen=True)
class Scenario:
    """Everything that the scenario exposed: responses, log output and table items."""

    canaries: Canaries
    answers: str
    output: str
    recordings: str
    credentials: str


USER, PASSWORD, QUERY = "canary-user", "canary-password", "canary-query"
URL = f"https://{USER}:{PASSWORD}@app.example.com/hooks?secret={QUERY}"
NUMBERS = ("+13105678901", "+13103384645")


def _use_everything(client: FunctionClient, scene: Scene, canaries: Canaries, operations: Sequence[Operation]) -> None:
    """Send operations with each kind of success and failure, and with secrets in every input."""
    odd = {"Unlisted": canaries.plant("unlisted field", "canary-unlisted"), "StatusCallback": URL}
    for operation in operations:
        ids = scene.ids(operation)
        path = path_of(client, operation, ids)
        form = None if operation.form is None else {**operation.form, **odd}
        perform(client, operation, path, form=form)
        perform(client, operation, path, form=form, authorization=None)
        wrong = canaries.plant("wrong secret", "canary-wrong-secret")
        perform(at(client, secret=wrong), operation, path, form=form)
        wrong = canaries.plant("wrong user", "canary-wrong-user")
        perform(at(client, user=wrong), operation, path, form=form)
        perform(client, operation, path_of(client, operation, dict.fromkeys(ids, "0" * 32)), form=form)
        if form is None:
            continue
        bad = canaries.plant("bad value", "canary-bad-value")
        for name in ("Status", "Trim", "PauseBehavior", "AnnounceMethod", "RecordingStatusCallbackEvent"):
            perform(client, operation, path, form={**form, name: bad})
        for name in ("RecordingStatusCallback", "AnnounceUrl"):
            perform(client, operation, path, form={**form, name: f"ftp{URL}"})
        perform(client, operation, path, form=f"{bad}=%zz")
        perform(client, operation, path, form=f'{{"{bad}": ', content_type="application/json")
        perform(client, operation, path, form=f"{bad}=" + "y" * 65_536)
        header = {"X-Whatever": canaries.plant("header", "canary-header"), "Cookie": bad}
        perform(client, operation, path, form=form, headers=header)
    # URLs are stored unchanged, user info included.
    call = call_path(client, scene.call, "")
    client.post(*call_path(client, scene.call, scene.of_call), form={"Status": "stopped"})
    client.post(*call, form={"RecordingStatusCallback": URL})
    client.post(*conference_path(client, scene.conference), form={"AnnounceUrl": URL})
    client.request("PUT", f"/nowhere/{canaries.plant('bad value', 'canary-bad-value')[:6]}", authorization=None)


def _without_own_secrets(client: FunctionClient, answer: Answer, canaries: Canaries) -> str:
    """Return the text of an answer without the secrets that an answer has by design.

    An account shows the token that authenticated the request, a new API key its secret, and a phone number or
    an application its URLs.
    """
    body = answer.body if answer.headers.get("content-type", "").startswith("application/json") else None
    if isinstance(body, dict) and body.get("auth_token") == client.secret:
        return answer.text.replace(client.secret, "")
    if isinstance(body, dict) and "secret" in body:
        return answer.text.replace(canaries.plant(f"secret of {body['sid']}", body["secret"]), "")
    shown: list[Any] = []
    if isinstance(body, dict):
        shown = body.get("incoming_phone_numbers") or body.get("applications") or [body]
    if any(each.get("status_callback") == URL for each in shown):
        return answer.text.replace(URL, "")
    return answer.text


def _run(operation: str, **event: Any) -> Any:
    return load_handler(ROOT, operation)(event, None)


def _use_engine(name: str, canaries: Canaries) -> None:
    """Register an engine and change its tokens, also with wrong events."""
    for operation, event in (
        ("create_engine", {}), ("create_engine", {}), ("rotate_engine_token", {}), ("revoke_engine_token", {}),
        ("rotate_engine_token", {}), ("revoke_engine_token", {"which": "newer"}), ("delete_engine", {"force": 1}),
    ):  # fmt: skip
        made = _run(operation, name=name, **event)
        if "token" in made:
            canaries.plant(f"engine token {len(canaries.secrets)}", made["token"])
            canaries.plant(f"random part {len(canaries.secrets)}", made["token"][-43:])
    _run("list_engines")
    _run("rotate_engine_token", name=canaries.plant("token as a name", make_engine_token(name)))


@pytest.fixture
def scenario(
    dialect: str,
    log: io.StringIO,
    settings: Settings,
    make_stage: Callable[[str], Stage],
    shelves: Callable[[str], Shelf],
    install_environment: Callable[[Environment], object],
    capfd: pytest.CaptureFixture[str],
) -> Scenario:
    """Uses an account with all functions, in the test's dialect."""
    admin = replace(api_bootstrap.get_admin_services(), log=api_bootstrap.get_api_services().log)
    queues = MemoryEngineQueues(current_environment().clock)
    install_environment(
        replace(
            current_environment(),
            prebuilt={api_bootstrap.build_admin_services: admin},
            make_engine_queue_admin=lambda: queues,
        )
    )
    canaries = Canaries()
    engine = f"engine-{token_hex(4)}"
    _use_engine(engine, canaries)

    made = _run("create_account")
    account = made["account_sid"]["twilio"][2:]
    canaries.plant("auth token", made["auth_token"])
    canaries.plant("signing key", made["signing_key"])
    key = _run("issue_api_key", account_sid=f"AC{account}")
    canaries.plant("key secret", key["secret"])
    new = _run("rotate_auth_token", account_sid=f"AC{account}")
    canaries.plant("second auth token", new["auth_token"])
    canaries.plant("URL's user", USER)
    canaries.plant("URL's password", PASSWORD)
    canaries.plant("URL's query", QUERY)

    stage = make_stage(account)
    scene = Scene.set_up(stage)
    clients = [
        FunctionClient(DIALECTS[dialect], account, made["auth_token"]),
        FunctionClient(DIALECTS[dialect], account, new["auth_token"]),
        FunctionClient(DIALECTS[dialect], account, key["secret"], user=key["api_key_sid"]),
    ]
    for number, client in enumerate(clients):
        _use_everything(client, scene, canaries, list(OPERATIONS.values())[number % APART :: APART])
    failures = [
        _run("create_account", account_sid=canaries.plant("wrong sid", "canary-wrong-sid")),
        _run("create_account", auth_token=canaries.plant("wrong field", "canary-wrong-field")),
        _run("revoke_api_key", account_sid=f"AC{account}", api_key_sid="canary-wrong-sid"),
        _run("set_media_access", account_sid=f"AC{account}", media_access=canaries.plant("wrong rule", "canary-rule")),
        _run("set_confirm", account_sid=f"AC{account}", confirm=canaries.plant("wrong confirm", "canary-confirm")),
        _run("revoke_auth_token", account_sid=f"AC{account}"),
        _run("revoke_api_key", account_sid=f"AC{account}", api_key_sid=key["api_key_sid"]),
    ]
    answers = [
        _without_own_secrets(client, answer, canaries) + json.dumps(answer.headers)
        for client in clients
        for answer in client.answers
    ]
    assert len(answers) > 100
    output = capfd.readouterr()
    assert not output.out
    recordings = [
        *stage.partition(scene.call),
        *stage.partition(scene.conference),
        *(
            item
            for kind in ("RECS", "CALLS", "CONFS", "NUMBERS", "APPS")
            for item in stage.shelf.partition(f"{account}#{kind}")
        ),
    ]
    credentials = shelves(settings.credentials_table)
    names = (f"ACCOUNT#{account}", f"SIGNING#{account}", f"KEY#{key['api_key_sid'][2:]}", f"ENGINE#{engine}")
    stored = [credentials.partition(name) for name in names]
    return Scenario(
        canaries,
        "\n".join([*answers, json.dumps(failures)]),
        log.getvalue() + output.out + output.err,
        "\n".join(json.dumps(item, default=sorted) for item in recordings),
        repr(stored),
    )


@pytest.mark.sized
def test_exposes_no_secret(scenario: Scenario) -> None:
    """No response, log line or table item contains a secret, except hashed or encrypted."""
    canaries = scenario.canaries
    assert canaries.found_in(scenario.answers) == set()
    assert canaries.found_in(scenario.output) == set()
    # The URL of a callback is stored with its user info, because the delivery needs it.
    urls = frozenset({"URL's user", "URL's password", "URL's query"})
    assert canaries.found_in(scenario.recordings, but=urls) == set()
    assert URL in scenario.recordings
    assert canaries.found_in(scenario.credentials) == set()
    _assert_hashed(scenario)
    _assert_logged_as_allowed(scenario.output)


def _assert_hashed(scenario: Scenario) -> None:
    """Check that the table holds the SHA-256 of valid secrets only, and that no hash is logged."""
    hashes = {name: hashlib.sha256(secret.encode()).hexdigest() for name, secret in scenario.canaries.secrets.items()}
    assert hashes["auth token"] not in scenario.credentials
    assert hashes["key secret"] not in scenario.credentials
    assert hashes["second auth token"] in scenario.credentials
    assert not [name for name, text in hashes.items() if text in scenario.output]


def _assert_logged_as_allowed(output: str) -> None:
    """Check that each line is JSON with allowed fields, at most 750 bytes, without phone numbers, names or URLs."""
    for words in (*NUMBERS, *(number[1:] for number in NUMBERS), "Room", "example.com", "canary", "Basic "):
        assert words not in output
    lines = output.splitlines()
    assert len(lines) > 100
    for line in lines:
        assert len(line.encode()) <= MAX_LINE_BYTES
        logged = json.loads(line)
        assert logged["message"] in {"request", "task"}
        assert logged.keys() <= (ALLOWED_ADMIN if logged["message"] == "task" else ALLOWED)


def _log(client: FunctionClient, log_lines: LogLines) -> dict[str, Any]:
    (line,) = log_lines()
    assert line["request_id"] == client.answers[-1].headers["x-request-id"]
    return line


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS.keys())
def test_logs_one_line_per_request(
    client: FunctionClient, stage: Stage, log_lines: LogLines, operation: Operation
) -> None:
    """Each request logs one line with operation, dialect, ids, status, duration and its metric."""
    scene = Scene.set_up(stage)
    ids = scene.ids(operation)
    perform(client, operation, path_of(client, operation, ids))
    line = _log(client, log_lines)
    named = CREATED_SID.get(operation.name)
    created = client.answers[-1].body[named].replace("-", "")[-32:] if named is not None else None
    expected = {
        "level": "INFO",
        "message": "request",
        "timestamp": line["timestamp"],
        "service": line["service"],
        "operation": operation.name,
        "dialect": client.dialect.name,
        "account": stage.account,
        **({"sid": list(ids.values())[-1]} if ids else {}),
        **({"created_id": created} if created is not None else {}),
        "status": operation.status_in(client.dialect.name),
        "request_id": line["request_id"],
        "_aws": {
            "Timestamp": line["_aws"]["Timestamp"],
            "CloudWatchMetrics": [
                {
                    "Namespace": "Tapedeck",
                    "Dimensions": [["service"]],
                    "Metrics": [{"Name": "Milliseconds", "Unit": "Milliseconds"}],
                }
            ],
        },
        "Milliseconds": line["Milliseconds"],
    }
    assert line == expected
    assert line["Milliseconds"] > 0


def test_logs_rejected_requests(client: FunctionClient, stage: Stage, log_lines: LogLines) -> None:
    """A rejected request logs the vendor's code; the account only if authenticated, and no malformed sid."""
    call = stage.call()
    names = ("account", "sid", "status", "code")

    def line(*, authorization: str | None = "", text: str | None = None, form: Any = None) -> tuple[Any, ...]:
        path = client.path(*call_path(client, text if text is not None else call, ""))
        client.request("POST", path, form=form, authorization=authorization)
        logged = _log(client, log_lines)
        return tuple(logged.get(name) for name in names)

    trim = 20001 if client.dialect.name == "twilio" else 13699
    status = 400 if client.dialect.name == "twilio" else 422
    assert line(authorization=None) == (None, None, 401, 20003)
    assert line(authorization="Basic eDp5") == (None, None, 401, 20003)
    assert line(text="+13105678901") == (stage.account, None, 404, 20404)
    assert line(text=client.sid(ResourceType.CALL, "0" * 32)) == (stage.account, "0" * 32, 404, 20404)
    assert line(form={"Trim": "x"}) == (stage.account, call.id, status, trim)


def test_logs_no_name(make_twilio: Callable[[], FunctionClient], stage: Stage, log_lines: LogLines) -> None:
    """A friendly name in the path is not logged; the line has no sid."""
    client = make_twilio()
    stage.conference(name="Jane Doe +13105678901")
    client.post("Conferences", "Jane%20Doe%20%2B13105678901")
    line = _log(client, log_lines)
    assert (line["status"], "sid" in line) == (200, False)
    assert "Jane" not in json.dumps(line)


def test_logs_no_label(make_twilio: Callable[[], FunctionClient], stage: Stage, log_lines: LogLines) -> None:
    """A label in the path is not logged; the line has no sid."""
    client, conference = make_twilio(), stage.conference()
    stage.participant(conference, label="Jane Doe")
    assert client.get(*conference_path(client, conference), "Participants", "Jane%20Doe").status == 200
    line = _log(client, log_lines)
    assert (line["status"], "sid" in line) == (200, False)
    assert "Jane" not in json.dumps(line)


def test_logs_an_unhandled_error_without_its_message(
    client: FunctionClient, stage: Stage, monkeypatch: pytest.MonkeyPatch, log_lines: LogLines
) -> None:
    """An unhandled error gets 500 in the dialect, is counted, and is logged without its message."""
    from tapedeck.domain.recording import Recording

    def fail(*_arguments: object) -> Recording:
        raise RuntimeError("canary: the request's own words")

    call = stage.call()
    current = api_bootstrap.get_api_services()
    monkeypatch.setattr(current.calls, "get", fail)
    answer = client.get(*call_path(client, call))
    assert answer.status == 500
    assert "canary" not in answer.text
    fault, line = log_lines()
    assert (fault["message"], fault["error"]) == ("fault", "RuntimeError")
    assert "canary" not in json.dumps([fault, line])
    assert line["Faults"] == 1
    assert fault.keys() <= {*ALLOWED, "error", "where", "exception_name"}


def test_encrypts_signing_keys_for_one_account(shelves: Callable[[str], Shelf], settings: Settings) -> None:
    """An encrypted signing key is decrypted by KMS with its account as the context, not with another."""
    import botocore.session

    made = api_bootstrap.get_admin_services().accounts.create()
    kms: Any = botocore.session.get_session().create_client("kms")
    (stored,) = shelves(settings.credentials_table).partition(f"SIGNING#{made.account}")
    decrypted = {}
    for name, secret in (("twilio", made.auth_token), ("signalwire", made.signing_key)):
        blob = bytes(stored[name][0])
        decrypted[name] = kms.decrypt(CiphertextBlob=blob, EncryptionContext={"account": made.account})["Plaintext"]
        assert decrypted[name] == secret.encode()
        with pytest.raises(kms.exceptions.ClientError):
            kms.decrypt(CiphertextBlob=blob, EncryptionContext={"account": "0" * 32})
