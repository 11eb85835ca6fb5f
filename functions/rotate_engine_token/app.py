"""Create a second token for a media engine. Both are valid until `revoke_engine_token` removes one of them.

No route: `{"name"}`.
"""

from typing import Any

from tapedeck.admin.engines import EngineAdminServices, EngineRequest
from tapedeck.bootstrap.engine_administration import engine_admin_function


@engine_admin_function("rotate_engine_token", EngineRequest)
def handler(services: EngineAdminServices, event: EngineRequest) -> dict[str, Any]:
    """Return the new token, which is shown only here."""
    return {"name": event.engine_name, "token": services.engines.rotate_token(event.engine_name)}
