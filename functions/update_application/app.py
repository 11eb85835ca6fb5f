"""Change the settings of an application.

POST /Accounts/{AccountSid}/Applications/{ApplicationSid}
"""

from tapedeck.bootstrap.http import endpoint
from tapedeck.dialects.dialect import Response
from tapedeck.dialects.forms.applications import ApplicationForm
from tapedeck.http.endpoint import Request


@endpoint("update_application", ApplicationForm)
def handler(request: Request[ApplicationForm]) -> Response:
    """Return the application; without a setting, it does not change."""
    path = request.path
    changed = request.services.applications.update(path.account, path.application_id, request.form.settings)
    return Response(200, request.dialect.application(changed))
