"""Which addresses lead where: prefixes, suffixes, ids, gateways (behaviour.md, section 1; operations.md, 1)."""

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
    """Every address answers the same in the dialect of AccountSid, through either gateway."""
    scene = Scene.set_up(stage)
    for root in ROOTS:
        for suffix in operation.suffixes:
            asked = at(client, root=root, suffix=suffix, gateway=gateway)
            scene = Scene.set_up(stage) if operation.is_deletion else scene
            answer = perform(asked, operation, path_of(asked, operation, scene.ids(operation)))
            assert_answer(answer, operation.status, scene.shown(asked, operation))


@each_operation
def test_reads_ids_in_any_case(client: FunctionClient, stage: Stage, operation: Operation) -> None:
    """Hex digits may come in upper case; answers are in lower case (resources.md, section 1)."""
    scene = Scene.set_up(stage)

    def shouted(name: str, identifier: str) -> str:
        sid = client.sid(KINDS[name], identifier)
        return sid[:2] + sid[2:].upper() if client.dialect.name == "twilio" else sid.upper()

    texts = {name: shouted(name, identifier) for name, identifier in scene.ids(operation).items()}
    path = path_of(client, operation, {}, **texts)
    own = client.sid(KINDS["AccountSid"], stage.account)
    path = path.replace(own, shouted("AccountSid", stage.account))
    assert_answer(perform(client, operation, path), operation.status, scene.shown(client, operation))


def _malformed(dialect: str, name: str, identifier: str) -> list[str]:
    """What looks a little like an id."""
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
    """An id that has not the dialect's form is not found, and is not looked for (operations.md, section 1)."""
    scene = Scene.set_up(stage)
    ids = scene.ids(operation)
    for name, identifier in ids.items():
        if client.dialect.name == "twilio" and operation.takes_names(name):
            continue  # whatever is no sid may be a friendly name there, or a label
        for text in _malformed(client.dialect.name, name, identifier):
            path = path_of(client, operation, ids, **{name: text})
            answer = perform(client, operation, path)
            assert_refused(client, answer, "not found", uri=unquote(path))
    assert wire.recordings == []


ODD_ACCOUNTS = ["AC123", "ac" + "0" * 32, "0" * 32, "SK" + "0" * 32, "AC" + "g" * 32, "%C3%A9"]


@pytest.mark.parametrize(
    ("operation", "text"),
    [
        *((name, "me") for name, operation in OPERATIONS.items() if operation.only is None),
        *product(["create_call_recording", "get_conference_recording"], ODD_ACCOUNTS),
    ],
)
def test_answers_odd_accounts_in_the_dialect_of_the_prefix(
    client: FunctionClient, stage: Stage, wire: Wire, operation: str, text: str
) -> None:
    """An AccountSid of neither form is not found, in S under `/api/laml`, else in T (section 1)."""
    does, scene = OPERATIONS[operation], Scene.set_up(stage)
    for root, name in zip(ROOTS, ("twilio", "signalwire"), strict=True):
        asked = at(client, root=root)
        own = client.sid(KINDS["AccountSid"], stage.account)
        path = path_of(asked, does, scene.ids(does)).replace(own, text)
        speaks = at(client, dialect=DIALECTS[name])
        basic = asked._basic()
        assert_refused(speaks, perform(asked, does, path, authorization=basic), "not found", uri=unquote(path))
        assert_refused(speaks, perform(asked, does, path, authorization=None), "no credentials")
    assert wire.recordings == []


@each_operation
def test_asks_in_order(client: FunctionClient, operation: Operation) -> None:
    """Credentials come before account and ids, these before parameters (section 2)."""
    malformed = path_of(client, operation, {}, **dict.fromkeys(operation.variables, "nonsense"))
    assert_refused(client, perform(client, operation, malformed, authorization=None), "no credentials")
    assert_refused(client, perform(client, operation, malformed, authorization="Basic eDp5"), "bad credentials")
    unknown = path_of(client, operation, dict.fromkeys(operation.variables, "0" * 32))
    if operation.is_list and not operation.variables:
        return  # nothing but the account could be unknown
    wrong = f"{unknown}?PageSize=no" if operation.is_list else unknown
    answer = perform(client, operation, wrong, **({"form": {"Status": "no"}} if operation.form is not None else {}))
    assert_refused(client, answer, "not found", uri=unknown)


@each_operation
def test_finds_no_account_but_ones_own(
    client: FunctionClient, make_account: Callable[[], TestAccount], stage: Stage, wire: Wire, operation: Operation
) -> None:
    """Good credentials and another account's or an unknown one's path: 404, 20404 (section 2)."""
    scene = Scene.set_up(stage)
    path = path_of(client, operation, scene.ids(operation))
    own = client.sid(KINDS["AccountSid"], stage.account)
    for account in (make_account().id, "0" * 32):
        foreign = path.replace(own, client.sid(KINDS["AccountSid"], account))
        assert_refused(client, perform(client, operation, foreign), "not found", uri=foreign)
    assert wire.recordings == []


@pytest.mark.parametrize("path", ["Calls//Recordings", "Calls/{CallSid}/Recordings/", "Conferences/"])
def test_does_not_find_empty_ids(client: FunctionClient, stage: Stage, path: str) -> None:
    """An id that is missing from the path is not found."""
    client.suffix = ""
    call = client.sid(KINDS["CallSid"], stage.call().id)
    full = client.path(path.format(CallSid=call))
    for method in ("GET", "POST"):
        answer = client.request(method, full)
        assert_refused(client, answer, "not found", uri=full)
