"""Tell a callback once more, whatever became of it: with the same token, body and signature.

No route: `{"account_sid", "sid", "callback"}`; `sid` is that of a recording or a conference, `callback` an id that
`list_callbacks` shows.
"""

from typing import Annotated, Any

from tapedeck.background import admin_function
from tapedeck.dialects.dialect import ResourceType
from tapedeck.edge.batches import BackgroundServices
from tapedeck.edge.callback_tasks import SubjectSid, describe_delivery
from tapedeck.edge.task import AdminRequest, sid_of


class ReplayCallback(AdminRequest):
    """Whose, of what, and which."""

    account_sid: Annotated[str, sid_of(ResourceType.ACCOUNT)]
    sid: SubjectSid
    callback: str


@admin_function("replay_callback", ReplayCallback)
def handler(services: BackgroundServices, event: ReplayCallback) -> dict[str, Any]:
    """Answer with the callback, which is on its way."""
    return {"callback": describe_delivery(services.callbacks.replay(event.account_sid, event.sid, event.callback))}
