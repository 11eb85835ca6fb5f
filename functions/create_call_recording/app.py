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
    """Answer with a new recording, or with the one that such a request started and that still runs."""
    form = request.form
    start = StartRecording(form.channel_count, form.track, form.trim, form.callback(request.dialect.name))
    recording, is_new = request.services.recordings.create(request.path.parent, start)
    return request.dialect.created(recording, is_new=is_new)
