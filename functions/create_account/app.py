"""Create an account. Its auth token and signing key are returned only here.

No route: `{"account_sid", "media_access"}`, both optional. `account_sid` keeps the id of an existing vendor account.
`media_access` (`authenticated` or `vendor`) overrides the deployment's default for this account.
"""

from typing import Annotated, Any

from tapedeck.admin.endpoint import AdminRequest, AdminServices, format_sid_in_both_dialects, sid_of
from tapedeck.bootstrap.account_administration import account_admin_function
from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.account import MediaAccess


class CreateAccount(AdminRequest):
    """The id to use (default: a new one), and who may fetch audio."""

    account_sid: Annotated[str, sid_of(ResourceType.ACCOUNT)] | None = None
    media_access: MediaAccess | None = None


@account_admin_function("create_account", CreateAccount)
def handler(services: AdminServices, event: CreateAccount) -> dict[str, Any]:
    """Return the account's sid in both formats, and its secrets."""
    made = services.accounts.create(account=event.account_sid, media_access=event.media_access)
    sid = format_sid_in_both_dialects(ResourceType.ACCOUNT, made.account)
    return {"account_sid": sid, "auth_token": made.auth_token, "signing_key": made.signing_key}
