"""Start recording a call.

POST /Accounts/{AccountSid}/Calls/{CallSid}/Recordings
"""

from tapedeck.bootstrap.http import endpoint
from tapedeck.dialects.dialect import Response
from tapedeck.dialects.forms.base import CreateCallRecording
from tapedeck.http.endpoint import Request
from tapedeck.operations.recordings import StartRecording


@endpoint("create_call_recording", CreateCallRecording)
def handler(request: Request[CreateCallRecording]) -> Response:
    """Return a new recording, or the one that an earlier such request started and that is still active."""
    form = request.form
    start = StartRecording(form.channel_count, form.track, form.trim, form.callback(request.dialect.name))
    recording, is_new = request.services.recordings.create(request.path.parent, start)
    return request.dialect.created(recording, is_new=is_new)
