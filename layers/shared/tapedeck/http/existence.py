"""Whether the resource of a path exists: it takes precedence over an invalid parameter (C-8)."""

from typing import Final

from tapedeck.dialects.dialect import Dialect
from tapedeck.dialects.errors import find_answers
from tapedeck.domain.errors import ConferenceOverForParticipant
from tapedeck.http.resource_path import PathAlias, ResourcePath
from tapedeck.http.services import ApiServices
from tapedeck.operations.recordings import Current

_NOT_FOUND: Final = 404


def check_exists(
    services: ApiServices, address: ResourcePath, dialect: Dialect, path_alias: PathAlias | None, *, deleted: bool
) -> None:
    """Read the resource of a path once; raises NotFound if it does not exist.

    With `deleted`, a deleted recording counts as existing.
    """
    if path_alias == "deleted":
        from tapedeck.domain.page import PageRequest  # noqa: PLC0415 - few functions need it

        services.transcriptions.of_recording(
            address.account, address.recording_id, PageRequest(1), deleted=dialect.supports_include_soft_deleted
        )
    elif path_alias == "name_or_new":
        services.participants.find_dial_target(address.account, address.conference_or_name)
    elif address.participant is not None:
        _find_participant(services, address, dialect)
    elif address.transcription is not None:
        services.transcriptions.get(address.account, address.transcription)
    elif isinstance(address.recording, Current):
        services.recordings.require_parent(address.parent)
    elif address.recording is not None and (address.call or address.conference) is not None:
        services.recordings.get(address.parent, address.recording)
    elif address.recording is not None:
        services.recordings.find(address.account, address.recording, deleted=deleted)
    elif address.conference is not None:
        services.conferences.get(address.account, address.conference)
    else:
        _check_other(services, address)


def _check_other(services: ApiServices, address: ResourcePath) -> None:
    if address.call is not None:
        services.calls.get(address.account, address.call)
    elif address.api_key is not None:
        services.api_keys.get(address.account, address.api_key)
    elif address.phone_number is not None:
        services.phone_numbers.get(address.account, address.phone_number)
    elif address.application is not None:
        services.applications.get(address.account, address.application)


def _find_participant(services: ApiServices, address: ResourcePath, dialect: Dialect) -> None:
    try:
        services.participants.find(address.account, address.conference_id, address.participant_or_label)
    except ConferenceOverForParticipant as error:
        # The dialect decides whether a participant of an ended conference still exists.
        if dialect.answer_for(find_answers(error)).status == _NOT_FOUND:
            raise
