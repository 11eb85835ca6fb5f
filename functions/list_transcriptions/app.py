"""List the transcriptions of an account.

GET /Accounts/{AccountSid}/Transcriptions
"""

from tapedeck.bootstrap.http import endpoint
from tapedeck.dialects.dialect import Response
from tapedeck.dialects.forms.lists import ListTranscriptions
from tapedeck.http.endpoint import Request
from tapedeck.http.pagination import answer_list


@endpoint("list_transcriptions", ListTranscriptions)
def handler(request: Request[ListTranscriptions]) -> Response:
    """Return one page, newest first."""
    form = request.form
    found = request.services.transcriptions.of_account(request.path.account, form.span("DateCreated"), form.page)
    return answer_list(request, "Transcriptions", found, request.dialect.transcription)
