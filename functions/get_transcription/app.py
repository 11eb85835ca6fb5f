"""Read a transcription.

GET /Accounts/{AccountSid}/Transcriptions/{TranscriptionSid}
GET /Accounts/{AccountSid}/Recordings/{RecordingSid}/Transcriptions/{TranscriptionSid}
"""

from tapedeck.dialects.dialect import Response
from tapedeck.dialects.forms import Empty
from tapedeck.edge.endpoint import Request
from tapedeck.wiring import endpoint


@endpoint("get_transcription", Empty)
def handler(request: Request[Empty]) -> Response:
    """Answer with the transcription; under a recording, only if it is of that."""
    address = request.path
    recording = address.recording_id if address.recording is not None else None
    found = request.services.transcriptions.get(address.account, address.transcription_id, recording)
    return Response(200, request.dialect.transcription(found))
