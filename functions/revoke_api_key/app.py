"""Revoke an API key: within a minute it opens nothing.

No route: `{"account_sid", "api_key_sid"}`.
"""

from typing import Annotated, Any

from tapedeck.dialects.dialect import Kind
from tapedeck.edge.task import Office, Task, sid_of, spell_api_key
from tapedeck.wiring import task


class RevokeApiKey(Task):
    """Whose key it is, and which."""

    account_sid: Annotated[str, sid_of(Kind.ACCOUNT)]
    api_key_sid: Annotated[str, sid_of(Kind.API_KEY)]


@task("revoke_api_key", RevokeApiKey)
def handler(office: Office, event: RevokeApiKey) -> dict[str, Any]:
    """Answer with the key that is no more."""
    office.accounts.revoke_api_key(event.account_sid, event.api_key_sid)
    return {"api_key_sid": spell_api_key(event.api_key_sid), "revoked": True}
