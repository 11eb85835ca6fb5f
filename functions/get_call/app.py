"""Read a call.

GET /Accounts/{AccountSid}/Calls/{CallSid}
"""

from tapedeck.bootstrap.http import endpoint
from tapedeck.dialects.dialect import Response
from tapedeck.dialects.forms.base import Empty
from tapedeck.http.endpoint import Request


@endpoint("get_call", Empty)
def handler(request: Request[Empty]) -> Response:
    """Return the call."""
    call = request.services.calls.get(request.path.account, request.path.call_id)
    return Response(200, request.dialect.call(call))
