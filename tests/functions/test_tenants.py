"""Tests of tenant isolation: resources of another account behave as unknown ones and are never changed."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from tapedeck.bootstrap import http as api_bootstrap
from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.page import PageRequest
from tapedeck_standin.aws.template import Route
from tests.client import DIALECTS, TEMPLATE, Answer, FunctionClient
from tests.conftest import TestAccount
from tests.functions.operations import KINDS, OPERATIONS, Scene, variables_of
from tests.functions.stage import Stage

FORMS: Mapping[str, list[dict[str, str] | None]] = {
    "create_call_recording": [None, {"Trim": "no"}],
    "update_call_recording": [{"Status": "stopped"}, {"Status": "no"}],
    "update_conference_recording": [{"Status": "stopped"}, {"Status": "no"}],
    "update_call": [None, {"Status": "completed"}, {"Url": "https://a.example/"}, {"Status": "no"}],
    "create_call": [{"From": "client:a", "To": "client:b", "Url": "https://a.example/"}, None],
    "create_participant": [{"From": "client:a", "To": "client:b"}, None],
    "update_participant": [None, {"Muted": "true"}, {"AnnounceUrl": "https://a.example/"}, {"Hold": "no"}],
    "create_key": [None, {"FriendlyName": "x" * 65}],
    "update_key": [None, {"FriendlyName": "Ours"}, {"FriendlyName": "x" * 65}],
    "create_incoming_phone_number": [{"PhoneNumber": "+12025550144"}, None],
    "update_incoming_phone_number": [None, {"VoiceUrl": "https://a.example/"}, {"VoiceMethod": "no"}],
    "create_application": [{"FriendlyName": "Ours"}, {"VoiceMethod": "no"}],
    "update_application": [{"FriendlyName": "Ours", "VoiceUrl": "https://a.example/"}, {"VoiceMethod": "no"}],
    "update_conference": [None, {"Status": "completed"}, {"AnnounceUrl": "https://a.example/"}, {"Status": "no"}],
}
ABSENT = {
    "AccountSid": "f" * 32,
    "CallSid": "e" * 32,
    "ConferenceSid": "d" * 32,
    "RecordingSid": "c" * 32,
    "TranscriptionSid": "b" * 32,
    "KeySid": "a" * 32,
    "PhoneNumberSid": "9" * 32,
    "ApplicationSid": "8" * 32,
}
KEYS = {operation.name for operation in OPERATIONS.values() if operation.path.startswith("Keys")}
"""The operations on API keys, which refuse API keys as credentials."""


@dataclass(frozen=True)
class Tenants:
    """The requesting account and another account, each with a scene."""

    own: Stage
    foreign: Stage
    own_scene: Scene
    foreign_scene: Scene

    def ids(self, *, foreign: bool, route: Route) -> dict[str, str]:
        """Return a route's variables for one of the accounts; recordings are finished unless the method is POST."""
        stage, scene = (self.foreign, self.foreign_scene) if foreign else (self.own, self.own_scene)
        _, *below = variables_of(route.path or "")
        return {"AccountSid": stage.account, **scene.ids_of(below, finished=route.method != "POST")}

    def all_foreign_items(self) -> list[list[Any]]:
        """Return all items of the other account."""
        scene, account = self.foreign_scene, self.foreign.account
        lists = [
            self.foreign.shelf.partition(f"{account}#{kind}")
            for kind in ("RECS", "CALLS", "CONFS", "TRS", "NUMBERS", "APPS")
        ]
        keys: list[Any] = list(self.foreign.services.api_keys.list(account, PageRequest()).items)
        return [self.foreign.partition(scene.call), self.foreign.partition(scene.conference), *lists, keys]


@pytest.fixture
def other_account(make_account: Callable[[], TestAccount]) -> TestAccount:
    """The other account."""
    return make_account()


@pytest.fixture
def tenants(stage: Stage, other_account: TestAccount, make_stage: Callable[[str], Stage]) -> Tenants:
    """Two accounts with resources of the same kinds."""
    foreign = make_stage(other_account.id)
    return Tenants(stage, foreign, Scene.set_up(stage, "Ours"), Scene.set_up(foreign, "Theirs"))


ROUTES = [route for route in TEMPLATE.routes if route.operation in OPERATIONS]


def _path(client: FunctionClient, route: Route, ids: Mapping[str, str], texts: Mapping[str, str]) -> str:
    spelled = {name: client.sid(KINDS[name], identifier) for name, identifier in ids.items()} | dict(texts)
    assert route.path is not None
    # Below a call or a conference only audio accepts HEAD.
    return route.path.format(**spelled) + (".wav" if route.method == "HEAD" else "")


def _comparable(answer: Answer, names: Mapping[str, str]) -> tuple[int, dict[str, str], str]:
    """Return a response without its request id and with a placeholder for each sid of the request."""
    headers = {name: value for name, value in answer.headers.items() if name != "x-request-id"}
    text = answer.text
    for name, sid in names.items():
        text = text.replace(sid, name)
    return answer.status, headers, text


