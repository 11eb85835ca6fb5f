"""Delete a media engine with its tokens and its queue. Refused while it is alive or has live resources, unless forced.

No route: `{"name", "force"}`. With `force`, what is live of it ends within a minute, as that of a lost engine. Until
then the answer has `"deleted": false`, and the engine is only disabled.
"""

from typing import Any

from pydantic import StrictBool

from tapedeck.admin.engines import EngineAdminServices, EngineRequest
from tapedeck.bootstrap.engine_administration import engine_admin_function


class DeleteEngine(EngineRequest):
    """The engine, and whether to delete it although it is in use."""

    force: StrictBool = False


@engine_admin_function("delete_engine", DeleteEngine)
def handler(services: EngineAdminServices, event: DeleteEngine) -> dict[str, Any]:
    """Return the engine's name, and whether it is deleted."""
    return {"name": event.engine_name, "deleted": services.engines.delete(event.engine_name, force=event.force)}
