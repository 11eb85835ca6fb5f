"""List the transcriptions of a recording.

GET /Accounts/{AccountSid}/Recordings/{RecordingSid}/Transcriptions
"""

from tapedeck.bootstrap.http import endpoint
from tapedeck.dialects.dialect import Response
from tapedeck.dialects.forms.lists import ListTranscriptionsOfRecording
from tapedeck.http.endpoint import Request
from tapedeck.http.pagination import answer_list, of_parent


@endpoint("list_recording_transcriptions", ListTranscriptionsOfRecording, path_alias="deleted")
def handler(request: Request[ListTranscriptionsOfRecording]) -> Response:
    """Return one page, newest first."""
    address, dialect = request.path, request.dialect
    found = request.services.transcriptions.of_recording(
        address.account, address.recording_id, request.form.page, deleted=dialect.supports_include_soft_deleted
    )
    return answer_list(request, of_parent(request, "Transcriptions"), found, dialect.transcription)