def _mixtures(variables: list[str]) -> Iterator[set[str]]:
    """Yield the variables to take from the other account: each one alone, all below the account, and all."""
    yield from ({name} for name in variables)
    if variables[1:]:
        yield set(variables[1:])
    yield set(variables)


@pytest.mark.parametrize("route", ROUTES, ids=[route.key for route in ROUTES])
def test_foreign_resources_are_not_found(client: FunctionClient, tenants: Tenants, route: Route) -> None:
    """A request with any mixture of another account's ids gets the same response as with unknown ids."""
    ours, theirs = (tenants.ids(foreign=foreign, route=route) for foreign in (False, True))
    before = tenants.all_foreign_items()
    for taken in _mixtures(list(ours)):
        for form in FORMS.get(route.operation, [None]):
            compared = []
            for source in (theirs, ABSENT):
                ids = {name: source[name] if name in taken else ours[name] for name in ours}
                answer = client.request(route.method, _path(client, route, ids, {}), form=form)
                sids = {name: client.sid(KINDS[name], identifier) for name, identifier in ids.items()}
                compared.append(_comparable(answer, sids))
            assert compared[0] == compared[1]
            assert compared[0][0] == 404
    assert tenants.all_foreign_items() == before


@pytest.mark.parametrize("route", ROUTES, ids=[route.key for route in ROUTES])
def test_foreign_credentials_find_nothing(
    client: FunctionClient, tenants: Tenants, other_account: TestAccount, route: Route
) -> None:
    """With another account's credentials of any kind, the ids of this account get the same response as unknown ids."""
    made = api_bootstrap.get_admin_services().accounts.issue_api_key(other_account.id)
    ours = tenants.ids(foreign=False, route=route)
    before = tenants.own.partition(tenants.own_scene.call), tenants.own.partition(tenants.own_scene.conference)
    key_sid = DIALECTS["twilio"].format_sid(ResourceType.API_KEY, made.key)
    for user, secret in ((None, other_account.token), (key_sid, made.secret), (None, made.secret)):
        account = client.sid(ResourceType.ACCOUNT, other_account.id)
        requester = FunctionClient(client.dialect, other_account.id, secret, user=user or account)
        for form in FORMS.get(route.operation, [None]):
            compared = []
            for ids in (ours, {name: ABSENT[name] for name in ours}):
                answer = requester.request(route.method, _path(requester, route, ids, {}), form=form)
                sids = {name: requester.sid(KINDS[name], identifier) for name, identifier in ids.items()}
                compared.append(_comparable(answer, sids))
            assert compared[0] == compared[1]
            assert compared[0][0] == (401 if route.operation in KEYS and secret == made.secret else 404)
    after = tenants.own.partition(tenants.own_scene.call), tenants.own.partition(tenants.own_scene.conference)
    assert after == before


CURRENT_ROUTES = [route for route in ROUTES if route.method == "POST" and "RecordingSid" in str(route.path)]


@pytest.mark.parametrize("route", CURRENT_ROUTES, ids=[route.key for route in CURRENT_ROUTES])
def test_foreign_current_recording_is_not_found(client: FunctionClient, tenants: Tenants, route: Route) -> None:
    """`Twilio.CURRENT` below another account's call or conference is not found."""
    before = tenants.all_foreign_items()
    theirs = tenants.ids(foreign=True, route=route)
    own = {"AccountSid": tenants.own.account}
    compared = []
    for source in (theirs, ABSENT):
        ids = {**{name: source[name] for name in theirs}, **own}
        path = _path(client, route, ids, {"RecordingSid": "Twilio.CURRENT"})
        sids = {name: client.sid(KINDS[name], identifier) for name, identifier in ids.items()}
        compared.append(_comparable(client.request("POST", path, form={"Status": "stopped"}), sids))
    assert compared[0] == compared[1]
    assert compared[0][0] == 404
    assert tenants.all_foreign_items() == before


NAME_ROUTES = [route for route in ROUTES if route.operation == "update_conference"]


@pytest.mark.parametrize("route", NAME_ROUTES, ids=[route.key for route in NAME_ROUTES])
@pytest.mark.parametrize("form", FORMS["update_conference"])
def test_foreign_friendly_names_are_not_found(
    client: FunctionClient, tenants: Tenants, route: Route, form: dict[str, str] | None
) -> None:
    """A friendly name of another account's conference is not found."""
    before = tenants.all_foreign_items()
    compared = []
    for name in ("Theirs", "Unknown"):
        path = _path(client, route, {"AccountSid": tenants.own.account}, {"ConferenceSid": name})
        compared.append(_comparable(client.request("POST", path, form=form), {"NAME": name}))
    assert compared[0] == compared[1]
    assert compared[0][0] == 404
    assert tenants.all_foreign_items() == before
