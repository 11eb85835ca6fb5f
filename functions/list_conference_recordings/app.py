"""List the recordings of a conference.

GET /Accounts/{AccountSid}/Conferences/{ConferenceSid}/Recordings
"""

from tapedeck.bootstrap.http import endpoint
from tapedeck.dialects.dialect import Response
from tapedeck.dialects.forms.lists import ListRecordingsOfParent
from tapedeck.http.endpoint import Request
from tapedeck.http.pagination import answer_list, of_parent


@endpoint("list_conference_recordings", ListRecordingsOfParent)
def handler(request: Request[ListRecordingsOfParent]) -> Response:
    """Return one page, newest first."""
    form, dialect = request.form, request.dialect
    found = request.services.lists.recordings_of(request.path.parent, form.span("DateCreated"), form.page)
    path = of_parent(request, "Recordings")
    return answer_list(request, path, found, lambda recording: dialect.recording(recording, changed=False))
