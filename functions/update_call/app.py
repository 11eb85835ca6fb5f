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
    """Return the updated call; the media engine executes the redirect."""
    form, dialect = request.form, request.dialect
    change = calls.UpdateCall(
        form.target,
        form.redirect,
        form.settings,
        dialect.cancel_ignores_answered_calls,
        form.callback(dialect.name),
    )
    call = request.services.calls.update(request.path.account, request.path.call_id, change)
    return Response(200, dialect.call(call))
