"""Dial a new participant into a conference.

POST /Accounts/{AccountSid}/Conferences/{ConferenceSid}/Participants
"""

from tapedeck.bootstrap.http import endpoint
from tapedeck.dialects.dialect import Response
from tapedeck.dialects.forms.create_participant import CreateParticipant
from tapedeck.http.endpoint import Request
from tapedeck.operations.participants import AddParticipant


@endpoint("create_participant", CreateParticipant, path_alias="name_or_new")
def handler(request: Request[CreateParticipant]) -> Response:
    """Return the participant with status `queued`; the media engine dials it."""
    account, form, dialect = request.path.account, request.form, request.dialect
    change = AddParticipant(
        form.to,
        form.from_,
        form.label,
        form.muted,
        form.coached if form.coaches(dialect) else None,
        form.start_conference_on_enter,
        form.end_conference_on_exit,
        form.records_conference,
        form.conference_callback(dialect.name),
        form.options,
        form.call_callback(dialect.name),
    )
    participant = request.services.participants.add(account, request.path.conference_or_name, change)
    body = dialect.participant(account, participant, added=True)
    return Response(dialect.created_status, body, call=participant.call, created_id=participant.call)
