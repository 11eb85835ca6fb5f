"""Release a phone number. Calls in progress go on.

DELETE /Accounts/{AccountSid}/IncomingPhoneNumbers/{PhoneNumberSid}
"""

from tapedeck.bootstrap.http import endpoint
from tapedeck.dialects.dialect import Response
from tapedeck.dialects.forms.base import Empty
from tapedeck.http.endpoint import Request


@endpoint("delete_incoming_phone_number", Empty)
def handler(request: Request[Empty]) -> Response:
    """Release the phone number; return 204."""
    request.services.phone_numbers.delete(request.path.account, request.path.phone_number_id)
    return Response(204, None)
