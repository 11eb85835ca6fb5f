"""List the transcriptions of an account.

GET /Accounts/{AccountSid}/Transcriptions
"""

from tapedeck.dialects.dialect import Reply
from tapedeck.dialects.filters import ListTranscriptions
from tapedeck.edge.endpoint import Request
from tapedeck.edge.listing import answer_list
from tapedeck.wiring import endpoint


@endpoint("list_transcriptions", ListTranscriptions)
def handler(request: Request[ListTranscriptions]) -> Reply:
    """Answer with a page of them, newest first."""
    form = request.form
    found = request.service.transcriptions.of_account(request.address.account, form.span("DateCreated"), form.page)
    return answer_list(request, "Transcriptions", found, request.dialect.transcription)
