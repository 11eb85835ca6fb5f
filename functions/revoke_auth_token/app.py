"""Revoke the older of an account's two auth tokens. Takes effect within 60 seconds (the credential cache).

No route: `{"account_sid"}`.
"""

from typing import Annotated, Any

from tapedeck.admin.endpoint import AdminRequest, AdminServices, format_sid_in_both_dialects, sid_of
from tapedeck.bootstrap.account_administration import account_admin_function
from tapedeck.dialects.dialect import ResourceType


class RevokeAuthToken(AdminRequest):
    """The account."""

    account_sid: Annotated[str, sid_of(ResourceType.ACCOUNT)]


@account_admin_function("revoke_auth_token", RevokeAuthToken)
def handler(services: AdminServices, event: RevokeAuthToken) -> dict[str, Any]:
    """Return the account's sid."""
    services.accounts.revoke_old_auth_token(event.account_sid)
    return {"account_sid": format_sid_in_both_dialects(ResourceType.ACCOUNT, event.account_sid), "revoked": True}
