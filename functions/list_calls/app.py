"""List the calls of an account.

GET /Accounts/{AccountSid}/Calls
"""

from tapedeck.bootstrap.http import endpoint
from tapedeck.dialects.dialect import ResourceType, Response
from tapedeck.dialects.forms.lists import ListCalls
from tapedeck.http.endpoint import Request
from tapedeck.http.pagination import answer_list, requested_id
from tapedeck.operations.lists import CallFilter


@endpoint("list_calls", ListCalls)
def handler(request: Request[ListCalls]) -> Response:
    """Return one page, newest first."""
    form = request.form
    filters = CallFilter(
        started=form.span("StartTime"),
        ended=form.span("EndTime"),
        to=form.to,
        from_=form.from_,
        parent_call=requested_id(request.dialect, ResourceType.CALL, form.parent_call_sid),
        status=form.status,
    )
    found = request.services.lists.calls(request.path.account, filters, form.page)
    return answer_list(request, "Calls", found, request.dialect.call)
