"""List the callbacks of a recording, a conference or a call, pending ones included, with every delivery attempt.

No route: `{"account_sid", "sid"}`, each in either format; `sid` is that of a recording, a conference or a call.
"""

from typing import Annotated, Any

from tapedeck.admin.callbacks import CallbackResourceSid, describe_delivery
from tapedeck.admin.endpoint import AdminRequest, sid_of
from tapedeck.background.handlers import BackgroundServices
from tapedeck.bootstrap.background import background_admin_function
from tapedeck.dialects.dialect import ResourceType


class ListCallbacks(AdminRequest):
    """The account, and the recording, conference or call."""

    account_sid: Annotated[str, sid_of(ResourceType.ACCOUNT)]
    sid: CallbackResourceSid


@background_admin_function("list_callbacks", ListCallbacks)
def handler(services: BackgroundServices, event: ListCallbacks) -> dict[str, Any]:
    """Return all callbacks, in the order of the changes that they report."""
    return {"callbacks": [describe_delivery(each) for each in services.callbacks.of(event.account_sid, event.sid)]}
