"""Delete an API key. Takes effect everywhere within 60 seconds (the credential cache).

DELETE /Accounts/{AccountSid}/Keys/{KeySid}
"""

from tapedeck.bootstrap.http import endpoint
from tapedeck.dialects.dialect import Response
from tapedeck.dialects.forms.base import Empty
from tapedeck.http.endpoint import Request


@endpoint("delete_key", Empty, accepts_api_keys=False, accepts_cached_credentials=False)
def handler(request: Request[Empty]) -> Response:
    """Delete the key; return 204."""
    request.services.api_keys.delete(request.path.account, request.path.api_key_id)
    request.services.authenticator.clear_cache()
    return Response(204, None)
