"""No secret is in any queue, event, claim, failed batch, table or line of the log (REL-21)."""

import base64
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from secrets import token_hex
from typing import Any, Final
from urllib.parse import quote

import pytest

from tapedeck.adapters import engine_queues, eventbridge, failed_batches, failures, kms, sqs, sts, urgent_queue
from tapedeck.adapters.batching import BatchEntry
from tapedeck.adapters.dynamodb import credentials, deliveries, stream, writes
from tapedeck.admin import callbacks as admin_callbacks
from tapedeck.background import publisher
from tapedeck.bootstrap.environment import Environment
from tapedeck.domain.delivery import CallbackDelivery
from tests.functions.background_world import World
from tests.functions.canaries import Canaries
from tests.functions.objects import Objects
from tests.functions.secret_places import Deployment, Places, Services, deploy
from tests.functions.secret_scenario import CONTENT, SECRETS, Scenario


@dataclass(frozen=True)
class Played:
    """What the scenario planted, and everything that was seen."""

    canaries: Canaries
    deployment: Deployment

    @property
    def found(self) -> dict[str, set[str]]:
        """The names of the secrets and contents that were found, by place."""
        places = self.deployment.places
        return {place: self.canaries.found_in(places[place]) for place in sorted(places.texts)}


@pytest.fixture
def play(
    world: World, objects: Objects, install_environment: Callable[[Environment], object], dialect: str
) -> Iterator[Callable[[], Played]]:
    """Plays the scenario in the test's dialect."""
    log, services = io.StringIO(), Services(Places())

    def run() -> Played:
        canaries = Canaries(SECRETS | CONTENT)
        deployment = deploy(world, objects, services, install_environment, log, f"test-{token_hex(4)}")
        Scenario(deployment, objects, dialect, canaries).play()
        deployment.look()
        deployment.places.note("log", log.getvalue())
        return Played(canaries, deployment)

    yield run
    objects.client.meta.events.unregister("before-send.s3", services.note_object)


PARTIES: Final = {"called number", "calling number"}
NAMES: Final = {*PARTIES, "label", "name of a conference"}
URLS: Final = {"password of a URL", "query of a URL"}

FOUND: Final = {
    # What clients, their servers and media engines get: they have sent it, or are to use it.
    "answers": NAMES,
    "answers of tasks": {*NAMES, *URLS},
    "requests to receivers": NAMES,
    "queue tapedeck_engine_standin": {*PARTIES, *URLS, "label"},
    "urgent command": set(),
    # What is stored to be answered, sent or called later.
    "table of recordings": {*NAMES, *URLS},
    "requests to the table of recordings": {*NAMES, *URLS},
    "ledger of callbacks": {*NAMES, *URLS},
    "failed batches": {*PARTIES, *URLS},
    # Ids only.
    "bus": set(),
    "checks": set(),
    "dead letters": set(),
    "errors": set(),
    "health of hosts": set(),
    "log": set(),
    "queue callbacks.fifo": set(),
    "queue finishing": set(),
    "queue retries.fifo": set(),
    "requests to KMS": set(),
    "requests to S3": set(),
    "requests to STS": set(),
    "requests to the table of credentials": set(),
    "table of credentials": set(),
}
"""What each place contains of the contents of requests; nothing contains a secret."""


def test_no_place_has_a_secret(play: Callable[[], Played]) -> None:
    """Queues, events, claims, failed batches, tables and the log have no secret, and content only where it is used."""
    played = play()
    assert played.found == FOUND
    # No hash of a secret is anywhere but in the table that verifies it.
    hashes = Canaries({each: sha256(each.encode()).hexdigest() for each in played.canaries.secrets.values()})
    places = played.deployment.places
    assert {place for place in FOUND if hashes.found_in(places[place])} == {
        "table of credentials",
        "requests to the table of credentials",
    }


def _leak(place: str) -> str:
    return f"canary-leak/{place}"


