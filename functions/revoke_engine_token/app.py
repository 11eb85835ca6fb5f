"""Revoke one of a media engine's two tokens. Takes effect within 60 seconds (the credential cache).

No route: `{"name", "which"}`; `which` is `older`, the default, or `newer`, for a token that was not received.
"""

from typing import Any

from tapedeck.admin.engines import EngineAdminServices, EngineRequest
from tapedeck.bootstrap.engine_administration import engine_admin_function
from tapedeck.operations.engine_registration import TokenChoice


class RevokeEngineToken(EngineRequest):
    """The engine, and which of its tokens to revoke."""

    which: TokenChoice = TokenChoice.OLDER


@engine_admin_function("revoke_engine_token", RevokeEngineToken)
def handler(services: EngineAdminServices, event: RevokeEngineToken) -> dict[str, Any]:
    """Return the engine's name and which token was revoked."""
    services.engines.revoke_token(event.engine_name, event.which)
    return {"name": event.engine_name, "revoked": str(event.which)}
