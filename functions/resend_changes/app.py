"""Tell of changes again that could not be told of, as they lie in the bucket of failures.

No route: `{"most"}`, optional: how many failed batches at a time, 100 unless said otherwise.
"""

from typing import Annotated, Any

from pydantic import Field

from tapedeck.background import task
from tapedeck.edge.batches import Hub
from tapedeck.edge.task import Task


class ResendChanges(Task):
    """How much at a time."""

    most: Annotated[int, Field(ge=1, le=1000)] = 100


@task("resend_changes", ResendChanges)
def handler(hub: Hub, event: ResendChanges) -> dict[str, Any]:
    """Answer with how many changes were told of, and whether there are more."""
    told, more = hub.resending.run(event.most)
    return {"told": told, "more": more}
