"""Create an account, with an auth token and a signing key that are shown this once.

No route: `{"account_sid", "media_access"}`, both optional: an id that exists elsewhere is kept, and who may fetch audio
is `authenticated` or `vendor`, where that is not as for other accounts.
"""

from typing import Annotated, Any

from tapedeck.admin.endpoint import AdminRequest, AdminServices, both_spellings, sid_of
from tapedeck.bootstrap.http import admin_function
from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.account import MediaAccess


class CreateAccount(AdminRequest):
    """Which id to use, a fresh one if none is given; who may fetch audio."""

    account_sid: Annotated[str, sid_of(ResourceType.ACCOUNT)] | None = None
    media_access: MediaAccess | None = None


@admin_function("create_account", CreateAccount)
def handler(services: AdminServices, event: CreateAccount) -> dict[str, Any]:
    """Answer with the account in both spellings, and its secrets."""
    made = services.accounts.create(account=event.account_sid, media_access=event.media_access)
    sid = both_spellings(ResourceType.ACCOUNT, made.account)
    return {"account_sid": sid, "auth_token": made.auth_token, "signing_key": made.signing_key}
