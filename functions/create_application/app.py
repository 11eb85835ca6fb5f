"""Create an application: a named set of URLs, to which phone numbers and calls can refer.

POST /Accounts/{AccountSid}/Applications
"""

from tapedeck.bootstrap.http import endpoint
from tapedeck.dialects.dialect import Response
from tapedeck.dialects.forms.applications import ApplicationForm
from tapedeck.http.endpoint import Request


@endpoint("create_application", ApplicationForm)
def handler(request: Request[ApplicationForm]) -> Response:
    """Return the application; both vendors answer 201 (C-358)."""
    made = request.services.applications.create(request.path.account, request.form.settings)
    return Response(201, request.dialect.application(made), created_id=made.id)
