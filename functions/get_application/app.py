"""Read an application.

GET /Accounts/{AccountSid}/Applications/{ApplicationSid}
"""

from tapedeck.bootstrap.http import endpoint
from tapedeck.dialects.dialect import Response
from tapedeck.dialects.forms.base import Empty
from tapedeck.http.endpoint import Request


@endpoint("get_application", Empty)
def handler(request: Request[Empty]) -> Response:
    """Return the application."""
    found = request.services.applications.get(request.path.account, request.path.application_id)
    return Response(200, request.dialect.application(found))
