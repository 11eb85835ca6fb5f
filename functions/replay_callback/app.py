"""Tell a callback once more, whatever became of it: with the same token, body and signature.

No route: `{"account_sid", "sid", "callback"}`; `sid` is that of a recording or a conference, `callback` an id that
`list_callbacks` shows.
"""

from typing import Annotated, Any

from tapedeck.background import task
from tapedeck.dialects.dialect import Kind
from tapedeck.edge.batches import Hub
from tapedeck.edge.callback_tasks import SubjectSid, write_claim
from tapedeck.edge.task import Task, sid_of


class ReplayCallback(Task):
    """Whose, of what, and which."""

    account_sid: Annotated[str, sid_of(Kind.ACCOUNT)]
    sid: SubjectSid
    callback: str


@task("replay_callback", ReplayCallback)
def handler(hub: Hub, event: ReplayCallback) -> dict[str, Any]:
    """Answer with the callback, which is on its way."""
    return {"callback": write_claim(hub.deliveries.replay(event.account_sid, event.sid, event.callback))}
