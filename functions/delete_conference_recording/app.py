"""Delete a recording of a conference, and its media.

DELETE /Accounts/{AccountSid}/Conferences/{ConferenceSid}/Recordings/{RecordingSid}
"""

from tapedeck.dialects.dialect import Response
from tapedeck.dialects.forms import Empty
from tapedeck.edge.endpoint import Request
from tapedeck.wiring import endpoint


@endpoint("delete_conference_recording", Empty)
def handler(request: Request[Empty]) -> Response:
    """Answer with nothing: its media are gone."""
    request.services.media().delete(request.path.parent, request.path.recording_id)
    return Response(204, None)
