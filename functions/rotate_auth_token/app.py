"""Make a second auth token for an account, shown this once; both are valid until the old one is revoked.

No route: `{"account_sid"}`.
"""

from typing import Annotated, Any

from tapedeck.admin.endpoint import AdminRequest, AdminServices, both_spellings, sid_of
from tapedeck.bootstrap.http import admin_function
from tapedeck.dialects.dialect import ResourceType


class RotateAuthToken(AdminRequest):
    """Whose token it is."""

    account_sid: Annotated[str, sid_of(ResourceType.ACCOUNT)]


@admin_function("rotate_auth_token", RotateAuthToken)
def handler(services: AdminServices, event: RotateAuthToken) -> dict[str, Any]:
    """Answer with the new token."""
    token = services.accounts.rotate_auth_token(event.account_sid)
    return {"account_sid": both_spellings(ResourceType.ACCOUNT, event.account_sid), "auth_token": token}
