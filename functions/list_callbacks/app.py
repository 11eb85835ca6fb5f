"""Show what was told, or is to be told, of a recording or a conference, and every attempt to tell it.

No route: `{"account_sid", "sid"}`, each in either spelling; `sid` is that of a recording or a conference.
"""

from typing import Annotated, Any

from tapedeck.admin.callbacks import SubjectSid, describe_delivery
from tapedeck.admin.endpoint import AdminRequest, sid_of
from tapedeck.background.handlers import BackgroundServices
from tapedeck.bootstrap.background import admin_function
from tapedeck.dialects.dialect import ResourceType


class ListCallbacks(AdminRequest):
    """Whose, and of what."""

    account_sid: Annotated[str, sid_of(ResourceType.ACCOUNT)]
    sid: SubjectSid


@admin_function("list_callbacks", ListCallbacks)
def handler(services: BackgroundServices, event: ListCallbacks) -> dict[str, Any]:
    """Answer with all callbacks, what happened first first."""
    return {"callbacks": [describe_delivery(claim) for claim in services.callbacks.of(event.account_sid, event.sid)]}
