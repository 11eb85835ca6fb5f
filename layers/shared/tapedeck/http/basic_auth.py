"""HTTP Basic credentials, read strictly (behaviour.md, section 2; rule R12)."""

import base64
import binascii

from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.selection import TWILIO, parse_any_sid
from tapedeck.domain.account import Principal
from tapedeck.domain.errors import CredentialsMissing, NotAuthenticated
from tapedeck.operations.authentication import Authenticator


def authenticate(authorization: str | None, authenticator: Authenticator) -> Principal:
    """Who sent this `Authorization` header: an account's id in either spelling, or an API key's sid, and a secret.

    A user name of another form never reaches the table.

    Raises:
        CredentialsMissing: there is no such header.
        NotAuthenticated: it is not Basic, or not right.
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
    account = parse_any_sid(ResourceType.ACCOUNT, user)
    if account is not None:
        return authenticator.verify_account(account, secret)
    key = TWILIO.parse_sid(ResourceType.API_KEY, user)
    if key is None:
        raise NotAuthenticated
    return authenticator.verify_api_key(key, secret)
