"""List the registered media engines: accounts, number of tokens, and whether each is alive.

No route: `{}`.
"""

from typing import Any

from tapedeck.admin.endpoint import AdminRequest
from tapedeck.admin.engines import EngineAdminServices, describe_engine
from tapedeck.bootstrap.engine_administration import engine_admin_function


class ListEngines(AdminRequest):
    """No parameters."""


@engine_admin_function("list_engines", ListEngines)
def handler(services: EngineAdminServices, event: ListEngines) -> dict[str, Any]:
    """Return all engines, by name."""
    del event  # it is empty
    return {"engines": [describe_engine(each) for each in services.engines.list()]}
