"""Mute, hold, place or coach a participant, or have something played to it.

POST /Accounts/{AccountSid}/Conferences/{ConferenceSid}/Participants/{CallSid}
"""

from tapedeck.dialects.dialect import Reply
from tapedeck.dialects.participant_forms import UpdateParticipant
from tapedeck.edge.endpoint import Request
from tapedeck.operations import participants
from tapedeck.wiring import endpoint


@endpoint("update_participant", UpdateParticipant, stands="label")
def handler(request: Request[UpdateParticipant]) -> Reply:
    """Answer with the participant as the update left it; what is to be played is left to the media engine."""
    address, form, dialect = request.address, request.form, request.dialect
    change = participants.UpdateParticipant(
        form.muted,
        form.hold,
        form.coaches(dialect),
        form.coached,
        form.end_conference_on_exit,
        form.beep_on_exit,
        form.commands,
    )
    who = address.participant_or_label
    found = request.service.participants.update(address.account, address.conference_id, who, change)
    return Reply(200, dialect.participant(address.account, found))
