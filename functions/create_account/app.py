"""Create an account, with an auth token and a signing key that are shown this once.

No route: `{"account_sid", "media_access"}`, both optional: an id that exists elsewhere is kept, and who may fetch audio
is `authenticated` or `vendor`, where that is not as for other accounts.
"""

from typing import Annotated, Any

from tapedeck.dialects.dialect import Kind
from tapedeck.domain.account import MediaAccess
from tapedeck.edge.task import Office, Task, both_spellings, sid_of
from tapedeck.wiring import task


class CreateAccount(Task):
    """Which id to use, a fresh one if none is given; who may fetch audio."""

    account_sid: Annotated[str, sid_of(Kind.ACCOUNT)] | None = None
    media_access: MediaAccess | None = None


@task("create_account", CreateAccount)
def handler(office: Office, event: CreateAccount) -> dict[str, Any]:
    """Answer with the account in both spellings, and its secrets."""
    made = office.accounts.create(account=event.account_sid, media_access=event.media_access)
    sid = both_spellings(Kind.ACCOUNT, made.account)
    return {"account_sid": sid, "auth_token": made.auth_token, "signing_key": made.signing_key}
