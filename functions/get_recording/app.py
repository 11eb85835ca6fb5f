"""Read a recording: its metadata under `.json`, its audio under `.wav`, `.mp3` or no suffix.

GET /Accounts/{AccountSid}/Recordings/{RecordingSid}
HEAD /Accounts/{AccountSid}/Recordings/{RecordingSid}
"""

from tapedeck.bootstrap.http import endpoint
from tapedeck.dialects.dialect import Response
from tapedeck.dialects.forms.media import GetRecording
from tapedeck.http.endpoint import Request


@endpoint("get_recording", GetRecording, audio_suffixes=("", ".wav", ".mp3"))
def handler(request: Request[GetRecording]) -> Response:
    """Return the recording's metadata, or its audio."""
    address, form = request.path, request.form
    found = request.services.recordings.find(address.account, address.recording_id, deleted=form.include_deleted)
    return Response(200, request.dialect.recording_of_account(found, request.origin))
