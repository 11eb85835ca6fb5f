"""Set for which updates of an account's recordings a request waits. Takes effect within 60 seconds.

No route: `{"account_sid", "confirm"}`: `none`, `pause`, `pause+stop`, or `default` for the deployment's setting.
"""

from typing import Annotated, Any, Literal

from tapedeck.admin.endpoint import AdminRequest, AdminServices, format_sid_in_both_dialects, sid_of
from tapedeck.bootstrap.account_administration import account_admin_function
from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.account import ConfirmUpdates


class SetConfirm(AdminRequest):
    """The account, and which updates of its recordings the media engine confirms before they are answered."""

    account_sid: Annotated[str, sid_of(ResourceType.ACCOUNT)]
    confirm: Literal["none", "pause", "pause+stop", "default"]


@account_admin_function("set_confirm", SetConfirm)
def handler(services: AdminServices, event: SetConfirm) -> dict[str, Any]:
    """Return the account and its setting."""
    confirm = None if event.confirm == "default" else ConfirmUpdates(event.confirm)
    services.accounts.set_confirm(event.account_sid, confirm)
    return {
        "account_sid": format_sid_in_both_dialects(ResourceType.ACCOUNT, event.account_sid),
        "confirm": event.confirm,
    }
