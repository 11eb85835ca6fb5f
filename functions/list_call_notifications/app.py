"""List the notifications of a call: none, because they are not kept.

GET /Accounts/{AccountSid}/Calls/{CallSid}/Notifications
"""

from tapedeck.bootstrap.http import endpoint
from tapedeck.dialects.dialect import Response
from tapedeck.dialects.forms.lists import ListCallNotifications
from tapedeck.http.endpoint import Request
from tapedeck.http.pagination import answer_empty_list


@endpoint("list_call_notifications", ListCallNotifications)
def handler(request: Request[ListCallNotifications]) -> Response:
    """Return an empty page."""
    request.services.calls.get(request.path.account, request.path.call_id)
    return answer_empty_list(request, "Notifications")
