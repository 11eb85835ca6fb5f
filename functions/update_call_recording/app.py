"""Pause, resume or stop a recording of a call.

POST /Accounts/{AccountSid}/Calls/{CallSid}/Recordings/{RecordingSid}
"""

from tapedeck.bootstrap.http import endpoint
from tapedeck.dialects.dialect import Response
from tapedeck.dialects.forms.base import UpdateRecording
from tapedeck.http.endpoint import Request


@endpoint("update_call_recording", UpdateRecording, path_alias="current")
def handler(request: Request[UpdateRecording]) -> Response:
    """Return the updated recording."""
    address, form = request.path, request.form
    recording = request.services.recordings.update(
        address.parent, address.recording_or_current, form.target, form.pause_behavior
    )
    return Response(200, request.dialect.recording(recording, changed=True))
