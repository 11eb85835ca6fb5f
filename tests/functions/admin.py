"""Fixtures and functions that the tests of the operator functions share: accounts, callbacks and their events."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final
from unittest.mock import ANY

import pytest

from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.call import Call
from tapedeck.domain.conference import Conference
from tapedeck.domain.recording import Parent, ParentKind, Recording
from tapedeck.domain.subscription import CallbackSubscription
from tapedeck.http.services import ApiServices
from tapedeck.operations import accounts, api_keys
from tapedeck.operations.recordings import StartRecording
from tapedeck.settings import Settings
from tapedeck_standin.aws.function_loader import load_handler
from tests.client import DIALECTS, ROOT, FunctionClient
from tests.functions.background_world import World
from tests.functions.expected import sid

UNKNOWN: Final = "AC" + "0" * 32
"""The sid of an account that does not exist."""

MALFORMED_ACCOUNT_SIDS: Final[tuple[Any, ...]] = ("", "me", "ac" + "0" * 32, "CA" + "0" * 32, "0" * 32, 7, ["AC"], {})

INVALID_MEDIA_ACCESS: Final[tuple[Any, ...]] = ("", "Vendor", "public", "none", 1, True, ["vendor"], {})

URL: Final = "https://app.example.com/hooks"
"""The URL of callback subscriptions."""


@pytest.fixture
def operator(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """An environment without accounts, in which every new secret is `0123456789abcdef0123456789abcdef`.

    The clock is at 23:00:00.250 UTC on 25 September 2018: second 1537916400.
    """
    for module in (accounts, api_keys):
        monkeypatch.setattr(module, "make_secret", lambda: "0123456789abcdef" * 2)
    table = world.settings.credentials_table
    for item in world.memory.scan(TableName=table)["Items"]:
        world.memory.delete_item(TableName=table, Key={"PK": item["PK"]})
    return world


@pytest.fixture
def uncached_credentials(make_service: Callable[[Settings], ApiServices], settings: Settings) -> None:
    """Disable the cache of credentials, so that a change takes effect at once."""
    make_service(replace(settings, credential_cache_seconds=0))


def run(operation: str, **event: Any) -> Any:
    """Call a function without a route."""
    return load_handler(ROOT, operation)(event, None)


def refused(field: str | None = None) -> dict[str, Any]:
    """Return the answer to a refused request, with the field that it names."""
    return {"error": {"message": ANY, "field": field}}


def authenticates(account: str, secret: str, user: str | None = None) -> bool:
    """Return whether these credentials are accepted."""
    client = FunctionClient(DIALECTS["twilio"], account, secret, user=user)
    return client.get("Calls", "CA" + "0" * 32).status != 401


def is_public(account: str) -> bool:
    """Return whether SignalWire's audio URLs of this account need no credentials: a missing recording is a 404 then."""
    client = FunctionClient(DIALECTS["signalwire"], account, "")
    path = f"{client.base}/Recordings/{sid('signalwire', 'RE', '0' * 32)}"
    return client.request("GET", path, authorization=None).status == 404


def recording_with_callback(world: World, dialect: str = "twilio") -> Recording:
    """Start a recording whose `in-progress` callback has been delivered."""
    call = world.stage.call()
    callback = CallbackSubscription(URL, "POST", ("in-progress", "absent"), dialect)
    recording, _ = world.services.recordings.create(
        Parent(call.account, ParentKind.CALL, call.id), StartRecording(callback=callback)
    )
    world.stage.engine.started(recording)
    world.publish()
    world.deliver()
    return recording


def admin_event(world: World, spelling: str, resource_id: Recording | Conference | Call, **more: Any) -> dict[str, Any]:
    """Return the event of an operator function about a recording, conference or call, with the sids of a dialect."""
    dialect = DIALECTS[spelling]
    kinds = {Recording: ResourceType.RECORDING, Conference: ResourceType.CONFERENCE, Call: ResourceType.CALL}
    kind = kinds[type(resource_id)]
    account = dialect.format_sid(ResourceType.ACCOUNT, world.account.account)
    return {"account_sid": account, "sid": dialect.format_sid(kind, resource_id.id), **more}
