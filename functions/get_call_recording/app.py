"""Read a recording of a call.

GET /Accounts/{AccountSid}/Calls/{CallSid}/Recordings/{RecordingSid}
"""

from tapedeck.dialects.dialect import Reply
from tapedeck.dialects.forms import Empty
from tapedeck.edge.endpoint import Request
from tapedeck.wiring import endpoint


@endpoint("get_call_recording", Empty)
def handler(request: Request[Empty]) -> Reply:
    """Answer with the recording."""
    recording = request.service.recordings.get(request.address.parent, request.address.recording_id)
    return Reply(200, request.dialect.recording(recording, changed=False))
