"""Remove a participant from its conference.

DELETE /Accounts/{AccountSid}/Conferences/{ConferenceSid}/Participants/{CallSid}
"""

from tapedeck.bootstrap.http import endpoint
from tapedeck.dialects.dialect import Response
from tapedeck.dialects.forms.base import Empty
from tapedeck.http.endpoint import Request


@endpoint("remove_participant", Empty, path_alias="label")
def handler(request: Request[Empty]) -> Response:
    """Remove it and return 204; its call continues, unless it was dialed into the conference."""
    address = request.path
    request.services.participants.remove(address.account, address.conference_id, address.participant_or_label)
    return Response(204, None)
