"""Delete a recording of a conference, and its media.

DELETE /Accounts/{AccountSid}/Conferences/{ConferenceSid}/Recordings/{RecordingSid}
"""

from tapedeck.dialects.dialect import Reply
from tapedeck.dialects.forms import Empty
from tapedeck.edge.endpoint import Request
from tapedeck.wiring import endpoint


@endpoint("delete_conference_recording", Empty)
def handler(request: Request[Empty]) -> Reply:
    """Answer with nothing: its media are gone."""
    request.service.media().delete(request.address.parent, request.address.recording_id)
    return Reply(204, None)
