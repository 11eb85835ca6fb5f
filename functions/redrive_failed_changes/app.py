"""Publish the changes again that failed and were saved to the failed-batches bucket.

No route: `{"max_batches"}`, optional: how many failed batches to process in one run; default 100.
"""

from typing import Annotated, Any

from pydantic import Field

from tapedeck.admin.endpoint import AdminRequest
from tapedeck.background.handlers import BackgroundServices
from tapedeck.bootstrap.background import background_admin_function


class RedriveFailedChanges(AdminRequest):
    """The number of batches in one run."""

    max_batches: Annotated[int, Field(ge=1, le=1000)] = 100


@background_admin_function("redrive_failed_changes", RedriveFailedChanges)
def handler(services: BackgroundServices, event: RedriveFailedChanges) -> dict[str, Any]:
    """Return how many changes were published, and whether more batches may be left."""
    published, more = services.redrive.run(event.max_batches)
    return {"published": published, "more": more}
