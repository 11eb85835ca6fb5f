"""Change the settings of a phone number.

POST /Accounts/{AccountSid}/IncomingPhoneNumbers/{PhoneNumberSid}
"""

from tapedeck.bootstrap.http import endpoint
from tapedeck.dialects.dialect import Response
from tapedeck.dialects.forms.phone_numbers import UpdatePhoneNumberForm
from tapedeck.http.endpoint import Request


@endpoint("update_incoming_phone_number", UpdatePhoneNumberForm)
def handler(request: Request[UpdatePhoneNumberForm]) -> Response:
    """Return the phone number; without a setting, it does not change."""
    path, form = request.path, request.form
    changed = request.services.phone_numbers.update(path.account, path.phone_number_id, form.settings, form.account)
    return Response(200, request.dialect.phone_number(changed))
