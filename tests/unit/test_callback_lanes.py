"""The FIFO groups of callbacks divide the senders among accounts and hosts."""

from dataclasses import replace
from typing import Final

import pytest

from tapedeck.background.callback_lanes import group_of
from tapedeck.domain.delivery import CallbackDelivery

DELIVERY: Final = CallbackDelivery(
    account="a" * 32, resource_id="b" * 32, sequence=1, event="completed", dialect="twilio",
    url="https://app.example.com/hooks", method="POST", body="", idempotency_token="t", created=0,
)  # fmt: skip


def groups(hosts: int, concurrency: int, accounts: int = 1) -> set[str]:
    """Return the groups of 2,000 deliveries to these hosts."""
    return {
        group_of(
            replace(
                DELIVERY,
                account=f"{number % accounts:032}",
                resource_id=f"{number:032x}",
                url=f"https://{number % hosts}.example.com/",
            ),
            concurrency,
        )
        for number in range(2_000)
    }


@pytest.mark.parametrize(
    ("concurrency", "of_account", "of_host"), [(2, 1, 1), (3, 2, 1), (5, 3, 2), (8, 4, 2), (9, 5, 3), (100, 50, 25)]
)
def test_an_account_and_a_host_have_shares(concurrency: int, of_account: int, of_host: int) -> None:
    """One host of an account has a quarter of the groups, rounded up; all its hosts together have half of them."""
    assert len(groups(1, concurrency)) == of_host
    assert len(groups(200, concurrency)) == of_account


def test_accounts_share_no_group() -> None:
    """Two accounts have groups of their own, also for the same host: none waits for the other."""
    assert len(groups(1, 5, accounts=2)) == 4


def test_callbacks_of_one_resource_and_host_are_in_one_group() -> None:
    """Neither the path, the user info, the case of the host, the default port nor the event changes the group."""
    same = [
        replace(DELIVERY, sequence=2, event="absent"),
        replace(DELIVERY, url="https://user:password@APP.example.com:443/other?a=1#rc=2"),
    ]
    assert {group_of(delivery, 1_000) for delivery in same} == {group_of(DELIVERY, 1_000)}


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://App.example.com/a", "app.example.com:443"),
        ("http://app.example.com", "app.example.com:80"),
        ("http://user:secret@app.example.com:8080/?x#rc=1", "app.example.com:8080"),
        ("https://[2001:db8::1]:8443/", "2001:db8::1:8443"),
    ],
)
def test_a_host_is_a_name_and_a_port(url: str, host: str) -> None:
    """Two ports of a name are two hosts; nothing else of the URL counts."""
    assert replace(DELIVERY, url=url).host == host
