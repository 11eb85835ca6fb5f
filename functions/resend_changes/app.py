"""Tell of changes again that could not be told of, as they lie in the bucket of failures.

No route: `{"most"}`, optional: how many failed batches at a time, 100 unless said otherwise.
"""

from typing import Annotated, Any

from pydantic import Field

from tapedeck.admin.endpoint import AdminRequest
from tapedeck.background.handlers import BackgroundServices
from tapedeck.bootstrap.background import admin_function


class ResendChanges(AdminRequest):
    """How much at a time."""

    most: Annotated[int, Field(ge=1, le=1000)] = 100


@admin_function("resend_changes", ResendChanges)
def handler(services: BackgroundServices, event: ResendChanges) -> dict[str, Any]:
    """Answer with how many changes were told of, and whether there are more."""
    told, more = services.redrive.run(event.most)
    return {"told": told, "more": more}
