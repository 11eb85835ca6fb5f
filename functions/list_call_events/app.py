"""List the events of a call: none, because they are not kept.

GET /Accounts/{AccountSid}/Calls/{CallSid}/Events
"""

from tapedeck.bootstrap.http import endpoint
from tapedeck.dialects.dialect import Response
from tapedeck.dialects.forms.lists import ListCallEvents
from tapedeck.http.endpoint import Request
from tapedeck.http.pagination import answer_empty_list


@endpoint("list_call_events", ListCallEvents)
def handler(request: Request[ListCallEvents]) -> Response:
    """Return an empty page."""
    request.services.calls.get(request.path.account, request.path.call_id)
    return answer_empty_list(request, "Events")
