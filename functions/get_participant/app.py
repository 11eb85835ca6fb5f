"""Read a participant.

GET /Accounts/{AccountSid}/Conferences/{ConferenceSid}/Participants/{CallSid}
"""

from tapedeck.bootstrap.http import endpoint
from tapedeck.dialects.dialect import Response
from tapedeck.dialects.forms.base import Empty
from tapedeck.http.endpoint import Request


@endpoint("get_participant", Empty, path_alias="label")
def handler(request: Request[Empty]) -> Response:
    """Return the participant."""
    address = request.path
    found = request.services.participants.get(address.account, address.conference_id, address.participant_or_label)
    return Response(200, request.dialect.participant(address.account, found))
