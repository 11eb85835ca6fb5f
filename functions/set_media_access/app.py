"""Set who may fetch the audio of an account's recordings: within a minute it holds everywhere.

No route: `{"account_sid", "media_access"}`: `authenticated`, `vendor`, or `default` as for other accounts.
"""

from typing import Annotated, Any, Literal

from tapedeck.admin.endpoint import AdminRequest, AdminServices, both_spellings, sid_of
from tapedeck.bootstrap.http import admin_function
from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.account import MediaAccess


class SetMediaAccess(AdminRequest):
    """Whose audio, and who may fetch it."""

    account_sid: Annotated[str, sid_of(ResourceType.ACCOUNT)]
    media_access: Literal["authenticated", "vendor", "default"]


@admin_function("set_media_access", SetMediaAccess)
def handler(services: AdminServices, event: SetMediaAccess) -> dict[str, Any]:
    """Answer with the account and its rule."""
    access = None if event.media_access == "default" else MediaAccess(event.media_access)
    services.accounts.set_media_access(event.account_sid, access)
    return {"account_sid": both_spellings(ResourceType.ACCOUNT, event.account_sid), "media_access": event.media_access}
