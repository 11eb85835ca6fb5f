"""Pause, resume or stop a recording, and wait for the media engine if the account waits for this update."""

from tapedeck.dialects.dialect import Response
from tapedeck.dialects.forms.quick import QuickUpdateRecording
from tapedeck.domain.account import ConfirmUpdates
from tapedeck.domain.errors import NoActiveRecording
from tapedeck.domain.recording import Recording, RecordingStatus
from tapedeck.http.endpoint import Request


def update_recording(request: Request[QuickUpdateRecording]) -> Response:
    """Return the updated recording.

    Raises:
        NotConfirmed: the media engine has not confirmed the update, which stays requested.
        NotEligibleForRecording: its capture has ended, or its media engine cannot pause.
        NotFound, AmbiguousCurrentRecording: as `Recordings.update`.
    """
    services, form = request.services, request.form
    parent, named = request.path.parent, request.path.recording_or_current

    def find() -> Recording | None:
        try:
            return (
                services.recordings.get(parent, named)
                if isinstance(named, str)
                else services.recordings.current(parent)
            )
        except NoActiveRecording:
            return None

    if not _waits(services.authenticator.confirms(request.path.account), form.target):
        recording = services.recordings.update(parent, named, form.target, form.pause_behavior)
        return Response(200, request.dialect.recording(recording, changed=True))
    confirmations = services.confirmations
    if form.target is RecordingStatus.PAUSED:
        confirmations.require_pausable(parent, find)
    started = confirmations.start()
    recording = services.recordings.update(parent, named, form.target, form.pause_behavior)
    return Response(200, request.dialect.recording(confirmations.wait(recording, started), changed=True))


def _waits(rule: ConfirmUpdates, target: RecordingStatus) -> bool:
    if target is RecordingStatus.STOPPED:
        return rule is ConfirmUpdates.PAUSE_AND_STOP
    return target is RecordingStatus.PAUSED and rule is not ConfirmUpdates.NONE
