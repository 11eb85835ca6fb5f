"""Rename an API key.

POST /Accounts/{AccountSid}/Keys/{KeySid}
"""

from tapedeck.bootstrap.http import endpoint
from tapedeck.dialects.dialect import Response
from tapedeck.dialects.forms.api_keys import KeyForm
from tapedeck.http.endpoint import Request


@endpoint("update_key", KeyForm, accepts_api_keys=False, accepts_cached_credentials=False)
def handler(request: Request[KeyForm]) -> Response:
    """Return the key; without a name, it does not change."""
    account, key, name = request.path.account, request.path.api_key_id, request.form.friendly_name
    api_keys = request.services.api_keys
    changed = api_keys.get(account, key) if name is None else api_keys.rename(account, key, name)
    return Response(200, request.dialect.api_key(changed))
