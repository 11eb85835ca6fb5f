"""Show what was told, or is to be told, of a recording or a conference, and every attempt to tell it.

No route: `{"account_sid", "sid"}`, each in either spelling; `sid` is that of a recording or a conference.
"""

from typing import Annotated, Any

from tapedeck.background import task
from tapedeck.dialects.dialect import Kind
from tapedeck.edge.batches import Hub
from tapedeck.edge.callback_tasks import SubjectSid, write_claim
from tapedeck.edge.task import Task, sid_of


class ListCallbacks(Task):
    """Whose, and of what."""

    account_sid: Annotated[str, sid_of(Kind.ACCOUNT)]
    sid: SubjectSid


@task("list_callbacks", ListCallbacks)
def handler(hub: Hub, event: ListCallbacks) -> dict[str, Any]:
    """Answer with all callbacks, what happened first first."""
    return {"callbacks": [write_claim(claim) for claim in hub.deliveries.of(event.account_sid, event.sid)]}
