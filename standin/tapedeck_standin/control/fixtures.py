"""What is there from the start: calls, conferences and recordings, as a file names them in the control API's words."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.call import CallStatus
from tapedeck.domain.errors import InvalidState, NameInUse
from tapedeck.domain.recording import Parent, ParentKind, Recording, RecordingStatus
from tapedeck.operations.recordings import Recordings, StartRecording
from tapedeck_standin.control.requests import AccountRegistry, ControlError
from tapedeck_standin.control.schemas import ControlRequest, CreateCallRequest, CreateConferenceRequest
from tapedeck_standin.scheduler.clock import VirtualClock
from tapedeck_standin.telephony.audio import MAX_SECONDS
from tapedeck_standin.telephony.engine import PROCESSING_SECONDS
from tapedeck_standin.telephony.simulator import Telephony

MOST: Final = 1_000
"""Of each kind."""


class InvalidFixtures(Exception):
    """Says what of the file cannot be used, and why."""


class RecordingFixture(ControlRequest):
    """A recording of a call, by its place in `calls`, or of a conference, by its name; so many seconds long.

    Unless it still runs, it is finished, and its media can be fetched.
    """

    call: Annotated[int, Field(ge=1)] | None = None
    conference: str | None = None
    status: Literal["completed", "in-progress", "paused"] = "completed"
    seconds: Annotated[float, Field(ge=0, le=MAX_SECONDS, allow_inf_nan=False)] = 10
    recording_channels: Literal["mono", "dual"] = "mono"

    @model_validator(mode="after")
    def _has_one_parent(self) -> Self:
        if (self.call is None) == (self.conference is None):
            raise PydanticCustomError("call", "either a call or a conference is recorded")
        if self.conference is not None and self.recording_channels == "dual":
            raise PydanticCustomError("recording_channels", "a conference has one channel")
        return self


class Fixtures(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    calls: Annotated[tuple[CreateCallRequest, ...], Field(max_length=MOST)] = ()
    conferences: Annotated[tuple[CreateConferenceRequest, ...], Field(max_length=MOST)] = ()
    recordings: Annotated[tuple[RecordingFixture, ...], Field(max_length=MOST)] = ()

    @classmethod
    def load(cls, path: Path) -> "Fixtures":
        """Read a file.

        Raises:
            OSError: it cannot be read.
            InvalidFixtures: it is no YAML, or something else than fixtures.
        """
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
            # What the control API takes is JSON; a date of YAML's is text there.
            return cls.model_validate_json(json.dumps({} if content is None else content, default=str))
        except (yaml.YAMLError, UnicodeDecodeError, RecursionError, TypeError) as broken:
            raise InvalidFixtures(f"{path}: no YAML: {broken}") from broken
        except ValidationError as invalid:
            first = invalid.errors(include_url=False, include_context=False, include_input=False)[0]
            where = ".".join(str(word) for word in first["loc"]) or "the file"
            raise InvalidFixtures(f"{path}: {where}: {first['msg']}") from invalid

    @property
    def seconds(self) -> float:
        """How long all of it takes: recordings are made one after the other."""
        return sum(recording.seconds + PROCESSING_SECONDS for recording in self.recordings)


@dataclass(frozen=True, slots=True)
class CreatedResource:
    """Something that is there from the start."""

    kind: ResourceType
    id: str


class FixtureLoader:
    """Makes fixtures.

    Args:
        books: which accounts there are.
        telephony: makes calls and conferences.
        recordings: starts what an application would.
        run: does all that can be done now.
        clock: is put forward while a recording runs.
    """

    def __init__(
        self,
        books: AccountRegistry,
        telephony: Telephony,
        recordings: Recordings,
        run: Callable[[], object],
        clock: VirtualClock,
    ) -> None:
        self._books = books
        self._telephony = telephony
        self._recordings = recordings
        self._run = run
        self._clock = clock

    def make(self, fixtures: Fixtures) -> list[CreatedResource]:
        """All of them, in the order in which they are named.

        Raises:
            InvalidFixtures: they do not fit together.
        """
        calls: list[tuple[str, str]] = []
        rooms: dict[tuple[str, str | None], str] = {}
        made: list[CreatedResource] = []
        recorded = {recording.call for recording in fixtures.recordings if recording.call is not None}
        ended = {place for place, order in enumerate(fixtures.calls, 1) if order.status is CallStatus.COMPLETED}
        for place, order in enumerate(fixtures.calls, 1):
            # It ends when its recordings have.
            begun = order
            if place in recorded & ended:
                begun = order.model_copy(update={"status": CallStatus.IN_PROGRESS})
            account = self._account(order, f"calls.{place - 1}")
            calls.append((account, self._telephony.call(account, begun).call.id))
            made.append(CreatedResource(ResourceType.CALL, calls[-1][1]))
        for place, room in enumerate(fixtures.conferences):
            account = self._account(room, f"conferences.{place}")
            try:
                scene = self._telephony.conference(account, room)
            except NameInUse as error:
                raise InvalidFixtures(f"conferences.{place}: another one of this name is live") from error
            made.append(CreatedResource(ResourceType.CONFERENCE, scene.conference.id))
            made += [CreatedResource(ResourceType.RECORDING, recording.id) for recording in scene.recordings]
            # Of several of one name the live one is meant.
            if scene.conference.is_live or (account, room.friendly_name) not in rooms:
                rooms[account, room.friendly_name] = scene.conference.id
        self._run()
        for place, wanted in enumerate(fixtures.recordings):
            where = f"recordings.{place}"
            try:
                if wanted.status != "completed" and wanted.call in ended:
                    raise InvalidFixtures(f"{where}.status: its call is completed, and its recording with it")
                made.append(CreatedResource(ResourceType.RECORDING, self._record(wanted, calls, rooms, where)))
            except InvalidState as error:
                raise InvalidFixtures(f"{where}: what it is of is not in progress") from error
        for place in sorted(recorded & ended):
            self._telephony.hang_up(*calls[place - 1])
        self._run()
        return made

    def _account(self, order: ControlRequest, where: str) -> str:
        try:
            return self._books.account(order.account_id)
        except ControlError as refusal:
            raise InvalidFixtures(f"{where}.account: {refusal.message}") from refusal

    def _record(
        self,
        wanted: RecordingFixture,
        calls: list[tuple[str, str]],
        rooms: Mapping[tuple[str, str | None], str],
        where: str,
    ) -> str:
        account = self._account(wanted, where)
        if wanted.call is not None:
            if wanted.call > len(calls):
                raise InvalidFixtures(f"{where}.call: there are {len(calls)} calls")
            parent = Parent(calls[wanted.call - 1][0], ParentKind.CALL, calls[wanted.call - 1][1])
            start = StartRecording(channels=2 if wanted.recording_channels == "dual" else 1)
            recording, is_new = self._recordings.create(parent, start)
            if not is_new:
                raise InvalidFixtures(f"{where}.call: this one is being recorded already, until that is completed")
        else:
            conference = rooms.get((account, wanted.conference))
            if conference is None:
                raise InvalidFixtures(f"{where}.conference: there is none of this name")
            parent = Parent(account, ParentKind.CONFERENCE, conference)
            recording = self._telephony.record_conference(account, conference)
        self._pass(wanted.seconds)
        self._move(parent, recording, wanted.status)
        self._pass(PROCESSING_SECONDS)
        return recording.id

    def _move(self, parent: Parent, recording: Recording, status: str) -> None:
        target: dict[str, Any] = {"completed": RecordingStatus.STOPPED, "paused": RecordingStatus.PAUSED}
        if status in target:
            self._recordings.update(parent, recording.id, target[status])

    def _pass(self, seconds: float) -> None:
        self._run()
        self._clock.advance(seconds)
        self._run()
