"""Delete a call that has ended. Its recordings stay.

DELETE /Accounts/{AccountSid}/Calls/{CallSid}
"""

from tapedeck.bootstrap.http import endpoint
from tapedeck.dialects.dialect import Response
from tapedeck.dialects.forms.base import Empty
from tapedeck.http.endpoint import Request


@endpoint("delete_call", Empty)
def handler(request: Request[Empty]) -> Response:
    """Delete the call; return 204."""
    request.services.calls.delete(request.path.account, request.path.call_id)
    return Response(204, None)
