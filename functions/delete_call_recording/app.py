"""Delete a recording of a call, and its media.

DELETE /Accounts/{AccountSid}/Calls/{CallSid}/Recordings/{RecordingSid}
"""

from tapedeck.bootstrap.http import endpoint
from tapedeck.dialects.dialect import Response
from tapedeck.dialects.forms.base import Empty
from tapedeck.http.endpoint import Request


@endpoint("delete_call_recording", Empty)
def handler(request: Request[Empty]) -> Response:
    """Delete the recording and its media; return 204."""
    request.services.media.delete(request.path.parent, request.path.recording_id)
    return Response(204, None)
