"""HTTP Basic credentials, parsed strictly (REL-12)."""

import base64
import binascii
from contextlib import suppress
from dataclasses import dataclass, field

from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.selection import TWILIO, parse_any_sid
from tapedeck.domain.account import RequestCredentials
from tapedeck.domain.errors import CredentialsMissing, NotAuthenticated
from tapedeck.operations.authentication import Authenticator


@dataclass(frozen=True, slots=True)
class BasicCredentials:
    """A user name and a secret, as sent: neither is checked."""

    user: str
    secret: str = field(repr=False)


def parse_basic_auth(authorization: str | None) -> BasicCredentials:
    """Parse an `Authorization` header.

    Raises:
        CredentialsMissing: the header is missing.
        NotAuthenticated: the header is malformed or not Basic, or has no secret.
    """
    if not authorization:
        raise CredentialsMissing
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        raise NotAuthenticated
    try:
        user, separator, secret = base64.b64decode(encoded.strip(), validate=True).decode("utf-8").partition(":")
    except (binascii.Error, ValueError) as error:
        raise NotAuthenticated from error
    if not separator or not secret:
        raise NotAuthenticated
    return BasicCredentials(user, secret)


def user_of(authorization: str | None) -> str:
    """Return the user name of an `Authorization` header, not verified; empty if the header is missing or malformed."""
    with suppress(NotAuthenticated):
        return parse_basic_auth(authorization).user
    return ""


def authenticate(
    credentials: BasicCredentials, authenticator: Authenticator, *, accepts_cached: bool = True
) -> RequestCredentials:
    """Authenticate an account id or an API key sid, and its secret.

    The account id may have either vendor's form (C-5). A malformed user name is rejected without a read of the table.
    With `accepts_cached`, an earlier success of this process suffices.

    Raises:
        NotAuthenticated: the credentials are wrong.
    """
    user, secret = credentials.user, credentials.secret
    account = parse_any_sid(ResourceType.ACCOUNT, user)
    if account is not None:
        principal = authenticator.verify_account(account, secret, accepts_cached=accepts_cached)
    else:
        key = TWILIO.parse_sid(ResourceType.API_KEY, user)
        if key is None:
            raise NotAuthenticated
        principal = authenticator.verify_api_key(key, secret, accepts_cached=accepts_cached)
    return RequestCredentials(principal.account, principal.uses_api_key, secret)
