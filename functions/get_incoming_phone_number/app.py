"""Read a phone number of an account.

GET /Accounts/{AccountSid}/IncomingPhoneNumbers/{PhoneNumberSid}
"""

from tapedeck.bootstrap.http import endpoint
from tapedeck.dialects.dialect import Response
from tapedeck.dialects.forms.base import Empty
from tapedeck.http.endpoint import Request


@endpoint("get_incoming_phone_number", Empty)
def handler(request: Request[Empty]) -> Response:
    """Return the phone number."""
    found = request.services.phone_numbers.get(request.path.account, request.path.phone_number_id)
    return Response(200, request.dialect.phone_number(found))
