"""Five warm processes with a credential cache each: rotation without an outage, revocation within 60 seconds."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from tapedeck.domain.errors import NotAuthenticated
from tapedeck.operations.accounts import Accounts
from tapedeck.operations.authentication import Authenticator
from tests.functions.background_world import World

OFFSETS = (0, 7, 19, 41, 59)
"""The seconds at which the processes have read the credentials first: their caches end at different times."""


@dataclass
class Processes:
    """Five authenticators over one table and one clock; each verifies the same credentials once a second."""

    world: World
    all: list[Authenticator]

    @property
    def accounts(self) -> Accounts:
        """The operator's functions, which run in a process of their own."""
        return self.world.accounts

    def seconds(self, until: int, verify: Callable[[Authenticator], object]) -> Iterator[tuple[int, list[bool]]]:
        """Yield, for each second, whether each process that has begun accepts the credentials."""
        for second in range(until):
            begun = [process for process, offset in zip(self.all, OFFSETS, strict=True) if offset <= second]
            yield second, [_accepts(verify, process) for process in begun]
            self.world.clock.step(1)


def _accepts(verify: Callable[[Authenticator], object], process: Authenticator) -> bool:
    try:
        verify(process)
    except NotAuthenticated:
        return False
    return True


@pytest.fixture
def processes(world: World) -> Processes:
    """Five processes that have verified nothing yet."""
    store = world.accounts._credentials
    return Processes(world, [Authenticator(store, world.clock, 60) for _ in OFFSETS])


def test_a_token_is_rotated_without_an_outage(processes: Processes) -> None:
    """No process rejects the token that its clients use: the old one until minute 3, the new one afterwards.

    The new token is made in minute 2 and the old one is revoked in minute 4; a minute later no process accepts it.
    """
    made = processes.accounts.create()
    account, old = made.account, made.auth_token
    current = [old]
    verified: list[list[bool]] = []
    new = ""
    for second, accepted in processes.seconds(360, lambda process: process.verify_account(account, current[0])):
        verified.append(accepted)
        match second:
            case 120:
                new = processes.accounts.rotate_auth_token(account)
            case 180:
                current[0] = new
            case 240:
                processes.accounts.revoke_old_auth_token(account)
            case 300:
                assert not any(
                    _accepts(lambda process: process.verify_account(account, old), each) for each in processes.all
                )
    assert verified == [[True] * sum(offset <= second for offset in OFFSETS) for second in range(360)]


@pytest.mark.parametrize("kind", ["key", "key of an account", "token"])
def test_what_is_revoked_is_rejected_within_a_minute(processes: Processes, kind: str) -> None:
    """Each process accepts a revoked secret until its own cache ends, none of them after 60 seconds.

    A cache ends 60 seconds after the table was read, and not after the last use.
    """
    made = processes.accounts.create()
    key = processes.accounts.issue_api_key(made.account)
    processes.accounts.rotate_auth_token(made.account)

    def verify(process: Authenticator) -> object:
        if kind == "key":
            return process.verify_api_key(key.key, key.secret)
        return process.verify_account(made.account, made.auth_token if kind == "token" else key.secret)

    last: dict[int, int] = {}
    for second, accepted in processes.seconds(200, verify):
        last |= {number: second for number, is_accepted in enumerate(accepted) if is_accepted}
        if second == 100:
            if kind == "token":
                processes.accounts.revoke_old_auth_token(made.account)
            else:
                processes.accounts.revoke_api_key(made.account, key.key)
    # The caches that were filled at 0, 7, 19, 41 and 59 are filled again every 60 seconds.
    assert last == {0: 119, 1: 126, 2: 138, 3: 100, 4: 118}
    assert max(last.values()) <= 160
