"""Issue an API key for an account. Its secret is returned only here.

No route: `{"account_sid", "scopes"}`; scopes are SignalWire's and default to `["Voice"]`, which every operation needs.
"""

from typing import Annotated, Any

from pydantic import Field

from tapedeck.admin.endpoint import AdminRequest, AdminServices, format_api_key_sid, sid_of
from tapedeck.bootstrap.account_administration import account_admin_function
from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.account import VOICE, Scope


class IssueApiKey(AdminRequest):
    """The account, and the scopes of the new key."""

    account_sid: Annotated[str, sid_of(ResourceType.ACCOUNT)]
    scopes: Annotated[tuple[Scope, ...], Field(min_length=1, max_length=20)] = (VOICE,)


@account_admin_function("issue_api_key", IssueApiKey)
def handler(services: AdminServices, event: IssueApiKey) -> dict[str, Any]:
    """Return the key: user and password in Twilio's dialect; its secret is SignalWire's API token."""
    made = services.accounts.issue_api_key(event.account_sid, frozenset(event.scopes))
    return {"api_key_sid": format_api_key_sid(made.key), "secret": made.secret, "scopes": list(made.scopes)}
