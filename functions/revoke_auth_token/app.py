"""Revoke the older of an account's two auth tokens: within a minute it opens nothing.

No route: `{"account_sid"}`.
"""

from typing import Annotated, Any

from tapedeck.admin.endpoint import AdminRequest, AdminServices, both_spellings, sid_of
from tapedeck.bootstrap.http import admin_function
from tapedeck.dialects.dialect import ResourceType


class RevokeAuthToken(AdminRequest):
    """Whose token it is."""

    account_sid: Annotated[str, sid_of(ResourceType.ACCOUNT)]


@admin_function("revoke_auth_token", RevokeAuthToken)
def handler(services: AdminServices, event: RevokeAuthToken) -> dict[str, Any]:
    """Answer with the account whose older token is no more."""
    services.accounts.revoke_old_auth_token(event.account_sid)
    return {"account_sid": both_spellings(ResourceType.ACCOUNT, event.account_sid), "revoked": True}
