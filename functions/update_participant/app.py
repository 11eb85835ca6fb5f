"""Mute or hold a participant, make it coach another call, or play an announcement to it.

POST /Accounts/{AccountSid}/Conferences/{ConferenceSid}/Participants/{CallSid}
"""

from tapedeck.bootstrap.http import endpoint
from tapedeck.dialects.dialect import Response
from tapedeck.dialects.forms.participants import UpdateParticipantForm
from tapedeck.http.endpoint import Request
from tapedeck.operations import participants


@endpoint("update_participant", UpdateParticipantForm, path_alias="label")
def handler(request: Request[UpdateParticipantForm]) -> Response:
    """Return the updated participant; the media engine plays the announcement."""
    address, form, dialect = request.path, request.form, request.dialect
    change = participants.UpdateParticipant(
        form.muted,
        form.hold,
        form.coaches(dialect),
        form.coached,
        form.end_conference_on_exit,
        form.beep_on_exit,
        form.command_payload,
    )
    who = address.participant_or_label
    found = request.services.participants.update(address.account, address.conference_id, who, change)
    return Response(200, dialect.participant(address.account, found))
