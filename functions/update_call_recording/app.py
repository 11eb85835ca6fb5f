"""Pause, resume or stop a recording of a call.

POST /Accounts/{AccountSid}/Calls/{CallSid}/Recordings/{RecordingSid}
"""

from tapedeck.bootstrap.http import endpoint
from tapedeck.dialects.dialect import Response
from tapedeck.dialects.forms.quick import QuickUpdateRecording
from tapedeck.http.endpoint import Request
from tapedeck.http.recording_updates import update_recording


@endpoint("update_call_recording", QuickUpdateRecording, path_alias="current")
def handler(request: Request[QuickUpdateRecording]) -> Response:
    """Return the updated recording; of some accounts, once the media engine has confirmed the update."""
    return update_recording(request)
