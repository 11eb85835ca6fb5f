"""Tests of paths: prefixes, suffixes, formats of ids, gateways, and the order of checks."""

from collections.abc import Callable
from itertools import product
from urllib.parse import unquote

import pytest

from tests.client import DIALECTS, FunctionClient, Gateway
from tests.conftest import TestAccount
from tests.functions.operations import KINDS, OPERATIONS, Operation, Scene, at, path_of, perform
from tests.functions.stage import Stage, Wire, assert_answer, assert_refused

ROOTS = ("/2010-04-01", "/api/laml/2010-04-01")

each_operation = pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS.keys())


@each_operation
def test_serves_both_prefixes_with_and_without_suffix(
    client: FunctionClient, stage: Stage, gateway: Gateway, operation: Operation
) -> None:
    """Every prefix and suffix gets the same response in the dialect of AccountSid, through either gateway."""
    scene = Scene.set_up(stage)
    for root in ROOTS:
        for suffix in operation.suffixes:
            sender = at(client, root=root, suffix=suffix, gateway=gateway)
            scene = Scene.set_up(stage) if operation.is_deletion else scene
            answer = perform(sender, operation, path_of(sender, operation, scene.ids(operation)))
            assert_answer(answer, operation.status_in(sender.dialect.name), scene.shown(sender, operation))


@each_operation
def test_reads_ids_in_any_case(client: FunctionClient, stage: Stage, operation: Operation) -> None:
    """Ids are accepted with upper-case hex digits; responses show lower case."""
    scene = Scene.set_up(stage)

    def upper_case(name: str, identifier: str) -> str:
        sid = client.sid(KINDS[name], identifier)
        return sid[:2] + sid[2:].upper() if client.dialect.name == "twilio" else sid.upper()

    texts = {name: upper_case(name, identifier) for name, identifier in scene.ids(operation).items()}
    path = path_of(client, operation, {}, **texts)
    own = client.sid(KINDS["AccountSid"], stage.account)
    path = path.replace(own, upper_case("AccountSid", stage.account))
    assert_answer(
        perform(client, operation, path), operation.status_in(client.dialect.name), scene.shown(client, operation)
    )


def _malformed(dialect: str, name: str, identifier: str) -> list[str]:
    """Return texts that are similar to an id but malformed."""
    prefix = str(KINDS[name])
    twilio = f"{prefix}{identifier}"
    uuid = DIALECTS["signalwire"].format_sid(KINDS[name], identifier)
    if dialect == "twilio":
        wrong = "CA" if prefix == "RE" else "RE"
        return [
            uuid, identifier, twilio[:-1], f"{twilio}0", twilio.lower(), f"{wrong}{identifier}", f"{prefix}{uuid}",
            f"{prefix}{'g' * 32}", f" {twilio}", f"{twilio}%0A", f"{prefix}%D9%A1{identifier[1:]}", prefix, "%00", ".",
        ]  # fmt: skip
    return [
        twilio, identifier, uuid[:-1], f"{uuid}0", f"{{{uuid}}}", uuid.replace("-", "_"), f"urn:uuid:{uuid}",
        "g" + uuid[1:], f"{uuid}%20", f"{uuid}%0A", f"%D9%A1{uuid[1:]}", "-" * 36, "%00", ".",
    ]  # fmt: skip


@each_operation
def test_does_not_find_malformed_ids(client: FunctionClient, stage: Stage, wire: Wire, operation: Operation) -> None:
    """An id that lacks the dialect's format is not found, without a read of the recordings table.

    Twilio takes it for the name of a conference: a GET has another error.
    """
    scene = Scene.set_up(stage)
    ids = scene.ids(operation)
    for name, identifier in ids.items():
        if client.dialect.name == "twilio" and operation.takes_names(name):
            continue  # a text that is no sid may be a friendly name or a label here
        is_read_by_name = name == "ConferenceSid" and operation.method == "GET"
        condition = "conference read by name" if is_read_by_name else "not found"
        for text in _malformed(client.dialect.name, name, identifier):
            path = path_of(client, operation, ids, **{name: text})
            answer = perform(client, operation, path)
            assert_refused(client, answer, condition, uri=unquote(path))
    assert wire.recordings == []


