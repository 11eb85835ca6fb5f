"""Read a participant.

GET /Accounts/{AccountSid}/Conferences/{ConferenceSid}/Participants/{CallSid}
"""

from tapedeck.dialects.dialect import Reply
from tapedeck.dialects.forms import Empty
from tapedeck.edge.endpoint import Request
from tapedeck.wiring import endpoint


@endpoint("get_participant", Empty, stands="label")
def handler(request: Request[Empty]) -> Reply:
    """Answer with the participant."""
    address = request.address
    found = request.service.participants.get(address.account, address.conference_id, address.participant_or_label)
    return Reply(200, request.dialect.participant(address.account, found))