def _hexed(place: str) -> str:
    return _leak(place).encode().hex()


def _encoded(place: str) -> str:
    return base64.b64encode(f"x{_leak(place)}".encode()).decode()


def _with_member(body: str, value: str) -> str:
    return f'{body[:-1]},"x":"{value}"}}'


def _with_attribute(entry: BatchEntry) -> BatchEntry:
    attribute = {"DataType": "String", "StringValue": _leak("queues")}
    return replace(entry, content={**entry.content, "MessageAttributes": {"x": attribute}})


LEAKS: Final = {
    "answers of tasks": "tasks",
    "bus": "bus",
    "checks": "checks",
    "dead letters": "queues",
    "errors": "errors",
    "failed batches": "tokens",
    "health of hosts": "hosts",
    "ledger of callbacks": "ledger",
    "log": "log",
    "queue callbacks.fifo": "queues",
    "queue finishing": "queues",
    "queue retries.fifo": "queues",
    "queue tapedeck_engine_standin": "commands",
    "requests to KMS": "KMS",
    "requests to S3": "S3",
    "requests to STS": "STS",
    "requests to receivers": "ledger",
    "requests to the table of credentials": "credentials",
    "requests to the table of recordings": "tokens",
    "table of credentials": "credentials",
    "table of recordings": "tokens",
    "urgent command": "urgent",
}
"""The leak that each place has. A client's answers have none: their form is checked with each of them."""


@pytest.fixture
def leaks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the code leak a secret into every place: plain, in hex, in a URL, or in base64 at some offset."""

    def wrap(module: Any, name: str, change: Callable[[Any], Any]) -> None:
        original = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *args, **kwargs: change(original(*args, **kwargs)))

    wrap(sqs, "_entry", _with_attribute)
    wrap(engine_queues, "write_json", lambda body: _with_member(body, _encoded("commands")))
    wrap(eventbridge, "write_json", lambda body: _with_member(body, _hexed("bus")))
    wrap(publisher, "idempotency_token", lambda token: f"{token}{_encoded('ledger')}")
    wrap(deliveries, "_host_key", lambda key: {**key, "PK": f"{key['PK']}{quote(_leak('hosts'), safe='')}"})
    wrap(stream, "_checks", lambda name: f"{name}{_leak('checks')}")
    monkeypatch.setattr(CallbackDelivery, "last_failure", property(lambda _delivery: _leak("log")))
    wrap(failures, "code_of", lambda code: f"{code} {_leak('errors')}")
    wrap(writes, "initial_write_tokens", lambda tokens: {**tokens, "r2": _hexed("tokens")})
    wrap(credentials, "_description", lambda item: {**item, "x": _encoded("credentials")})
    wrap(admin_callbacks, "_describe_attempt", lambda attempt: {**attempt, "x": _leak("tasks")})
    monkeypatch.setattr(failed_batches, "PREFIX", _leak("S3"))
    monkeypatch.setattr(sts, "ALLOWED_ACTIONS", (_leak("STS"),))
    encrypt = kms.KmsEncryptor.encrypt
    monkeypatch.setattr(
        kms.KmsEncryptor, "encrypt", lambda self, account, key: encrypt(self, account + _leak("KMS"), key)
    )
    sign = urgent_queue._sign
    monkeypatch.setattr(
        urgent_queue, "_sign", lambda url, message, given: sign(url, {**message, "x": _leak("urgent")}, given)
    )


@pytest.mark.usefixtures("leaks")
def test_a_leak_into_any_place_is_found(play: Callable[[], Played]) -> None:
    """If the code puts a secret into each queue, event, claim, batch, table and line, it is found there (control)."""
    played = play()
    for name in {*LEAKS.values()}:
        played.canaries.plant(name, _leak(name))
    found = played.found
    assert {place for place, leak in LEAKS.items() if leak not in found[place]} == set()
    assert {*LEAKS, "answers"} == FOUND.keys()
