"""Create a second auth token for an account. Both are valid until `revoke_auth_token` removes the older one.

No route: `{"account_sid"}`.
"""

from typing import Annotated, Any

from tapedeck.admin.endpoint import AdminRequest, AdminServices, format_sid_in_both_dialects, sid_of
from tapedeck.bootstrap.account_administration import account_admin_function
from tapedeck.dialects.dialect import ResourceType


class RotateAuthToken(AdminRequest):
    """The account."""

    account_sid: Annotated[str, sid_of(ResourceType.ACCOUNT)]


@account_admin_function("rotate_auth_token", RotateAuthToken)
def handler(services: AdminServices, event: RotateAuthToken) -> dict[str, Any]:
    """Return the new token, which is shown only here."""
    token = services.accounts.rotate_auth_token(event.account_sid)
    return {"account_sid": format_sid_in_both_dialects(ResourceType.ACCOUNT, event.account_sid), "auth_token": token}
