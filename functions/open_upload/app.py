"""Open the upload of the capture of one recording.

POST /engine/v2/uploads
"""

from typing import Any, Final

from tapedeck.background.parents import read_parent
from tapedeck.bootstrap.engines import EngineServices, engine_endpoint
from tapedeck.domain.engine import MediaEngine
from tapedeck.http.engine_refusal import EngineRequestRefused
from tapedeck.operations.uploads import UploadRefusal, UploadRefused
from tapedeck_protocol.uploads import OpenUploadRequest

_STATUSES: Final = {UploadRefusal.NOT_YOURS: 403, UploadRefusal.UNKNOWN: 404}
_CONFLICT: Final = 409


@engine_endpoint("open_upload", OpenUploadRequest)
def handler(services: EngineServices, engine: MediaEngine, request: OpenUploadRequest) -> dict[str, Any]:
    """Return a presigned URL, its headers, and the ticket to report with `recording.completed`."""
    parent = read_parent(request.account, request.parent)
    try:
        opened = services.uploads.open(engine, parent, request.recording, request.bytes, request.sha256)
    except UploadRefused as refused:
        raise EngineRequestRefused(_STATUSES.get(refused.code, _CONFLICT), str(refused.code)) from refused
    return {
        "url": opened.url,
        "headers": dict(opened.headers),
        "expires_at": opened.expires_at * 1000,
        "ticket": opened.ticket,
    }
