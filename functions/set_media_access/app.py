"""Set who may fetch the audio of an account's recordings. Takes effect within 60 seconds.

No route: `{"account_sid", "media_access"}`: `authenticated`, `vendor`, or `default` for the deployment's setting.
"""

from typing import Annotated, Any, Literal

from tapedeck.admin.endpoint import AdminRequest, AdminServices, format_sid_in_both_dialects, sid_of
from tapedeck.bootstrap.account_administration import account_admin_function
from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.account import MediaAccess


class SetMediaAccess(AdminRequest):
    """The account, and who may fetch its audio."""

    account_sid: Annotated[str, sid_of(ResourceType.ACCOUNT)]
    media_access: Literal["authenticated", "vendor", "default"]


@account_admin_function("set_media_access", SetMediaAccess)
def handler(services: AdminServices, event: SetMediaAccess) -> dict[str, Any]:
    """Return the account and its setting."""
    access = None if event.media_access == "default" else MediaAccess(event.media_access)
    services.accounts.set_media_access(event.account_sid, access)
    return {
        "account_sid": format_sid_in_both_dialects(ResourceType.ACCOUNT, event.account_sid),
        "media_access": event.media_access,
    }
