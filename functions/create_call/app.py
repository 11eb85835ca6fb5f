"""Create a call.

POST /Accounts/{AccountSid}/Calls
"""

from tapedeck.bootstrap.http import endpoint
from tapedeck.dialects.dialect import Response
from tapedeck.dialects.forms.create_call import CreateCall
from tapedeck.http.endpoint import Request
from tapedeck.operations.placed_calls import PlaceCall


@endpoint("create_call", CreateCall)
def handler(request: Request[CreateCall]) -> Response:
    """Return the call with status `queued`; the media engine dials it."""
    form, dialect = request.form, request.dialect
    wanted = PlaceCall(
        form.to,
        form.from_,
        dialect.name,
        form.flow(dialect.name),
        form.settings(dialect.name),
        form.callback(dialect.name),
        form.application,
    )
    call = request.services.placed_calls.create(request.path.account, wanted)
    return Response(dialect.created_status, dialect.call(call), call=call.id, created_id=call.id)
