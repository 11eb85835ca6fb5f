"""Fixtures: keys, numbers, applications, calls, conferences and recordings of a YAML file, as in the control API."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from tapedeck.admin.endpoint import format_sid_in_both_dialects
from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.application import Application
from tapedeck.domain.call import CallStatus
from tapedeck.domain.errors import InvalidState, NameInUse
from tapedeck.domain.phone_number import PhoneNumber
from tapedeck.domain.recording import Parent, ParentKind, Recording, RecordingStatus
from tapedeck.operations.api_keys import NewApiKey
from tapedeck.operations.recordings import Recordings, StartRecording
from tapedeck_standin.clock import VirtualClock
from tapedeck_standin.control.number_schemas import CreateApplicationRequest, CreatePhoneNumberRequest
from tapedeck_standin.control.requests import AccountRegistry, ControlError
from tapedeck_standin.control.schemas import (
    AccountSid,
    ControlRequest,
    CreateAccountRequest,
    CreateApiKeyRequest,
    CreateCallRequest,
    CreateConferenceRequest,
)
from tapedeck_standin.recordings.audio import MAX_SECONDS
from tapedeck_standin.recordings.captures import PROCESSING_SECONDS
from tapedeck_standin.telephony.simulator import Telephony

MAX_FIXTURES: Final = 1_000
"""Resources of each kind in a file."""


class InvalidFixtures(Exception):
    """The fixtures file is invalid; the message names the field and the reason."""


class RecordingFixture(ControlRequest):
    """A recording of a call or of a conference.

    `call`: position of the call in `calls`, from 1; `conference`: friendly name of the conference.
    `seconds`: duration. The media of a completed recording can be fetched.
    """

    call: Annotated[int, Field(ge=1)] | None = None
    conference: str | None = None
    status: Literal["completed", "in-progress", "paused"] = "completed"
    seconds: Annotated[float, Field(ge=0, le=MAX_SECONDS, allow_inf_nan=False)] = 10
    recording_channels: Literal["mono", "dual"] = "mono"

    @model_validator(mode="after")
    def _has_one_parent(self) -> Self:
        if (self.call is None) == (self.conference is None):
            raise PydanticCustomError("call", "exactly one of call and conference is required")
        if self.conference is not None and self.recording_channels == "dual":
            raise PydanticCustomError("recording_channels", "a recording of a conference is mono")
        return self


class AccountFixture(CreateAccountRequest):
    """A further account, which the resources of the file may name; its secrets are not printed."""

    sid: AccountSid
    token: Annotated[str, Field(min_length=1, max_length=256, repr=False)]
    signing_key: Annotated[str, Field(min_length=1, max_length=256)] | None = Field(None, repr=False)


class ApiKeyFixture(CreateApiKeyRequest):
    """An API key; its secret is required, because it is not printed."""

    secret: Annotated[str, Field(min_length=1, max_length=256, repr=False)]


class Fixtures(BaseModel):
    """Content of a fixtures file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    accounts: Annotated[tuple[AccountFixture, ...], Field(max_length=MAX_FIXTURES)] = ()
    calls: Annotated[tuple[CreateCallRequest, ...], Field(max_length=MAX_FIXTURES)] = ()
    conferences: Annotated[tuple[CreateConferenceRequest, ...], Field(max_length=MAX_FIXTURES)] = ()
    recordings: Annotated[tuple[RecordingFixture, ...], Field(max_length=MAX_FIXTURES)] = ()
    keys: Annotated[tuple[ApiKeyFixture, ...], Field(max_length=MAX_FIXTURES)] = ()
    applications: Annotated[tuple[CreateApplicationRequest, ...], Field(max_length=MAX_FIXTURES)] = ()
    numbers: Annotated[tuple[CreatePhoneNumberRequest, ...], Field(max_length=MAX_FIXTURES)] = ()

    @classmethod
    def load(cls, path: Path) -> "Fixtures":
        """Read a fixtures file.

        Raises:
            OSError: the file cannot be read.
            InvalidFixtures: the file is not YAML, or does not match the model.
        """
        import yaml  # noqa: PLC0415 - most stand-ins start without fixtures

        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
            # Validate as JSON, as the control API does: a YAML date becomes a string.
            return cls.model_validate_json(json.dumps({} if content is None else content, default=str))
        except (yaml.YAMLError, UnicodeDecodeError, RecursionError, TypeError) as broken:
            raise InvalidFixtures(f"{path}: not valid YAML: {broken}") from broken
        except ValidationError as invalid:
            first = invalid.errors(include_url=False, include_context=False, include_input=False)[0]
            where = ".".join(str(word) for word in first["loc"]) or "the file"
            raise InvalidFixtures(f"{path}: {where}: {first['msg']}") from invalid

    @property
    def seconds(self) -> float:
        """Virtual seconds that loading takes: recordings are created one after the other."""
        return sum(recording.seconds + PROCESSING_SECONDS for recording in self.recordings)


