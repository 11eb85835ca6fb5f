"""Create an API key. Its secret is returned only here.

POST /Accounts/{AccountSid}/Keys
"""

from tapedeck.bootstrap.http import endpoint
from tapedeck.dialects.dialect import Response
from tapedeck.dialects.forms.api_keys import KeyForm
from tapedeck.http.endpoint import Request


@endpoint("create_key", KeyForm, accepts_api_keys=False, accepts_cached_credentials=False)
def handler(request: Request[KeyForm]) -> Response:
    """Return the key with its secret."""
    name = request.form.friendly_name or ""
    made = request.services.api_keys.create(request.path.account, friendly_name=name)
    body = request.dialect.api_key(made.info, made.secret)
    return Response(request.dialect.created_status, body, created_id=made.key)
