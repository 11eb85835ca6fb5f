"""List the results of add-ons for a recording: none, because there are no add-ons.

GET /Accounts/{AccountSid}/Recordings/{RecordingSid}/AddOnResults
"""

from tapedeck.bootstrap.http import endpoint
from tapedeck.dialects.dialect import Response
from tapedeck.dialects.forms.lists import ListRecordingAddOnResults
from tapedeck.http.endpoint import Request
from tapedeck.http.pagination import answer_empty_list


@endpoint("list_recording_add_on_results", ListRecordingAddOnResults)
def handler(request: Request[ListRecordingAddOnResults]) -> Response:
    """Return an empty page."""
    request.services.recordings.find(request.path.account, request.path.recording_id)
    return answer_empty_list(request, "AddOnResults")
