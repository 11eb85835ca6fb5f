"""Take a participant out of its conference.

DELETE /Accounts/{AccountSid}/Conferences/{ConferenceSid}/Participants/{CallSid}
"""

from tapedeck.dialects.dialect import Reply
from tapedeck.dialects.forms import Empty
from tapedeck.edge.endpoint import Request
from tapedeck.wiring import endpoint


@endpoint("remove_participant", Empty, stands="label")
def handler(request: Request[Empty]) -> Reply:
    """Answer with nothing: it has left, and its call goes on."""
    address = request.address
    request.service.participants.remove(address.account, address.conference_id, address.participant_or_label)
    return Reply(204, None)
