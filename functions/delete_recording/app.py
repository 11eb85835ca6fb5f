"""Delete a recording and its media.

DELETE /Accounts/{AccountSid}/Recordings/{RecordingSid}
"""

from tapedeck.dialects.dialect import Reply
from tapedeck.dialects.forms import Empty
from tapedeck.edge.endpoint import Request
from tapedeck.wiring import endpoint


@endpoint("delete_recording", Empty)
def handler(request: Request[Empty]) -> Reply:
    """Answer with nothing: its media are gone."""
    request.service.media().delete_of_account(request.address.account, request.address.recording_id)
    return Reply(204, None)
