"""Requests for documents in the words of the engine protocol (`tapedeck_protocol.documents`)."""

from base64 import b64encode
from typing import Any

from tapedeck.background.document_requests import DocumentRequests, WantedDocument
from tapedeck.dialects.instructions import FETCH_CODES
from tapedeck.domain.engine import MediaEngine
from tapedeck.domain.instructions import InstructionDetails
from tapedeck_protocol.documents import FetchDocumentRequest


def answer_document_request(
    requests: DocumentRequests, engine: MediaEngine, request: FetchDocumentRequest
) -> dict[str, Any]:
    """Request a document, and return what the application answered, with the vendor's code of a failure.

    Raises:
        DocumentRefused: the call is unknown, or another engine has it.
        StoreBusy, StoreUnavailable: as `DocumentRequests.fetch`.
    """
    details = InstructionDetails(
        request.parameters, request.recording, request.dialed_call, request.conference, request.conference_name
    )
    answer = requests.fetch(
        engine,
        WantedDocument(
            request.account, request.call, request.dialect, request.method, request.url, details, request.cookies
        ),
    )
    result = {"attempts": answer.attempts, "milliseconds": answer.milliseconds, "cookies": answer.cookies or ""}
    if answer.failure is not None:
        return {**result, "code": FETCH_CODES[answer.failure]}
    body = b64encode(answer.body).decode()
    return {
        **result, "url": answer.url, "status": answer.status, "content_type": answer.content_type, "body": body,
    }  # fmt: skip
