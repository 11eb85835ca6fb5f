"""List the applications of an account.

GET /Accounts/{AccountSid}/Applications
"""

from tapedeck.bootstrap.http import endpoint
from tapedeck.dialects.dialect import Response
from tapedeck.dialects.forms.applications import ListApplications
from tapedeck.http.endpoint import Request
from tapedeck.http.pagination import answer_list


@endpoint("list_applications", ListApplications)
def handler(request: Request[ListApplications]) -> Response:
    """Return one page, newest first."""
    form = request.form
    found = request.services.applications.list(request.path.account, form.friendly_name, form.page)
    return answer_list(request, "Applications", found, request.dialect.application)
