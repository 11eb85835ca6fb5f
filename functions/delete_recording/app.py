"""Delete a recording and its media.

DELETE /Accounts/{AccountSid}/Recordings/{RecordingSid}
"""

from tapedeck.bootstrap.http import endpoint
from tapedeck.dialects.dialect import Response
from tapedeck.dialects.forms.base import Empty
from tapedeck.http.endpoint import Request


@endpoint("delete_recording", Empty)
def handler(request: Request[Empty]) -> Response:
    """Delete the recording and its media; return 204."""
    request.services.media.delete_of_account(request.path.account, request.path.recording_id)
    return Response(204, None)
