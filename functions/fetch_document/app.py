"""Request a document with instructions from the application of a call.

POST /engine/v2/documents
"""

from base64 import b64encode
from typing import Any, Final

from tapedeck.background.document_requests import DocumentRefusal, DocumentRefused, WantedDocument
from tapedeck.bootstrap.engines import EngineServices, engine_endpoint
from tapedeck.dialects.instructions import FETCH_CODES
from tapedeck.domain.engine import MediaEngine
from tapedeck.domain.instructions import InstructionDetails
from tapedeck.http.engine_refusal import EngineRequestRefused
from tapedeck_protocol.documents import FetchDocumentRequest

_STATUSES: Final = {DocumentRefusal.NOT_YOURS: 403, DocumentRefusal.UNKNOWN: 404}


@engine_endpoint("fetch_document", FetchDocumentRequest)
def handler(services: EngineServices, engine: MediaEngine, request: FetchDocumentRequest) -> dict[str, Any]:
    """Return what the application answered, with the vendor's code of a failure."""
    details = InstructionDetails(
        request.parameters, request.recording, request.dialed_call, request.conference, request.conference_name
    )
    wanted = WantedDocument(
        request.account, request.call, request.dialect, request.method, request.url, details, request.cookies
    )
    try:
        answer = services.document_requests.fetch(engine, wanted)
    except DocumentRefused as refused:
        raise EngineRequestRefused(_STATUSES[refused.code], str(refused.code)) from refused
    result = {"attempts": answer.attempts, "milliseconds": answer.milliseconds, "cookies": answer.cookies or ""}
    if answer.failure is not None:
        return {**result, "code": FETCH_CODES[answer.failure]}
    body = b64encode(answer.body).decode()
    return {
        **result, "url": answer.url, "status": answer.status, "content_type": answer.content_type, "body": body,
    }  # fmt: skip
