"""Request a document with instructions from the application of a call.

POST /engine/v2/documents
"""

from typing import Any, Final

from tapedeck.background.document_messages import answer_document_request
from tapedeck.background.document_requests import DocumentRefusal, DocumentRefused
from tapedeck.bootstrap.engines import EngineServices, engine_endpoint
from tapedeck.domain.engine import MediaEngine
from tapedeck.http.engine_refusal import EngineRequestRefused
from tapedeck_protocol.documents import FetchDocumentRequest

_STATUSES: Final = {DocumentRefusal.NOT_YOURS: 403, DocumentRefusal.UNKNOWN: 404}


@engine_endpoint("fetch_document", FetchDocumentRequest)
def handler(services: EngineServices, engine: MediaEngine, request: FetchDocumentRequest) -> dict[str, Any]:
    """Return what the application answered, with the vendor's code of a failure."""
    try:
        return answer_document_request(services.document_requests, engine, request)
    except DocumentRefused as refused:
        raise EngineRequestRefused(_STATUSES[refused.code], str(refused.code)) from refused
