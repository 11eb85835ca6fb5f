"""End a conference, or play an announcement in it.

POST /Accounts/{AccountSid}/Conferences/{ConferenceSid}
"""

from tapedeck.bootstrap.http import endpoint
from tapedeck.dialects.dialect import Response
from tapedeck.dialects.forms.base import UpdateConferenceForm
from tapedeck.http.endpoint import Request
from tapedeck.operations import conferences


@endpoint("update_conference", UpdateConferenceForm, path_alias="name")
def handler(request: Request[UpdateConferenceForm]) -> Response:
    """Return the updated conference; the media engine plays the announcement."""
    address, form = request.path, request.form
    change = conferences.UpdateConference(
        form.status is not None, form.announce_url, form.announce_method, has_parameters=bool(form.model_fields_set)
    )
    conference = request.services.conferences.update(address.account, address.conference_or_name, change)
    return Response(200, request.dialect.conference(conference))
