"""Credentials of HTTP Basic authentication, which are parsed strictly (REL-12)."""

from typing import Any

import pytest

from tapedeck.domain.errors import CredentialsMissing, NotAuthenticated
from tapedeck.http.basic_auth import BasicCredentials, authenticate, parse_basic_auth, user_of
from tapedeck.operations.authentication import Authenticator

USER = "AC5f0c3b1e8d274a69b7c2d41e9a60f835"
ENCODED = "QUM1ZjBjM2IxZThkMjc0YTY5YjdjMmQ0MWU5YTYwZjgzNTpzZWNyZXQ6eA=="


@pytest.mark.parametrize("header", [f"Basic {ENCODED}", f"basic {ENCODED}", f"BASIC  {ENCODED} "])
def test_reads_user_and_secret(header: str) -> None:
    """The secret begins after the first colon; the scheme may have any case, with spaces around the base64."""
    assert parse_basic_auth(header) == BasicCredentials(USER, "secret:x")
    assert user_of(header) == USER


@pytest.mark.parametrize(
    "encoded",
    [
        ENCODED[:8] + "*" + ENCODED[8:],
        ENCODED[:8] + "\n" + ENCODED[8:],
        ENCODED[:8] + " " + ENCODED[8:],
        ENCODED[:8] + "-_" + ENCODED[8:],
        ENCODED + "QUJD",
        ENCODED.rstrip("="),
        ENCODED + "=",
        "=",
        "é",
        "/////w==",
        "",
    ],
)
def test_rejects_lax_base64(encoded: str) -> None:
    """Bytes outside the alphabet, missing or superfluous padding, and text that is not UTF-8 are rejected."""
    with pytest.raises(NotAuthenticated):
        parse_basic_auth(f"Basic {encoded}")
    assert user_of(f"Basic {encoded}") == ""


@pytest.mark.parametrize(
    ("header", "error"),
    [
        (None, CredentialsMissing),
        ("", CredentialsMissing),
        (f"Bearer {ENCODED}", NotAuthenticated),
        (ENCODED, NotAuthenticated),
        ("Basic QUMx", NotAuthenticated),
        ("Basic QUMxOg==", NotAuthenticated),
    ],
)
def test_needs_a_user_and_a_secret(header: str | None, error: type[Exception]) -> None:
    """A missing header has its own error; another scheme, a missing colon and an empty secret are rejected."""
    with pytest.raises(error):
        parse_basic_auth(header)


class _UnreadStore:
    """A table that must not be read."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(name)


@pytest.mark.parametrize(
    "user", ["", "me", USER.lower(), USER[:-1], USER + "0", "CA" + USER[2:], "sk" + USER[2:], "SK" + "g" * 32]
)
def test_a_malformed_user_is_rejected_without_a_read(user: str) -> None:
    """A user that is neither the sid of an account nor that of an API key is rejected without a read of the table."""
    store: Any = _UnreadStore()
    with pytest.raises(NotAuthenticated):
        authenticate(BasicCredentials(user, "secret"), Authenticator(store, lambda: 0, 60))
