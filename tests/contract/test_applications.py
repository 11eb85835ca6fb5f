"""The contract of `ports.applications`, over the database under test."""

from dataclasses import replace

import pytest

from tapedeck.bootstrap import http as api_bootstrap
from tapedeck.domain.application import Application
from tapedeck.domain.identity import new_id
from tapedeck.domain.page import ALL_TIME, ids_of
from tapedeck.ports.applications import ApplicationStore
from tests.conftest import TestAccount

NOW = 1_537_916_400


@pytest.fixture
def store(account: TestAccount) -> ApplicationStore:
    """The store over the database under test."""
    del account  # creates the tables
    found: ApplicationStore = api_bootstrap.get_api_services().applications._store
    return found


def make(account: str, second: int = 0) -> Application:
    """Return an application that was created at this second."""
    return Application(
        account, new_id((NOW + second) * 1000), "Reception", 1, NOW, voice_url="https://a.example/",
        message_status_callback="https://a.example/messages", public_application_connect_enabled=True,
    )  # fmt: skip


def test_is_found_by_its_account(store: ApplicationStore, account: TestAccount) -> None:
    """An application is found by its account and id; not by another account. A repeated creation succeeds."""
    made = make(account.id)
    assert store.put_application(made)
    assert store.put_application(made)
    assert store.get_application(account.id, made.id) == made
    assert store.get_application("0" * 32, made.id) is None
    assert store.get_application(account.id, "0" * 32) is None


def test_is_replaced_in_its_version_only(store: ApplicationStore, account: TestAccount) -> None:
    """A change of the current version is stored; one of another version, or of no application, is not."""
    made = make(account.id)
    assert store.put_application(made)
    changed = replace(made, version=2, voice_url=None, sms_status_callback="https://a.example/sms")
    assert store.replace_application(changed, 1)
    assert not store.replace_application(replace(changed, version=3), 1)
    assert store.get_application(account.id, made.id) == changed
    assert not store.replace_application(replace(make(account.id), version=2), 1)


def test_is_deleted_once(store: ApplicationStore, account: TestAccount) -> None:
    """A deleted application is gone; a second deletion does nothing."""
    made = make(account.id)
    assert store.put_application(made)
    assert store.delete_application(made)
    assert store.get_application(account.id, made.id) is None
    assert not store.delete_application(made)


def test_are_listed_newest_first(store: ApplicationStore, account: TestAccount) -> None:
    """The applications of an account are read in ranges of their ids, newest first."""
    made = [make(account.id, second) for second in range(3)]
    for each in made:
        assert store.put_application(each)
    first = store.applications(account.id)(ids_of(ALL_TIME), 2)
    assert (list(first.items), first.last) == ([made[2], made[1]], made[1].id)
    rest = store.applications(account.id)(ids_of(ALL_TIME).after(made[1].id), 2)
    assert (list(rest.items), rest.last) == ([made[0]], None)
    assert list(store.applications(new_id(NOW))(ids_of(ALL_TIME), 2).items) == []
