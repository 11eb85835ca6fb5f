"""Deliver a callback again, in any state, with the same idempotency token, body and signature.

No route: `{"account_sid", "sid", "callback"}`; `sid` is that of a recording, a conference or a call, `callback`
an id that `list_callbacks` shows.
"""

from typing import Annotated, Any

from tapedeck.admin.callbacks import CallbackResourceSid, describe_delivery
from tapedeck.admin.endpoint import AdminRequest, sid_of
from tapedeck.background.handlers import BackgroundServices
from tapedeck.bootstrap.background import background_admin_function
from tapedeck.dialects.dialect import ResourceType


class ReplayCallback(AdminRequest):
    """The account, the recording, conference or call, and the callback's id."""

    account_sid: Annotated[str, sid_of(ResourceType.ACCOUNT)]
    sid: CallbackResourceSid
    callback: str


@background_admin_function("replay_callback", ReplayCallback)
def handler(services: BackgroundServices, event: ReplayCallback) -> dict[str, Any]:
    """Return the callback, which is queued again."""
    return {"callback": describe_delivery(services.callbacks.replay(event.account_sid, event.sid, event.callback))}
