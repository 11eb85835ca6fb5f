"""Read a recording of a conference: its metadata, or its audio under `.wav` or `.mp3`.

GET /Accounts/{AccountSid}/Conferences/{ConferenceSid}/Recordings/{RecordingSid}
HEAD /Accounts/{AccountSid}/Conferences/{ConferenceSid}/Recordings/{RecordingSid}
"""

from tapedeck.bootstrap.http import endpoint
from tapedeck.dialects.dialect import Response
from tapedeck.dialects.forms.base import Empty
from tapedeck.http.endpoint import Request


@endpoint("get_conference_recording", Empty, audio_suffixes=(".wav", ".mp3"))
def handler(request: Request[Empty]) -> Response:
    """Return the recording."""
    recording = request.services.recordings.get(request.path.parent, request.path.recording_id)
    return Response(200, request.dialect.recording(recording, changed=False))