@dataclass(frozen=True, slots=True)
class CreatedResource:
    """A resource that was created from the fixtures; `is_implied`: a recording that a conference's `record` started."""

    account: str
    kind: ResourceType
    id: str
    is_implied: bool = False


class FixtureSids:
    """The sids of what the fixtures created; empty without a fixtures file."""

    def __init__(self) -> None:
        self._created: list[CreatedResource] = []

    def add(self, created: CreatedResource) -> None:
        """Add a resource, each kind in the order of the file."""
        self._created.append(created)

    def body(self, account: str | None = None) -> dict[str, Any]:
        """Return the JSON representation: of one account or of all, by kind, in the order of the file.

        Recordings that `record` of a conference started follow those of the file, so that places are those of the file.
        """
        listed: dict[str, Any] = {name: [] for name in _KINDS.values()}
        found = (each for each in self._created if account in {None, each.account})
        for each in sorted(found, key=lambda created: created.is_implied):
            listed[_KINDS[each.kind]].append({"sid": format_sid_in_both_dialects(each.kind, each.id)})
        return listed


_KINDS: Final = {
    ResourceType.CALL: "calls",
    ResourceType.CONFERENCE: "conferences",
    ResourceType.RECORDING: "recordings",
    ResourceType.API_KEY: "keys",
    ResourceType.APPLICATION: "applications",
    ResourceType.PHONE_NUMBER: "numbers",
}


