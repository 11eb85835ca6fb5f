"""Pause, resume or stop a recording of a conference.

POST /Accounts/{AccountSid}/Conferences/{ConferenceSid}/Recordings/{RecordingSid}
"""

from tapedeck.dialects.dialect import Reply
from tapedeck.dialects.forms import UpdateRecording
from tapedeck.edge.endpoint import Request
from tapedeck.wiring import endpoint


@endpoint("update_conference_recording", UpdateRecording, stands="current")
def handler(request: Request[UpdateRecording]) -> Reply:
    """Answer with the recording as the update left it."""
    address, form = request.address, request.form
    recording = request.service.recordings.update(
        address.parent, address.recording_or_current, form.target, form.pause_behavior
    )
    return Reply(200, request.dialect.recording(recording, changed=True))
