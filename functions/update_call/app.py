"""End, cancel or redirect a call.

POST /Accounts/{AccountSid}/Calls/{CallSid}
"""

from tapedeck.bootstrap.http import endpoint
from tapedeck.dialects.dialect import Response
from tapedeck.dialects.forms.calls import UpdateCallForm
from tapedeck.http.endpoint import Request
from tapedeck.operations import calls


@endpoint("update_call", UpdateCallForm)
def handler(request: Request[UpdateCallForm]) -> Response:
    """Answer with the call as the update left it; where it is to go is left to the media engine."""
    form, dialect = request.form, request.dialect
    change = calls.UpdateCall(
        form.target, form.redirect, form.settings(dialect.name), dialect.cancel_ignores_answered_calls
    )
    call = request.services.calls.update(request.path.account, request.path.call_id, change)
    return Response(200, dialect.call(call))
