"""List the conferences of an account.

GET /Accounts/{AccountSid}/Conferences
"""

from tapedeck.bootstrap.http import endpoint
from tapedeck.dialects.dialect import Response
from tapedeck.dialects.forms.lists import ListConferences
from tapedeck.http.endpoint import Request
from tapedeck.http.pagination import answer_list
from tapedeck.operations.lists import ConferenceFilter


@endpoint("list_conferences", ListConferences)
def handler(request: Request[ListConferences]) -> Response:
    """Return one page, newest first."""
    form = request.form
    filters = ConferenceFilter(form.span("DateCreated"), form.span("DateUpdated"), form.name, form.status)
    found = request.services.lists.conferences(request.path.account, filters, form.page)
    return answer_list(request, "Conferences", found, request.dialect.conference)
