"""Open or renew the session of a media engine, which lists what it has and gets credentials for its queue.

POST /engine/v2/sessions
"""

from typing import Any

from tapedeck.bootstrap.engines import EngineServices, engine_endpoint
from tapedeck.domain.engine import MediaEngine
from tapedeck.http.engine_refusal import EngineRequestRefused
from tapedeck.operations.engine_sessions import SessionSuperseded
from tapedeck_protocol.session import OpenSessionRequest


@engine_endpoint("open_engine_session", OpenSessionRequest)
def handler(services: EngineServices, engine: MediaEngine, request: OpenSessionRequest) -> dict[str, Any]:
    """Return where the commands come from, and which listed resources are unknown or have ended."""
    try:
        return services.session_requests.open(engine, request)
    except SessionSuperseded as superseded:
        raise EngineRequestRefused(409, "superseded", "a newer session of this engine is open") from superseded
