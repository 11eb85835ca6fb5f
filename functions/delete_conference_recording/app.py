"""Delete a recording of a conference, and its media.

DELETE /Accounts/{AccountSid}/Conferences/{ConferenceSid}/Recordings/{RecordingSid}
"""

from tapedeck.bootstrap.http import endpoint
from tapedeck.dialects.dialect import Response
from tapedeck.dialects.forms.base import Empty
from tapedeck.http.endpoint import Request


@endpoint("delete_conference_recording", Empty)
def handler(request: Request[Empty]) -> Response:
    """Delete the recording and its media; return 204."""
    request.services.media.delete(request.path.parent, request.path.recording_id)
    return Response(204, None)
