"""Revoke an API key. Takes effect everywhere within 60 seconds (the credential cache).

No route: `{"account_sid", "api_key_sid"}`.
"""

from typing import Annotated, Any

from tapedeck.admin.endpoint import AdminRequest, AdminServices, format_api_key_sid, sid_of
from tapedeck.bootstrap.account_administration import account_admin_function
from tapedeck.dialects.dialect import ResourceType


class RevokeApiKey(AdminRequest):
    """The account, and the key."""

    account_sid: Annotated[str, sid_of(ResourceType.ACCOUNT)]
    api_key_sid: Annotated[str, sid_of(ResourceType.API_KEY)]


@account_admin_function("revoke_api_key", RevokeApiKey)
def handler(services: AdminServices, event: RevokeApiKey) -> dict[str, Any]:
    """Return the revoked key's sid."""
    services.accounts.revoke_api_key(event.account_sid, event.api_key_sid)
    return {"api_key_sid": format_api_key_sid(event.api_key_sid), "revoked": True}
