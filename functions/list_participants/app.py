"""List the participants of a conference.

GET /Accounts/{AccountSid}/Conferences/{ConferenceSid}/Participants
"""

from tapedeck.bootstrap.http import endpoint
from tapedeck.dialects.dialect import Response
from tapedeck.dialects.forms.lists import ListParticipants
from tapedeck.http.endpoint import Request
from tapedeck.http.pagination import answer_list, of_parent
from tapedeck.operations.participant_list import ParticipantFilter


@endpoint("list_participants", ListParticipants)
def handler(request: Request[ListParticipants]) -> Response:
    """Return one page of the participants that are in it now, latest join first."""
    account, form, dialect = request.path.account, request.form, request.dialect
    filters = ParticipantFilter(form.muted, form.hold, form.coaching)
    found = request.services.participants.of_conference(account, request.path.conference_id, filters, form.page)
    path = of_parent(request, "Participants")
    return answer_list(request, path, found, lambda participant: dialect.participant(account, participant))
