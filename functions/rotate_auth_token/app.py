"""Make a second auth token for an account, shown this once; both are valid until the old one is revoked.

No route: `{"account_sid"}`.
"""

from typing import Annotated, Any

from tapedeck.dialects.dialect import Kind
from tapedeck.edge.task import Office, Task, both_spellings, sid_of
from tapedeck.wiring import task


class RotateAuthToken(Task):
    """Whose token it is."""

    account_sid: Annotated[str, sid_of(Kind.ACCOUNT)]


@task("rotate_auth_token", RotateAuthToken)
def handler(office: Office, event: RotateAuthToken) -> dict[str, Any]:
    """Answer with the new token."""
    token = office.accounts.rotate_auth_token(event.account_sid)
    return {"account_sid": both_spellings(Kind.ACCOUNT, event.account_sid), "auth_token": token}