MALFORMED_ACCOUNTS = ["AC123", "ac" + "0" * 32, "0" * 32, "SK" + "0" * 32, "AC" + "g" * 32, "%C3%A9"]


@pytest.mark.parametrize(
    ("operation", "text"),
    [
        *((name, "me") for name, operation in OPERATIONS.items() if operation.only is None),
        *product(["create_call_recording", "get_conference_recording"], MALFORMED_ACCOUNTS),
    ],
)
def test_malformed_accounts_get_the_dialect_of_the_prefix(
    client: FunctionClient, stage: Stage, wire: Wire, operation: str, text: str
) -> None:
    """An AccountSid of neither format gets 404, in SignalWire's dialect below `/api/laml`, else in Twilio's."""
    target, scene = OPERATIONS[operation], Scene.set_up(stage)
    for root, name in zip(ROOTS, ("twilio", "signalwire"), strict=True):
        sender = at(client, root=root)
        own = client.sid(KINDS["AccountSid"], stage.account)
        path = path_of(sender, target, scene.ids(target)).replace(own, text)
        reader = at(client, dialect=DIALECTS[name])
        basic = sender._basic()
        assert_refused(reader, perform(sender, target, path, authorization=basic), "not found", uri=unquote(path))
        assert_refused(reader, perform(sender, target, path, authorization=None), "no credentials")
    assert wire.recordings == []


@each_operation
def test_checks_credentials_then_ids_then_parameters(client: FunctionClient, operation: Operation) -> None:
    """Credentials are checked before the account and the ids, and these before parameters."""
    malformed = path_of(client, operation, {}, **dict.fromkeys(operation.variables, "nonsense"))
    assert_refused(client, perform(client, operation, malformed, authorization=None), "no credentials")
    assert_refused(client, perform(client, operation, malformed, authorization="Basic eDp5"), "bad credentials")
    unknown = path_of(client, operation, dict.fromkeys(operation.variables, "0" * 32))
    if not operation.variables and (
        operation.is_list
        or operation.name
        in {"get_account", "create_key", "create_incoming_phone_number", "create_application", "create_call"}
    ):
        return  # only the account could be unknown
    wrong = f"{unknown}?PageSize=no" if operation.is_list else unknown
    answer = perform(client, operation, wrong, **({"form": {"Status": "no"}} if operation.form is not None else {}))
    assert_refused(client, answer, "not found", uri=unknown)


@each_operation
def test_other_accounts_are_not_found(
    client: FunctionClient, make_account: Callable[[], TestAccount], stage: Stage, wire: Wire, operation: Operation
) -> None:
    """Valid credentials with the path of another or an unknown account get 404 with 20404."""
    scene = Scene.set_up(stage)
    path = path_of(client, operation, scene.ids(operation))
    own = client.sid(KINDS["AccountSid"], stage.account)
    for account in (make_account().id, "0" * 32):
        foreign = path.replace(own, client.sid(KINDS["AccountSid"], account))
        assert_refused(client, perform(client, operation, foreign), "not found", uri=foreign)
    assert wire.recordings == []


@pytest.mark.parametrize("path", ["Calls//Recordings", "Calls/{CallSid}/Recordings/", "Conferences/"])
def test_does_not_find_empty_ids(client: FunctionClient, stage: Stage, path: str) -> None:
    """An id that is missing from the path is not found; the message has single slashes."""
    client.suffix = ""
    call = client.sid(KINDS["CallSid"], stage.call().id)
    full = client.path(path.format(CallSid=call))
    for method in ("GET", "POST"):
        answer = client.request(method, full)
        # Doubled slashes count as one.
        assert_refused(client, answer, "not found", uri=full.replace("//", "/"))
