"""The media engine of the stand-in: how it is registered, and how the simulated one is connected."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from tapedeck.background.parents import read_parent
from tapedeck.bootstrap import http as api_bootstrap
from tapedeck.bootstrap.engine_administration import get_engine_admin_services
from tapedeck.bootstrap.engines import get_engine_services
from tapedeck.domain.conference import ConferenceStatus
from tapedeck.domain.engine import MediaEngine
from tapedeck.domain.errors import EngineNameTaken, NotFound
from tapedeck.operations.conferences import ConferenceName
from tapedeck.operations.uploads import UploadRefused
from tapedeck.settings import STANDIN_ENGINE, STANDIN_ENGINE_TOKEN
from tapedeck_protocol.session import OpenSessionRequest
from tapedeck_protocol.uploads import OpenUploadRequest
from tapedeck_standin.aws.standard_queue import MemoryEngineQueues
from tapedeck_standin.calls.instruction_requests import WantedRequest
from tapedeck_standin.calls.webhook_journal import WebhookJournal
from tapedeck_standin.clock import VirtualClock
from tapedeck_standin.faults import MEDIA, Faults
from tapedeck_standin.telephony.engine_links import EngineLinks
from tapedeck_standin.telephony.simulated_engine import SimulatedEngine
from tapedeck_standin.telephony.upload_wire import Captures

if TYPE_CHECKING:
    from tapedeck_callflow.effects import Note

    from tapedeck_standin.calls.leg import Leg

EngineMode = Literal["simulated", "external", "none"]
"""The media engine of a stand-in: the simulated one, one of the user, or none."""


_NEWEST_BOOT: Final = "f" * 32
"""The boot of events by hand: no session of an engine supersedes it."""


def register_engine() -> None:
    """Register the stand-in's engine with its public token; a database that is kept has it already."""
    with suppress(EngineNameTaken):
        get_engine_admin_services().engines.create(STANDIN_ENGINE, token=STANDIN_ENGINE_TOKEN)


def make_simulated_engine(
    queues: MemoryEngineQueues,
    captures: Captures,
    faults: Faults,
    clock: VirtualClock,
    log: Callable[[str], object],
    note: "Callable[[Leg, Note, int], object]",
    journal: WebhookJournal,
) -> SimulatedEngine:
    """Make the simulated engine, which reads the queue of its name.

    Args:
        queues: the queues of all engines.
        captures: stores uploaded captures.
        faults: the injected faults.
        clock: the virtual clock.
        log: receives a line for each event that has no effect.
        note: receives each warning and error of the execution of instructions.
        journal: gets each request for instructions.
    """
    queue, routes = queues[STANDIN_ENGINE], EngineApi(clock)

    def upload(answer: Mapping[str, Any], file: Path) -> int:
        return captures.upload(answer["url"], answer["headers"], file)

    def request(wanted: WantedRequest) -> Mapping[str, Any]:
        return journal.record(wanted, routes.request_document)

    links = EngineLinks(queue.receive, queue.delete, routes.post, upload, request, _find_conference)
    return SimulatedEngine(links, clock, _recording_preference, partial(_missing_media_fault, faults), log, note)


class EngineApi:
    """The routes of the engine protocol, invoked in this process as the stand-in's engine.

    Args:
        clock: the virtual clock.
    """

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._engine = MediaEngine(STANDIN_ENGINE)

    def post(self, route: str, body: Mapping[str, Any]) -> tuple[int, Mapping[str, Any]]:
        """Answer a request to a route; return the status and the body."""
        if route == "events":
            return HTTPStatus.OK, self._take(body["boot"], body["sent_at"], body["events"])
        if route == "sessions":
            return HTTPStatus.OK, get_engine_services().session_requests.open(
                self._engine, OpenSessionRequest.model_validate(body)
            )
        return self._open_upload(OpenUploadRequest.model_validate(body))

    def request_document(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Request instructions from an application, as the route `documents` does.

        Raises:
            DocumentRefused: the call is unknown, or another engine has it.
            StoreBusy, StoreUnavailable: the database does not respond.
        """
        # At the first request: the client of applications is not needed before.
        from tapedeck.background.document_messages import answer_document_request  # noqa: PLC0415
        from tapedeck_protocol.documents import FetchDocumentRequest  # noqa: PLC0415

        request = FetchDocumentRequest.model_validate(body)
        return answer_document_request(get_engine_services().document_requests, self._engine, request)

    def take_event(self, event: Mapping[str, Any]) -> Mapping[str, Any]:
        """Apply an event that is reported by hand; return its outcome."""
        (result,) = self._take(_NEWEST_BOOT, self._clock(), [event])["results"]
        outcome: Mapping[str, Any] = result
        return outcome

    def _take(self, boot: str, sent_at: int, events: Sequence[Any]) -> Mapping[str, Any]:
        # At the first event: the models of all events take a tenth of a start.
        from tapedeck.background.event_batches import ReceivedBatch  # noqa: PLC0415

        return get_engine_services().event_batches.take(self._engine, ReceivedBatch(boot, sent_at, events))

    def _open_upload(self, request: OpenUploadRequest) -> tuple[int, Mapping[str, Any]]:
        parent = read_parent(request.account, request.parent)
        uploads = get_engine_services().uploads
        try:
            opened = uploads.open(self._engine, parent, request.recording, request.bytes, request.sha256)
        except UploadRefused as refused:
            return HTTPStatus.CONFLICT, {"refused": str(refused.code)}
        return HTTPStatus.OK, {"url": opened.url, "headers": opened.headers, "ticket": opened.ticket}


def _missing_media_fault(faults: Faults, account: str) -> int | None:
    effect = faults.apply_next(account, MEDIA)
    return effect.absent if effect is not None else None


def _find_conference(account: str, name: str) -> str | None:
    """Return the id of the live conference of an account with a name."""
    found = api_bootstrap.get_api_services().conferences.latest_with_name(account, ConferenceName(name))
    return found.id if found is not None and found.is_live else None


def _recording_preference(account: str, conference: str) -> Mapping[str, Any] | None:
    """Return the options for recording a conference; None if it needs no recording now.

    The first participant decides. A recording is due if the conference is in progress and is not recorded yet.
    """
    service = api_bootstrap.get_api_services()
    found = service.conferences.get(account, conference)
    if (
        not found.record
        or found.active_recordings
        or found.status is not ConferenceStatus.IN_PROGRESS
        or found.first_call is None
    ):
        return None
    with suppress(NotFound):
        return service.participants.get(account, conference, found.first_call).options
    return {}
