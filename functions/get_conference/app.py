"""Read a conference.

GET /Accounts/{AccountSid}/Conferences/{ConferenceSid}
"""

from tapedeck.bootstrap.http import endpoint
from tapedeck.dialects.dialect import Response
from tapedeck.dialects.forms.base import Empty
from tapedeck.http.endpoint import Request


@endpoint("get_conference", Empty)
def handler(request: Request[Empty]) -> Response:
    """Return the conference."""
    conference = request.services.conferences.get(request.path.account, request.path.conference_or_name)
    return Response(200, request.dialect.conference(conference))
