"""List the recordings of an account.

GET /Accounts/{AccountSid}/Recordings
"""

from tapedeck.dialects.dialect import Kind, Reply
from tapedeck.dialects.filters import ListRecordings
from tapedeck.edge.endpoint import Request
from tapedeck.edge.listing import answer_list, wanted_id
from tapedeck.operations.lists import RecordingFilter
from tapedeck.wiring import endpoint


@endpoint("list_recordings", ListRecordings)
def handler(request: Request[ListRecordings]) -> Reply:
    """Answer with a page of them, newest first."""
    form, dialect = request.form, request.dialect
    wanted = RecordingFilter(
        created=form.span("DateCreated"),
        call=wanted_id(dialect, Kind.CALL, form.call_sid),
        conference=wanted_id(dialect, Kind.CONFERENCE, form.conference_sid),
        shown=dialect.shows_call_of_conference,
        deleted=form.include_deleted,
    )
    found = request.service.lists.recordings(request.address.account, wanted, form.page)
    return answer_list(
        request, "Recordings", found, lambda recording: dialect.recording_of_account(recording, request.origin)
    )