class FixtureLoader:
    """Creates the resources of a fixtures file.

    Args:
        registry: the known accounts.
        create_account: creates accounts; raises InvalidState if one of this id has another token.
        telephony: creates calls and conferences.
        recordings: starts and stops recordings, as API clients do.
        create_key: creates API keys.
        create_application: creates applications.
        create_number: creates phone numbers.
        run: runs all background work that is due.
        clock: is advanced by the duration of each recording.
    """

    def __init__(
        self,
        registry: AccountRegistry,
        create_account: Callable[..., object],
        telephony: Telephony,
        recordings: Recordings,
        create_key: Callable[[CreateApiKeyRequest], NewApiKey],
        create_application: Callable[[CreateApplicationRequest], Application],
        create_number: Callable[[CreatePhoneNumberRequest], PhoneNumber],
        run: Callable[[], object],
        clock: VirtualClock,
    ) -> None:
        self._registry = registry
        self._create_account = create_account
        self._telephony = telephony
        self._recordings = recordings
        self._create_key = create_key
        self._create_application = create_application
        self._create_number = create_number
        self._run = run
        self._clock = clock

    def create(self, fixtures: Fixtures) -> list[CreatedResource]:
        """Create all resources, each kind in the file's order.

        First accounts, then API keys and applications, then phone numbers, calls, conferences, and recordings last.

        Raises:
            InvalidFixtures: the fixtures contradict each other.
        """
        self._make_accounts(fixtures.accounts)
        calls: list[tuple[str, str]] = []
        conferences_by_name: dict[tuple[str, str | None], str] = {}
        made = [*self._make_keys(fixtures.keys), *self._make_applications(fixtures.applications)]
        made += self._make_numbers(fixtures.numbers)
        recorded = {recording.call for recording in fixtures.recordings if recording.call is not None}
        ended = {place for place, fixture in enumerate(fixtures.calls, 1) if fixture.status is CallStatus.COMPLETED}
        for place, fixture in enumerate(fixtures.calls, 1):
            # A completed call with recordings ends only after they were made.
            call = fixture.call
            if place in recorded & ended:
                call = replace(call, status=CallStatus.IN_PROGRESS)
            account = self._account(fixture, f"calls.{place - 1}")
            calls.append((account, self._telephony.call(account, call).call.id))
            made.append(CreatedResource(account, ResourceType.CALL, calls[-1][1]))
        made += self._make_conferences(fixtures.conferences, conferences_by_name)
        self._run()
        for place, recording in enumerate(fixtures.recordings):
            where = f"recordings.{place}"
            try:
                if recording.status != "completed" and recording.call in ended:
                    raise InvalidFixtures(f"{where}.status: must be completed, because its call is")
                made.append(self._record(recording, calls, conferences_by_name, where))
            except InvalidState as error:
                raise InvalidFixtures(f"{where}: the call or conference is not in progress") from error
        for place in sorted(recorded & ended):
            self._telephony.hang_up(*calls[place - 1])
        self._run()
        return made

    def _make_accounts(self, fixtures: Sequence[AccountFixture]) -> None:
        for place, fixture in enumerate(fixtures):
            try:
                self._create_account(
                    account=fixture.account_id, auth_token=fixture.token, signing_key=fixture.signing_key
                )
            except InvalidState as error:
                raise InvalidFixtures(f"accounts.{place}.token: this account has another token") from error

    def _make_keys(self, fixtures: Sequence[ApiKeyFixture]) -> Iterator[CreatedResource]:
        for place, fixture in enumerate(fixtures):
            account = self._account(fixture, f"keys.{place}")
            try:
                yield CreatedResource(account, ResourceType.API_KEY, self._create_key(fixture).key)
            except ControlError as error:
                raise InvalidFixtures(f"keys.{place}.{error.field}: {error.message}") from error

    def _make_applications(self, fixtures: Sequence[CreateApplicationRequest]) -> Iterator[CreatedResource]:
        for place, fixture in enumerate(fixtures):
            account = self._account(fixture, f"applications.{place}")
            yield CreatedResource(account, ResourceType.APPLICATION, self._create_application(fixture).id)

    def _make_numbers(self, fixtures: Sequence[CreatePhoneNumberRequest]) -> Iterator[CreatedResource]:
        for place, fixture in enumerate(fixtures):
            account = self._account(fixture, f"numbers.{place}")
            try:
                yield CreatedResource(account, ResourceType.PHONE_NUMBER, self._create_number(fixture).id)
            except ControlError as error:
                raise InvalidFixtures(f"numbers.{place}.{error.field}: {error.message}") from error

    def _make_conferences(
        self, fixtures: Sequence[CreateConferenceRequest], ids: dict[tuple[str, str | None], str]
    ) -> Iterator[CreatedResource]:
        """Create the conferences with their recordings, and store the id of each in `ids` by account and name."""
        for place, fixture in enumerate(fixtures):
            account = self._account(fixture, f"conferences.{place}")
            try:
                made = self._telephony.conference(account, fixture.conference)
            except NameInUse as error:
                raise InvalidFixtures(f"conferences.{place}: another live conference has this name") from error
            yield CreatedResource(account, ResourceType.CONFERENCE, made.conference.id)
            for recording in made.recordings:
                yield CreatedResource(account, ResourceType.RECORDING, recording.id, is_implied=True)
            # A live conference takes precedence over ended ones of its name.
            if made.conference.is_live or (account, fixture.friendly_name) not in ids:
                ids[account, fixture.friendly_name] = made.conference.id

    def _account(self, fixture: ControlRequest, where: str) -> str:
        try:
            return self._registry.account(fixture.account_id)
        except ControlError as error:
            raise InvalidFixtures(f"{where}.account: {error.message}: add it to accounts") from error

    def _record(
        self,
        fixture: RecordingFixture,
        calls: list[tuple[str, str]],
        conferences_by_name: Mapping[tuple[str, str | None], str],
        where: str,
    ) -> CreatedResource:
        account = self._account(fixture, where)
        if fixture.call is not None:
            if fixture.call > len(calls):
                raise InvalidFixtures(f"{where}.call: must be at most {len(calls)}, the number of calls")
            parent = Parent(calls[fixture.call - 1][0], ParentKind.CALL, calls[fixture.call - 1][1])
            start = StartRecording(channels=2 if fixture.recording_channels == "dual" else 1)
            recording, is_new = self._recordings.create(parent, start)
            if not is_new:
                raise InvalidFixtures(f"{where}.call: the call already has a recording that is not completed")
        else:
            conference = conferences_by_name.get((account, fixture.conference))
            if conference is None:
                raise InvalidFixtures(f"{where}.conference: no conference has this name")
            parent = Parent(account, ParentKind.CONFERENCE, conference)
            recording = self._telephony.record_conference(account, conference)
        self._run_for(fixture.seconds)
        self._set_status(parent, recording, fixture.status)
        self._run_for(PROCESSING_SECONDS)
        return CreatedResource(parent.account, ResourceType.RECORDING, recording.id)

    def _set_status(self, parent: Parent, recording: Recording, status: str) -> None:
        target: dict[str, Any] = {"completed": RecordingStatus.STOPPED, "paused": RecordingStatus.PAUSED}
        if status in target:
            self._recordings.update(parent, recording.id, target[status])

    def _run_for(self, seconds: float) -> None:
        self._run()
        self._clock.advance(seconds)
        self._run()
