"""List the phone numbers of an account.

GET /Accounts/{AccountSid}/IncomingPhoneNumbers
"""

from tapedeck.bootstrap.http import endpoint
from tapedeck.dialects.dialect import Response
from tapedeck.dialects.forms.phone_numbers import ListPhoneNumbers
from tapedeck.http.endpoint import Request
from tapedeck.http.pagination import answer_list


@endpoint("list_incoming_phone_numbers", ListPhoneNumbers)
def handler(request: Request[ListPhoneNumbers]) -> Response:
    """Return one page, newest first."""
    found = request.services.phone_numbers.list(request.path.account, request.form.filter, request.form.page)
    return answer_list(request, "IncomingPhoneNumbers", found, request.dialect.phone_number)
