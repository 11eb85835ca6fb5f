"""Fixtures of the literal tests, which write out a whole request and a whole response.

Their account is 5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c, with auth token 3c1f9a7be2d04856b1a7c93e5d20f864.
Their clock starts at 23:00:00.250 UTC on 25 September 2018 (second 1537916400); only `clock.step` advances it.
"""

import base64
from collections.abc import Callable, Mapping
from types import SimpleNamespace

import pytest

from tapedeck.admin.endpoint import AdminServices
from tapedeck.dialects.selection import TWILIO
from tapedeck.domain import identity
from tapedeck.http.services import ApiServices
from tests.client import Answer, FunctionClient
from tests.functions.stage import Stage

_ACCOUNT = "5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
_AUTH_TOKEN = "3c1f9a7be2d04856b1a7c93e5d20f864"


class Api:
    """Sends requests to the functions exactly as they are written: method, path, credentials, form."""

    def request(
        self,
        method: str,
        path: str,
        *,
        auth: tuple[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request and return the response.

        Args:
            method: the HTTP method.
            path: the path, with its query.
            auth: the user and the password of Basic authentication; None sends no credentials.
            form: the fields of a form, sent as `application/x-www-form-urlencoded`; None sends no body.
            headers: other headers, such as `Host`.
        """
        basic = None if auth is None else "Basic " + base64.b64encode(":".join(auth).encode()).decode()
        client = FunctionClient(TWILIO, _ACCOUNT, _AUTH_TOKEN)  # its dialect matters only for what is not passed here
        return client.request(method, path, form=form, headers=headers, authorization=basic)


@pytest.fixture(scope="session")
def example_account(administration: AdminServices) -> str:
    """The account of the literal tests: 5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c, with a fixed auth token."""
    administration.accounts.create(account=_ACCOUNT, auth_token=_AUTH_TOKEN)
    return _ACCOUNT


@pytest.fixture
def example(example_account: str, make_stage: Callable[[str], Stage]) -> Stage:
    """Create resources of account 5ef8c0ff…; the clock starts at 23:00:00 on 25 September 2018."""
    return make_stage(example_account)


@pytest.fixture
def api(example_account: str, service: ApiServices) -> Api:
    """A client of the functions, on the test's own clock; account 5ef8c0ff… exists."""
    del example_account, service  # the credentials and the functions' services must exist
    return Api()


@pytest.fixture
def fix_new_ids(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Replace the random bits of all ids that the functions generate by those of one id, so that a test knows them."""

    def fix(identifier: str) -> None:
        value = int(identifier, 16)
        bits = {74: (value >> 64 & 0xFFF) << 62 | value & (1 << 62) - 1}
        monkeypatch.setattr(identity, "secrets", SimpleNamespace(randbits=bits.__getitem__))

    return fix
