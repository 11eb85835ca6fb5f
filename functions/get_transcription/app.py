"""Read a transcription.

GET /Accounts/{AccountSid}/Transcriptions/{TranscriptionSid}
GET /Accounts/{AccountSid}/Recordings/{RecordingSid}/Transcriptions/{TranscriptionSid}
"""

from tapedeck.bootstrap.http import endpoint
from tapedeck.dialects.dialect import Response
from tapedeck.dialects.forms.base import Empty
from tapedeck.http.endpoint import Request


@endpoint("get_transcription", Empty)
def handler(request: Request[Empty]) -> Response:
    """Return the transcription; below a recording, only if it belongs to that recording."""
    address = request.path
    recording = address.recording_id if address.recording is not None else None
    found = request.services.transcriptions.get(address.account, address.transcription_id, recording)
    return Response(200, request.dialect.transcription(found))
