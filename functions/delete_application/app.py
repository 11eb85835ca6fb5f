"""Delete an application. Calls in progress go on.

DELETE /Accounts/{AccountSid}/Applications/{ApplicationSid}
"""

from tapedeck.bootstrap.http import endpoint
from tapedeck.dialects.dialect import Response
from tapedeck.dialects.forms.base import Empty
from tapedeck.http.endpoint import Request


@endpoint("delete_application", Empty)
def handler(request: Request[Empty]) -> Response:
    """Delete the application; return 204."""
    request.services.applications.delete(request.path.account, request.path.application_id)
    return Response(204, None)
