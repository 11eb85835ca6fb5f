"""Secrets do not appear in the text of the objects that hold them, which a traceback or an assertion may show."""

import pytest

from tapedeck.domain.account import ApiKeyInfo, RequestCredentials
from tapedeck.http.basic_auth import BasicCredentials, parse_basic_auth
from tapedeck.http.request import HttpRequest
from tapedeck.operations.accounts import NewAccount
from tapedeck.operations.api_keys import NewApiKey
from tapedeck_standin.app.runtime import Options
from tapedeck_standin.control.fixtures import ApiKeyFixture
from tapedeck_standin.control.schemas import CreateAccountRequest, CreateApiKeyRequest

SECRET = "a-secret-of-this-test"
ID = "016612f5f27a7b3d8c4f1e2a6d5b9087"


@pytest.mark.parametrize(
    "holder",
    [
        NewApiKey(ID, SECRET, ("Voice",), ApiKeyInfo(ID, "Reports", 1537916400, 1537916400)),
        NewAccount(ID, SECRET, SECRET),
        BasicCredentials(f"AC{ID}", SECRET),
        parse_basic_auth("Basic eDphLXNlY3JldC1vZi10aGlzLXRlc3Q="),
        RequestCredentials(ID, uses_api_key=False, secret=SECRET),
        HttpRequest("POST", "/", "", {}, {"authorization": SECRET}, SECRET.encode()),
        Options(token=SECRET, signing_key=SECRET),
        CreateApiKeyRequest(secret=SECRET),
        ApiKeyFixture(secret=SECRET),
        CreateAccountRequest(token=SECRET),
    ],
    ids=lambda holder: type(holder).__name__,
)
def test_the_text_of_an_object_has_no_secret(holder: object) -> None:
    """Neither `repr` nor `str` of a holder has its secrets."""
    assert type(holder).__name__ in repr(holder)
    assert SECRET not in repr(holder)
    assert SECRET not in str(holder)
