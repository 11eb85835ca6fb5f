"""Read an API key.

GET /Accounts/{AccountSid}/Keys/{KeySid}
"""

from tapedeck.bootstrap.http import endpoint
from tapedeck.dialects.dialect import Response
from tapedeck.dialects.forms.base import Empty
from tapedeck.http.endpoint import Request


@endpoint("get_key", Empty, accepts_api_keys=False, accepts_cached_credentials=False)
def handler(request: Request[Empty]) -> Response:
    """Return the key, without its secret."""
    key = request.services.api_keys.get(request.path.account, request.path.api_key_id)
    return Response(200, request.dialect.api_key(key))
