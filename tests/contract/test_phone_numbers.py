"""The contract of `ports.phone_numbers`, over the database under test."""

import secrets
from dataclasses import replace

import pytest

from tapedeck.bootstrap import http as api_bootstrap
from tapedeck.domain.identity import new_id
from tapedeck.domain.page import ALL_TIME, ids_of
from tapedeck.domain.phone_number import PhoneNumber
from tapedeck.ports.phone_numbers import PhoneNumberStore
from tests.conftest import TestAccount

NOW = 1_537_916_400


@pytest.fixture
def store(account: TestAccount) -> PhoneNumberStore:
    """The store over the database under test."""
    del account  # creates the tables
    found: PhoneNumberStore = api_bootstrap.get_api_services().phone_numbers._store
    return found


def make(account: str, second: int = 0) -> PhoneNumber:
    """Return a number that no account has, created at this second."""
    number = f"+1404{secrets.randbelow(10**7):07}"
    return PhoneNumber(account, new_id((NOW + second) * 1000), number, "Line", 1, NOW, voice_url="https://a.example/")


def test_is_found_by_id_and_by_number(store: PhoneNumberStore, account: TestAccount) -> None:
    """A number is found by its account and id, and by the number alone; not by another account."""
    made = make(account.id)
    assert store.put_phone_number(made)
    assert store.get_phone_number(account.id, made.id) == made
    assert store.find_phone_number(made.number) == made
    assert store.get_phone_number("0" * 32, made.id) is None
    assert store.get_phone_number(account.id, "0" * 32) is None
    assert store.find_phone_number(make(account.id).number) is None


def test_a_number_is_held_once(store: PhoneNumberStore, account: TestAccount) -> None:
    """A repeated creation succeeds; another one of the same number fails and stores nothing."""
    made = make(account.id)
    assert store.put_phone_number(made)
    assert store.put_phone_number(made)
    other = replace(made, account="0" * 32, id=new_id(NOW * 1000))
    assert not store.put_phone_number(other)
    assert store.get_phone_number(other.account, other.id) is None
    assert store.find_phone_number(made.number) == made
    assert store.find_taken([made.number, make(account.id).number]) == {made.number}


def test_is_replaced_in_its_version_only(store: PhoneNumberStore, account: TestAccount) -> None:
    """A change of the current version is stored in both places; one of another version is not."""
    made = make(account.id)
    assert store.put_phone_number(made)
    changed = replace(made, version=2, voice_url=None, friendly_name="Other")
    assert store.replace_phone_number(changed, 1)
    assert not store.replace_phone_number(replace(changed, version=3), 1)
    assert store.get_phone_number(account.id, made.id) == changed
    assert store.find_phone_number(made.number) == changed
    assert not store.replace_phone_number(replace(make(account.id), version=2), 1)


def test_is_released(store: PhoneNumberStore, account: TestAccount) -> None:
    """A released number is in neither place, and another account may hold it; a second release does nothing."""
    made = make(account.id)
    assert store.put_phone_number(made)
    assert store.delete_phone_number(made)
    assert store.get_phone_number(account.id, made.id) is None
    assert store.find_phone_number(made.number) is None
    again = replace(made, account="0" * 32, id=new_id(NOW * 1000))
    assert store.put_phone_number(again)
    assert not store.delete_phone_number(made)
    assert store.find_phone_number(made.number) == again


def test_are_listed_newest_first(store: PhoneNumberStore, account: TestAccount) -> None:
    """The numbers of an account are read in ranges of their ids, newest first."""
    made = [make(account.id, second) for second in range(3)]
    for each in made:
        assert store.put_phone_number(each)
    first = store.phone_numbers(account.id)(ids_of(ALL_TIME), 2)
    assert (list(first.items), first.last) == ([made[2], made[1]], made[1].id)
    rest = store.phone_numbers(account.id)(ids_of(ALL_TIME).after(made[1].id), 2)
    assert (list(rest.items), rest.last) == ([made[0]], None)
    assert list(store.phone_numbers(new_id(NOW))(ids_of(ALL_TIME), 2).items) == []
