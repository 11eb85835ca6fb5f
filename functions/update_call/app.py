"""End, cancel or redirect a call.

POST /Accounts/{AccountSid}/Calls/{CallSid}
"""

from tapedeck.dialects.call_forms import UpdateCall
from tapedeck.dialects.dialect import Reply
from tapedeck.edge.endpoint import Request
from tapedeck.operations import calls
from tapedeck.wiring import endpoint


@endpoint("update_call", UpdateCall)
def handler(request: Request[UpdateCall]) -> Reply:
    """Answer with the call as the update left it; where it is to go is left to the media engine."""
    form, dialect = request.form, request.dialect
    change = calls.UpdateCall(form.target, form.redirect, form.settings(dialect.name), dialect.spares_answered)
    call = request.service.calls.update(request.address.account, request.address.call_id, change)
    return Reply(200, dialect.call(call))
