"""Revoke the older of an account's two auth tokens: within a minute it opens nothing.

No route: `{"account_sid"}`.
"""

from typing import Annotated, Any

from tapedeck.dialects.dialect import Kind
from tapedeck.edge.task import Office, Task, both_spellings, sid_of
from tapedeck.wiring import task


class RevokeAuthToken(Task):
    """Whose token it is."""

    account_sid: Annotated[str, sid_of(Kind.ACCOUNT)]


@task("revoke_auth_token", RevokeAuthToken)
def handler(office: Office, event: RevokeAuthToken) -> dict[str, Any]:
    """Answer with the account whose older token is no more."""
    office.accounts.revoke_old_auth_token(event.account_sid)
    return {"account_sid": both_spellings(Kind.ACCOUNT, event.account_sid), "revoked": True}
