"""List the recordings of an account.

GET /Accounts/{AccountSid}/Recordings
"""

from tapedeck.bootstrap.http import endpoint
from tapedeck.dialects.dialect import ResourceType, Response
from tapedeck.dialects.forms.lists import ListRecordings
from tapedeck.http.endpoint import Request
from tapedeck.http.pagination import answer_list, requested_id
from tapedeck.operations.lists import RecordingFilter


@endpoint("list_recordings", ListRecordings)
def handler(request: Request[ListRecordings]) -> Response:
    """Return one page, newest first."""
    form, dialect = request.form, request.dialect
    filters = RecordingFilter(
        created=form.span("DateCreated"),
        call=requested_id(dialect, ResourceType.CALL, form.call_sid),
        conference=requested_id(dialect, ResourceType.CONFERENCE, form.conference_sid),
        shown=dialect.conference_recordings_have_call_sid,
        deleted=form.include_deleted,
    )
    found = request.services.lists.recordings(request.path.account, filters, form.page)
    return answer_list(
        request, "Recordings", found, lambda recording: dialect.recording_of_account(recording, request.origin)
    )
