"""Delete a transcription.

DELETE /Accounts/{AccountSid}/Transcriptions/{TranscriptionSid}
DELETE /Accounts/{AccountSid}/Recordings/{RecordingSid}/Transcriptions/{TranscriptionSid}
"""

from tapedeck.dialects.dialect import Reply
from tapedeck.dialects.forms import Empty
from tapedeck.edge.endpoint import Request
from tapedeck.wiring import endpoint


@endpoint("delete_transcription", Empty)
def handler(request: Request[Empty]) -> Reply:
    """Answer with nothing: it is gone."""
    address = request.address
    recording = address.recording_id if address.recording is not None else None
    request.service.transcriptions.delete(address.account, address.transcription_id, recording)
    return Reply(204, None)
