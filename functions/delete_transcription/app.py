"""Delete a transcription.

DELETE /Accounts/{AccountSid}/Transcriptions/{TranscriptionSid}
DELETE /Accounts/{AccountSid}/Recordings/{RecordingSid}/Transcriptions/{TranscriptionSid}
"""

from tapedeck.bootstrap.http import endpoint
from tapedeck.dialects.dialect import Response
from tapedeck.dialects.forms.base import Empty
from tapedeck.http.endpoint import Request


@endpoint("delete_transcription", Empty)
def handler(request: Request[Empty]) -> Response:
    """Delete the transcription; return 204."""
    address = request.path
    recording = address.recording_id if address.recording is not None else None
    request.services.transcriptions.delete(address.account, address.transcription_id, recording)
    return Response(204, None)
