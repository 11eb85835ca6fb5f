"""Read a conference.

GET /Accounts/{AccountSid}/Conferences/{ConferenceSid}
"""

from tapedeck.dialects.dialect import Reply
from tapedeck.dialects.forms import Empty
from tapedeck.edge.endpoint import Request
from tapedeck.wiring import endpoint


@endpoint("get_conference", Empty)
def handler(request: Request[Empty]) -> Reply:
    """Answer with the conference."""
    conference = request.service.conferences.get(request.address.account, request.address.conference_or_name)
    return Reply(200, request.dialect.conference(conference))
