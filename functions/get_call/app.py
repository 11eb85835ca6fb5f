"""Read a call.

GET /Accounts/{AccountSid}/Calls/{CallSid}
"""

from tapedeck.dialects.dialect import Reply
from tapedeck.dialects.forms import Empty
from tapedeck.edge.endpoint import Request
from tapedeck.wiring import endpoint


@endpoint("get_call", Empty)
def handler(request: Request[Empty]) -> Reply:
    """Answer with the call."""
    call = request.service.calls.get(request.address.account, request.address.call_id)
    return Reply(200, request.dialect.call(call))
