"""Read an account.

GET /Accounts/{AccountSid}
"""

from tapedeck.bootstrap.http import endpoint
from tapedeck.dialects.dialect import Response
from tapedeck.dialects.forms.base import Empty
from tapedeck.http.endpoint import Request


@endpoint("get_account", Empty)
def handler(request: Request[Empty]) -> Response:
    """Return the account, with the auth token of the request."""
    account = request.services.account_details.get(request.path.account)
    return Response(200, request.dialect.account(account, request.credentials))
