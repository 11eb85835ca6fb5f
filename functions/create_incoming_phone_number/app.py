"""Give a phone number to an account, so that calls to it have instructions.

POST /Accounts/{AccountSid}/IncomingPhoneNumbers
"""

from tapedeck.bootstrap.http import endpoint
from tapedeck.dialects.dialect import Response
from tapedeck.dialects.forms.phone_numbers import CreatePhoneNumberForm
from tapedeck.http.endpoint import Request


@endpoint("create_incoming_phone_number", CreatePhoneNumberForm)
def handler(request: Request[CreatePhoneNumberForm]) -> Response:
    """Return the phone number; both vendors answer 201 (C-358)."""
    account, form, phone_numbers = request.path.account, request.form, request.services.phone_numbers
    if form.phone_number is not None:
        made = phone_numbers.create(account, form.phone_number, form.settings)
    else:
        made = phone_numbers.create_in_area(account, form.area_code or "", form.settings)
    return Response(201, request.dialect.phone_number(made), created_id=made.id)
