"""Tests that the API returns every example response of tests/wire/examples.

A scenario for each example sets up the same account, names, numbers and times, and sends the example's request. The
bodies must be equal, with the same order and types of fields. Ids that contain a time are replaced in the example
before the comparison.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple
from uuid import UUID

import pytest
from botocore.exceptions import ClientError

from tapedeck.bootstrap import http as api_bootstrap
from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.call import Call
from tapedeck.domain.conference import Conference
from tapedeck.domain.participant import Participant
from tapedeck.domain.recording import Recording, Source
from tapedeck.operations.accounts import Accounts
from tests.client import DIALECTS, Answer, FunctionClient
from tests.conftest import DYNAMODB_URL
from tests.functions.stage import START, Stage, Wire, WireRequest, assert_answer
from tests.media import finish
from tests.reporter import join_conference
from tests.wire import samples
from tests.wire.facts import load

NAMES: Final = [f"{dialect}.{name}" for dialect, name in samples.names()]

pytestmark = pytest.mark.skipif(bool(DYNAMODB_URL), reason="the examples' account is not deleted there after each test")

ACCOUNT: Final = "5f0c3b1e8d274a69b7c2d41e9a60f835"
CALL: Final = "0b7d9c52e1f64a3885c06d2f7e914ba3"
SECOND_CALL: Final = "c4a81f70d3b94e5e9267ab05f1d83c26"
CONFERENCE: Final = "7e25d6b09f1c4c83a4f8310b6dc972e5"
CALL_RECORDING: Final = "2d94e7f1a05b4b76930c8e6f5ab1d742"
CONFERENCE_RECORDING: Final = "96bf03c8472e4d1fb5a97d18e0c36f54"
SECOND_CALL_RECORDING: Final = "e83a5d1c6b0f4927815de92f4c7b0a6d"
TRANSCRIPTION: Final = "41f6a29b7c8d4e05a3b1609fd2e8c573"
KEY: Final = "b57d0e2a94c84f16a3e8d7250f9b6c41"
KEY_SECRET: Final = "a94f02c7d85e4b13960d7e2fb8c1a356"
PHONE_NUMBER: Final = "016612f5f1e87a3d9c41b7e05d2f8a66"
APPLICATION: Final = "016612f5f1ea7c5b8e62a9d04f1c7b83"
TOKEN: Final = "3c1f9a7be2d04856b1a7c93e5d20f864"

NAME: Final = "Weekly review"
TEXT: Final = "Good morning, this is the office."
PARTIES: Final = {"From": "+12025550143", "To": "+12025550178"}

HOST: Final = "api.example.com"
"""The host of the API, with which media URLs begin."""

SUFFIXES: Final = {"twilio": ".json", "signalwire": ""}
"""The suffix of the paths in each vendor's specification."""


# --- The scenario ----------------------------------------------------------------------------------------------------


@dataclass
class Scenario:
    """Sets up the situations of the examples, which start at 23:00:00, and sends their requests in one dialect.

    Ids are those of the examples, unless the resource shows its creation time: ids here are UUIDs of version 7 and
    contain that time, but the examples' ids do not. `ids` maps such an id of the examples to the one used here.
    """

    client: FunctionClient
    stage: Stage
    wire: Wire
    ids: dict[str, str] = field(default_factory=dict)

    def at(self, seconds: int) -> None:
        """Set the clock to this many seconds after 23:00:00."""
        self.stage.clock.milliseconds = (START + seconds) * 1000

    def new_id(self, original: str) -> str:
        """Make an id for a resource created now, in place of an example's id, and advance the clock by 1 ms."""
        self.stage.clock.milliseconds += 1
        self.ids[original] = f"{self.stage.clock():012x}7{original[13:]}"
        return self.ids[original]

    def record_id(self, original: str, kind: ResourceType, sid: str) -> None:
        """Record the id that the API generated in place of an example's id."""
        identifier = self.client.dialect.parse_sid(kind, sid)
        assert identifier is not None
        self.ids[original] = identifier

    def sid(self, kind: ResourceType, original: str) -> str:
        """Return the sid used here in place of an example's id."""
        return self.client.sid(kind, self.ids.get(original, original))

    def request(
        self,
        method: str,
        *parts: str,
        form: dict[str, str] | None = None,
        suffix: str | None = None,
        authorization: str | None = "",
    ) -> Answer:
        """Request a path below the account as the vendor's clients do; the last part may include a query."""
        last, mark, query = parts[-1].partition("?")
        ending = SUFFIXES[self.client.dialect.name] if suffix is None else suffix
        path = "/".join((self.client.base, *parts[:-1], last)) + ending + mark + query
        headers = {"Host": HOST}
        return self.client.request(method, path, form=form, headers=headers, authorization=authorization)

    def expected_body(self, name: str) -> Any:
        """Return the body of an example with the ids used here."""
        vendor, _, noun = name.partition(".")
        text = json.dumps(samples.example(vendor, noun).body)
        for original, identifier in self.ids.items():
            text = text.replace(original, identifier).replace(str(UUID(original)), str(UUID(identifier)))
        return json.loads(text)

    # Paths.

    @property
    def call_path(self) -> tuple[str, ...]:
        """The path of the call."""
        return ("Calls", self.sid(ResourceType.CALL, CALL))

    @property
    def conference_path(self) -> tuple[str, ...]:
        """The path of the conference."""
        return ("Conferences", self.sid(ResourceType.CONFERENCE, CONFERENCE))

    @property
    def call_recording_path(self) -> tuple[str, ...]:
        """The path of the call's recording."""
        return (*self.call_path, "Recordings", self.sid(ResourceType.RECORDING, CALL_RECORDING))

    @property
    def conference_recording_path(self) -> tuple[str, ...]:
        """The path of the conference's recording."""
        return (*self.conference_path, "Recordings", self.sid(ResourceType.RECORDING, CONFERENCE_RECORDING))

    @property
    def participant_path(self) -> tuple[str, ...]:
        """The path of the participant."""
        return (*self.conference_path, "Participants", self.sid(ResourceType.CALL, CALL))

    # Resources and events.

    def call(self) -> Call:
        """Store a call that was started at 22:59:50 and answered at 22:59:55."""
        self.at(-10)
        answered = START - 5
        parties = {"to": PARTIES["To"], "from_": PARTIES["From"]}
        call = self.stage.call(id=self.new_id(CALL), started=answered, updated=answered, **parties)
        self.at(0)
        return call

    def ended_call(self) -> Answer:
        """End that call over the API at 23:00:06."""
        self.call()
        self.at(6)
        return self.request("POST", *self.call_path, form={"Status": "completed"})

    def call_recording(self) -> Recording:
        """Store a call recording that the API started at 23:00:00."""
        return self.stage.recording(self.stage.call(id=CALL), id=self.new_id(CALL_RECORDING))

    def second_call_recording(self) -> Recording:
        """Store a recording of the second call that a `<Record>` verb started at 23:00:00."""
        call = self.stage.call(id=SECOND_CALL)
        source = Source.RECORD_VERB
        return self.stage.recording(call, source=source, trim="trim-silence", id=self.new_id(SECOND_CALL_RECORDING))

    def conference_recording(self) -> Recording:
        """Store a conference recording that markup started at 23:00:00; the conference's first call is the call."""
        conference = self.stage.conference(name=NAME, id=CONFERENCE, first_call=CALL)
        return self.stage.recording(conference, id=self.new_id(CONFERENCE_RECORDING))

    def finish(self, *recordings: Recording, stopped: int = 4, seconds: float = 4) -> None:
        """Stop the recordings at `stopped` seconds after 23:00:00, and complete them at 23:00:06."""
        service = self.stage.services
        self.at(stopped)
        for recording in recordings:
            self.stop(recording)
        self.at(6)
        for recording in recordings:
            finish(service, recording, seconds=seconds)

    def stop(self, recording: Recording) -> None:
        """Stop a recording over the API."""
        of_call = recording.parent.id in {CALL, SECOND_CALL}
        kind, noun = (ResourceType.CALL, "Calls") if of_call else (ResourceType.CONFERENCE, "Conferences")
        parent, own = self.client.sid(kind, recording.parent.id), self.client.sid(ResourceType.RECORDING, recording.id)
        answer = self.request("POST", noun, parent, "Recordings", own, form={"Status": "stopped"})
        assert answer.status == 200

    def conference(self) -> Conference:
        """Store a conference in which one participant has waited since 23:00:00."""
        conference = self.stage.conference("init", NAME, id=self.new_id(CONFERENCE), participants=1)
        self.stage.participant(conference)
        return conference

    def started_conference(self) -> None:
        """Start that conference: a second participant joins at 23:00:02."""
        conference = self.conference()
        second = self.stage.call()
        self.at(2)
        join_conference(self.stage.services, ACCOUNT, conference.id, second.id)

    def participant(self) -> Participant:
        """Dial a participant at 23:00:00 who answers at 23:00:02."""
        conference = self.stage.conference(id=CONFERENCE)
        call = self.stage.call("queued", id=CALL, conference=CONFERENCE)
        self.stage.participant(conference, call, "queued")
        self.at(2)
        self.stage.engine.answered(CALL)
        return self.stage.services.participants.get(ACCOUNT, CONFERENCE, CALL)

    @contextmanager
    def failing_writes(self, code: str) -> Iterator[None]:
        """Make all DynamoDB writes fail with this error code."""

        def fail(when: str, request: WireRequest) -> None:
            if when == "sent" and request.writes:
                raise ClientError({"Error": {"Code": code}}, request.operation)

        with self.wire.watched_by(fail):
            yield


# --- The examples ----------------------------------------------------------------------------------------------------
# Each function sets up its situation and yields every response that must equal the example.


def completed_call(scenario: Scenario) -> Iterator[Answer]:
    """Update a call to end it, and get it."""
    yield scenario.ended_call()
    yield scenario.request("GET", *scenario.call_path)


def calls(scenario: Scenario, query: str = "") -> Iterator[Answer]:
    """List calls."""
    scenario.ended_call()
    yield scenario.request("GET", f"Calls{query}")


def created_call_recording(scenario: Scenario) -> Iterator[Answer]:
    """Start a recording of a call."""
    scenario.stage.call(id=CALL)
    answer = scenario.request("POST", *scenario.call_path, "Recordings", form={})
    scenario.record_id(CALL_RECORDING, ResourceType.RECORDING, answer.body["sid"])
    yield answer


def paused_call_recording(scenario: Scenario) -> Iterator[Answer]:
    """Pause a call recording twice; the second pause changes nothing."""
    scenario.call_recording()
    scenario.at(2)
    yield scenario.request("POST", *scenario.call_recording_path, form={"Status": "paused"})
    scenario.at(3)
    yield scenario.request("POST", *scenario.call_recording_path, form={"Status": "paused"})
    if scenario.client.dialect.supports_current_alias:
        yield scenario.request("POST", *scenario.call_path, "Recordings", "Twilio.CURRENT", form={"Status": "paused"})


def completed_call_recording(scenario: Scenario) -> Iterator[Answer]:
    """Get a completed call recording, and stop it again."""
    scenario.finish(scenario.call_recording())
    yield scenario.request("GET", *scenario.call_recording_path)
    yield scenario.request("POST", *scenario.call_recording_path, form={"Status": "stopped"})


def call_recordings(scenario: Scenario) -> Iterator[Answer]:
    """List a call's recordings."""
    scenario.finish(scenario.call_recording())
    yield scenario.request("GET", *scenario.call_path, "Recordings")


def waiting_conference(scenario: Scenario) -> Iterator[Answer]:
    """Get a conference that has not started, and update it without parameters."""
    scenario.conference()
    yield scenario.request("GET", *scenario.conference_path)
    yield scenario.request("POST", *scenario.conference_path)


def started_conference(scenario: Scenario) -> Iterator[Answer]:
    """Get a started conference, and update it without parameters."""
    scenario.started_conference()
    yield scenario.request("GET", *scenario.conference_path)
    yield scenario.request("POST", *scenario.conference_path)


def completed_conference(scenario: Scenario) -> Iterator[Answer]:
    """End a conference, and get it."""
    scenario.started_conference()
    scenario.at(6)
    yield scenario.request("POST", *scenario.conference_path, form={"Status": "completed"})
    yield scenario.request("GET", *scenario.conference_path)


def conferences(scenario: Scenario, query: str = "") -> Iterator[Answer]:
    """List conferences."""
    scenario.started_conference()
    yield scenario.request("GET", f"Conferences{query}")


def paused_conference_recording(scenario: Scenario) -> Iterator[Answer]:
    """Pause a conference recording twice; the second pause changes nothing."""
    scenario.conference_recording()
    scenario.at(2)
    yield scenario.request("POST", *scenario.conference_recording_path, form={"Status": "paused"})
    scenario.at(3)
    yield scenario.request("POST", *scenario.conference_recording_path, form={"Status": "paused"})


def completed_conference_recording(scenario: Scenario) -> Iterator[Answer]:
    """Get a completed conference recording, and stop it again."""
    scenario.finish(scenario.conference_recording())
    yield scenario.request("GET", *scenario.conference_recording_path)
    yield scenario.request("POST", *scenario.conference_recording_path, form={"Status": "stopped"})


def conference_recordings(scenario: Scenario) -> Iterator[Answer]:
    """List a conference's recordings."""
    scenario.finish(scenario.conference_recording())
    yield scenario.request("GET", *scenario.conference_path, "Recordings")


def participant(scenario: Scenario) -> Iterator[Answer]:
    """Get a participant, and update it without parameters."""
    scenario.participant()
    yield scenario.request("GET", *scenario.participant_path)
    yield scenario.request("POST", *scenario.participant_path, form={})


def muted_participant(scenario: Scenario) -> Iterator[Answer]:
    """Mute a participant, and get it."""
    scenario.participant()
    scenario.at(4)
    yield scenario.request("POST", *scenario.participant_path, form={"Muted": "true"})
    yield scenario.request("GET", *scenario.participant_path)


def participants(scenario: Scenario, query: str = "") -> Iterator[Answer]:
    """List participants."""
    scenario.participant()
    yield scenario.request("GET", *scenario.conference_path, f"Participants{query}")


def created_participant(scenario: Scenario) -> Iterator[Answer]:
    """Dial a participant."""
    scenario.stage.conference(name=NAME, id=CONFERENCE)
    answer = scenario.request("POST", *scenario.conference_path, "Participants", form={**PARTIES, "Label": "customer"})
    scenario.record_id(CALL, ResourceType.CALL, answer.body["call_sid"])
    yield answer


def completed_recording(scenario: Scenario) -> Iterator[Answer]:
    """Get a completed recording."""
    scenario.finish(scenario.call_recording())
    yield scenario.request("GET", "Recordings", scenario.sid(ResourceType.RECORDING, CALL_RECORDING), suffix=".json")


def absent_recording(scenario: Scenario) -> Iterator[Answer]:
    """Get an absent recording, whose capture was half a second long."""
    scenario.finish(scenario.second_call_recording(), stopped=0, seconds=0.5)
    yield scenario.request(
        "GET", "Recordings", scenario.sid(ResourceType.RECORDING, SECOND_CALL_RECORDING), suffix=".json"
    )


def deleted_recording(scenario: Scenario) -> Iterator[Answer]:
    """Get a recording that was deleted nine hours later."""
    scenario.finish(scenario.call_recording())
    scenario.at(9 * 3600)
    own = scenario.sid(ResourceType.RECORDING, CALL_RECORDING)
    assert scenario.request("DELETE", "Recordings", own).status == 204
    yield scenario.request("GET", "Recordings", f"{own}?IncludeSoftDeleted=true")


def no_recordings(scenario: Scenario, query: str = "") -> Iterator[Answer]:
    """List no recordings; with a date filter there is one of the day before."""
    if query:
        scenario.at(-86_400)
        scenario.call_recording()
    yield scenario.request("GET", f"Recordings{query}")


def first_page(scenario: Scenario) -> Iterator[Answer]:
    """List the first two of three recordings."""
    scenario.finish(scenario.call_recording(), scenario.conference_recording(), scenario.second_call_recording())
    yield scenario.request("GET", "Recordings?PageSize=2")


def second_page(scenario: Scenario) -> Iterator[Answer]:
    """Follow the next link of the first page."""
    (first,) = first_page(scenario)
    yield scenario.client.request("GET", first.body["next_page_uri"], headers={"Host": HOST})


def transcription(scenario: Scenario) -> Iterator[Answer]:
    """Get a transcription below its recording and below the account."""
    scenario.at(6)
    scenario.stage.transcription(CALL_RECORDING, id=scenario.new_id(TRANSCRIPTION), text=TEXT)
    path = ("Transcriptions", scenario.sid(ResourceType.TRANSCRIPTION, TRANSCRIPTION))
    yield scenario.request("GET", "Recordings", scenario.sid(ResourceType.RECORDING, CALL_RECORDING), *path)
    yield scenario.request("GET", *path)


def account(scenario: Scenario) -> Iterator[Answer]:
    """Get the account with its auth token, at both forms of its path."""
    for suffix in ("", ".json"):
        yield scenario.client.request("GET", scenario.client.base + suffix)


def accounts(scenario: Scenario) -> Iterator[Answer]:
    """List the accounts that the auth token may see, below both prefixes."""
    for root in ("/2010-04-01", "/api/laml/2010-04-01"):
        yield scenario.client.request("GET", f"{root}/Accounts.json")


def created_key(scenario: Scenario) -> Iterator[Answer]:
    """Create an API key at 23:00:00."""
    answer = scenario.request("POST", "Keys", form={"FriendlyName": "Reports"})
    scenario.record_id(KEY, ResourceType.API_KEY, answer.body["sid"])
    scenario.ids[KEY_SECRET] = answer.body["secret"]
    yield answer


def renamed_key(scenario: Scenario) -> Iterator[Answer]:
    """Rename an API key at 23:00:06, then read it, and update it without a name."""
    list(created_key(scenario))
    path = ("Keys", scenario.sid(ResourceType.API_KEY, KEY))
    scenario.at(6)
    yield scenario.request("POST", *path, form={"FriendlyName": "Monthly reports"})
    scenario.at(7)
    yield scenario.request("GET", *path)
    yield scenario.request("POST", *path, form={})


def keys(scenario: Scenario) -> Iterator[Answer]:
    """List API keys."""
    list(created_key(scenario))
    yield scenario.request("GET", "Keys")


SETTING_URLS: Final = {
    "VoiceUrl": "https://app.example.com/voice",
    "VoiceFallbackUrl": "https://app.example.com/fallback",
    "StatusCallback": "https://app.example.com/status",
    "SmsUrl": "https://app.example.com/sms",
    "SmsFallbackUrl": "https://app.example.com/sms-fallback",
}
"""The URLs of a phone number and of an application."""


def phone_number(scenario: Scenario) -> Iterator[Answer]:
    """Create a phone number at 23:00:00, give it URLs at 23:00:06, then read it."""
    made = scenario.request("POST", "IncomingPhoneNumbers", form={"PhoneNumber": "+12025550100"})
    scenario.record_id(PHONE_NUMBER, ResourceType.PHONE_NUMBER, made.body["sid"])
    scenario.at(6)
    path = ("IncomingPhoneNumbers", made.body["sid"])
    yield scenario.request("POST", *path, form=SETTING_URLS)
    yield scenario.request("GET", *path)


def phone_numbers(scenario: Scenario) -> Iterator[Answer]:
    """List phone numbers."""
    list(phone_number(scenario))
    yield scenario.request("GET", "IncomingPhoneNumbers")


def application(scenario: Scenario) -> Iterator[Answer]:
    """Create an application at 23:00:00, give it URLs at 23:00:06, then read it."""
    name = {"FriendlyName": "Reception"}
    made = scenario.request("POST", "Applications", form=name)
    scenario.record_id(APPLICATION, ResourceType.APPLICATION, made.body["sid"])
    urls = {
        **SETTING_URLS,
        "SmsStatusCallback": "https://app.example.com/sms-status",
        "MessageStatusCallback": "https://app.example.com/messages",
    }
    scenario.at(6)
    path = ("Applications", made.body["sid"])
    yield scenario.request("POST", *path, form={**name, **urls})
    yield scenario.request("GET", *path)


def applications(scenario: Scenario) -> Iterator[Answer]:
    """List applications."""
    list(application(scenario))
    yield scenario.request("GET", "Applications")


def missing_parameter(scenario: Scenario) -> Iterator[Answer]:
    """Update recordings without a status."""
    scenario.call_recording()
    scenario.conference_recording()
    yield scenario.request("POST", *scenario.call_recording_path, form={})
    yield scenario.request("POST", *scenario.conference_recording_path, form={"PauseBehavior": "skip"})


def not_eligible(scenario: Scenario) -> Iterator[Answer]:
    """Start a recording of an ended call, and update stopped recordings."""
    of_call, of_conference = scenario.call_recording(), scenario.conference_recording()
    scenario.stop(of_conference)
    scenario.stage.services.calls.end(ACCOUNT, of_call.parent.id)
    yield scenario.request("POST", *scenario.call_path, "Recordings", form={})
    yield scenario.request("POST", *scenario.call_recording_path, form={"Status": "paused"})
    yield scenario.request("POST", *scenario.conference_recording_path, form={"Status": "in-progress"})


def no_credentials(scenario: Scenario) -> Iterator[Answer]:
    """Send requests without credentials."""
    yield scenario.request("GET", "Recordings", authorization=None)
    yield scenario.request("POST", *scenario.call_path, "Recordings", form={}, authorization=None)


def bad_credentials(scenario: Scenario) -> Iterator[Answer]:
    """Send requests with a wrong token."""
    impostor = replace(scenario, client=replace(scenario.client, secret="another token"))
    yield impostor.request("GET", "Recordings")
    yield impostor.request("POST", *scenario.call_path, "Recordings", form={})


def no_or_bad_credentials(scenario: Scenario) -> Iterator[Answer]:
    """Send requests without credentials and with a wrong token, which get the same response."""
    yield from no_credentials(scenario)
    yield from bad_credentials(scenario)


def not_found(scenario: Scenario) -> Iterator[Answer]:
    """Get and delete an unknown recording; a get without a suffix requests its media."""
    for method in ("GET", "DELETE"):
        yield scenario.request(method, "Recordings", scenario.sid(ResourceType.RECORDING, SECOND_CALL_RECORDING))


def wrong_method(scenario: Scenario) -> Iterator[Answer]:
    """POST to a recording below the account, and PUT to a list."""
    yield scenario.request(
        "POST", "Recordings", scenario.sid(ResourceType.RECORDING, CALL_RECORDING), form={"Status": "paused"}
    )
    yield scenario.request("PUT", "Recordings", form={})


def invalid_status(scenario: Scenario) -> Iterator[Answer]:
    """Send an invalid status in updates of a recording and a call, and in a list of calls."""
    scenario.call_recording()
    yield scenario.request("POST", *scenario.call_recording_path, form={"Status": "resumed"})
    yield scenario.request("POST", *scenario.call_path, form={"Status": "ringing"})
    yield scenario.request("GET", "Calls?Status=over")


def invalid_status_of_conference_recording(scenario: Scenario) -> Iterator[Answer]:
    """Send an invalid status in an update of a conference recording."""
    scenario.conference_recording()
    yield scenario.request("POST", *scenario.conference_recording_path, form={"Status": "resumed"})


def not_changed_in_time(scenario: Scenario) -> Iterator[Answer]:
    """Update recordings whose writes keep conflicting."""
    scenario.call_recording()
    scenario.conference_recording()
    with scenario.failing_writes("TransactionConflictException"):
        yield scenario.request("POST", *scenario.call_recording_path, form={"Status": "paused"})
        yield scenario.request("POST", *scenario.conference_recording_path, form={"Status": "stopped"})


def too_many_requests(scenario: Scenario) -> Iterator[Answer]:
    """Send writing requests while DynamoDB throttles."""
    scenario.stage.call(id=CALL)
    scenario.stage.conference(id=CONFERENCE)
    with scenario.failing_writes("ThrottlingException"):
        yield scenario.request("POST", *scenario.call_path, "Recordings", form={})
        yield scenario.request("POST", *scenario.call_path, form={"Status": "completed"})
        yield scenario.request("POST", *scenario.conference_path, form={"Status": "completed"})


class Reproduction(NamedTuple):
    """How an example is reproduced: a function that yields the responses, and their status."""

    responses: Callable[[Scenario], Iterator[Answer]]
    status: int = 200


def with_query(responses: Callable[[Scenario, str], Iterator[Answer]], query: str) -> Reproduction:
    """Reproduce an example of a list with this query."""
    return Reproduction(lambda scenario: responses(scenario, query))


REPRODUCTIONS: Final = {
    "signalwire.account": Reproduction(account),
    "signalwire.account_list": Reproduction(accounts),
    "signalwire.call.completed": Reproduction(completed_call),
    "signalwire.call_list": Reproduction(calls),
    "signalwire.call_recording.completed": Reproduction(completed_call_recording),
    "signalwire.call_recording.created": Reproduction(created_call_recording),
    "signalwire.call_recording.paused": Reproduction(paused_call_recording),
    "signalwire.conference.completed": Reproduction(completed_conference),
    "signalwire.conference.in-progress": Reproduction(started_conference),
    "signalwire.conference.init": Reproduction(waiting_conference),
    "signalwire.conference_list": Reproduction(conferences),
    "signalwire.conference_recording.completed": Reproduction(completed_conference_recording),
    "signalwire.conference_recording.paused": Reproduction(paused_conference_recording),
    "signalwire.conference_recording_list": Reproduction(conference_recordings),
    "signalwire.error.400.not_eligible": Reproduction(not_eligible, 400),
    "signalwire.error.401": Reproduction(no_or_bad_credentials, 401),
    "signalwire.error.404": Reproduction(not_found, 404),
    "signalwire.error.422": Reproduction(invalid_status, 422),
    "signalwire.error.422.conference_recording_update": Reproduction(invalid_status_of_conference_recording, 422),
    "signalwire.participant": Reproduction(participant),
    "signalwire.participant.muted": Reproduction(muted_participant),
    "signalwire.participant_list": Reproduction(participants),
    "signalwire.recording.absent": Reproduction(absent_recording),
    "signalwire.recording_list.empty": Reproduction(no_recordings),
    "signalwire.recording_list.page0": Reproduction(first_page),
    "signalwire.recording_list.page1": Reproduction(second_page),
    "signalwire.transcription": Reproduction(transcription),
    "twilio.account": Reproduction(account),
    "twilio.account_list": Reproduction(accounts),
    "signalwire.phone_number": Reproduction(phone_number),
    "signalwire.phone_number_list": Reproduction(phone_numbers),
    "signalwire.application": Reproduction(application),
    "signalwire.application_list": Reproduction(applications),
    "twilio.application": Reproduction(application),
    "twilio.application_list": Reproduction(applications),
    "twilio.phone_number": Reproduction(phone_number),
    "twilio.phone_number_list": Reproduction(phone_numbers),
    "twilio.key": Reproduction(renamed_key),
    "twilio.key.created": Reproduction(created_key, 201),
    "twilio.key_list": Reproduction(keys),
    "twilio.call.completed": Reproduction(completed_call),
    "twilio.call_list": with_query(calls, "?Status=completed"),
    "twilio.call_recording.completed": Reproduction(completed_call_recording),
    "twilio.call_recording.created": Reproduction(created_call_recording, 201),
    "twilio.call_recording.paused": Reproduction(paused_call_recording),
    "twilio.call_recording_list": Reproduction(call_recordings),
    "twilio.conference.completed": Reproduction(completed_conference),
    "twilio.conference.in-progress": Reproduction(started_conference),
    "twilio.conference.init": Reproduction(waiting_conference),
    "twilio.conference_list": with_query(conferences, "?Status=in-progress"),
    "twilio.conference_recording.completed": Reproduction(completed_conference_recording),
    "twilio.conference_recording.paused": Reproduction(paused_conference_recording),
    "twilio.conference_recording_list": Reproduction(conference_recordings),
    "twilio.error.400.missing_parameter": Reproduction(missing_parameter, 400),
    "twilio.error.400.not_eligible": Reproduction(not_eligible, 400),
    "twilio.error.401.bad_credentials": Reproduction(bad_credentials, 401),
    "twilio.error.401.no_credentials": Reproduction(no_credentials, 401),
    "twilio.error.404": Reproduction(not_found, 404),
    "twilio.error.405": Reproduction(wrong_method, 405),
    "twilio.error.408": Reproduction(not_changed_in_time, 408),
    "twilio.error.429": Reproduction(too_many_requests, 429),
    "twilio.participant": Reproduction(participant),
    "twilio.participant.created": Reproduction(created_participant, 201),
    "twilio.participant.muted": Reproduction(muted_participant),
    "twilio.participant_list": with_query(participants, "?Muted=false"),
    "twilio.recording.absent": Reproduction(absent_recording),
    "twilio.recording.completed": Reproduction(completed_recording),
    "twilio.recording.deleted": Reproduction(deleted_recording),
    "twilio.recording_list.empty": with_query(no_recordings, "?DateCreated%3E=2018-09-25"),
    "twilio.recording_list.page0": Reproduction(first_page),
    "twilio.recording_list.page1": Reproduction(second_page),
    "twilio.transcription": Reproduction(transcription),
}

# --- The tests -------------------------------------------------------------------------------------------------------


@pytest.fixture
def make_scenario(reconciled: None, make_stage: Callable[[str], Stage], wire: Wire) -> Callable[[str], Scenario]:
    """Makes scenarios of a vendor, with the examples' account and no resources."""
    del reconciled  # deletes the account after the test
    common = api_bootstrap.get_admin_services().accounts
    administration = Accounts(common._credentials, common._encryptor, lambda: (START - 10) * 1000)
    made = administration.create(account=ACCOUNT, auth_token=TOKEN)

    def make(vendor: str) -> Scenario:
        client = FunctionClient(DIALECTS[vendor], ACCOUNT, made.auth_token)
        scenario = Scenario(client, make_stage(ACCOUNT), wire)
        scenario.at(0)
        return scenario

    return make


@pytest.mark.parametrize("name", NAMES)
def test_reproduces_the_example(make_scenario: Callable[[str], Scenario], name: str) -> None:
    """The response in the example's situation has the same body: every field, in the same order."""
    assert name in REPRODUCTIONS, "this example has no entry in REPRODUCTIONS"
    scenario, reproduction = make_scenario(name.partition(".")[0]), REPRODUCTIONS[name]
    answers = list(reproduction.responses(scenario))
    assert answers
    expected = scenario.expected_body(name)
    for answer in answers:
        assert_answer(answer, reproduction.status, expected)
        # Also compares the order of fields in list items, and distinguishes 1 from true.
        assert json.dumps(answer.body, indent=1) == json.dumps(expected, indent=1)


def test_every_reproduction_is_of_an_example() -> None:
    """Every entry here names an existing example."""
    assert REPRODUCTIONS.keys() <= set(NAMES)


IDS: Final = {
    ResourceType.ACCOUNT: [ACCOUNT],
    ResourceType.CALL: [CALL, SECOND_CALL],
    ResourceType.CONFERENCE: [CONFERENCE],
    ResourceType.RECORDING: [CALL_RECORDING, CONFERENCE_RECORDING, SECOND_CALL_RECORDING],
    ResourceType.TRANSCRIPTION: [TRANSCRIPTION],
}


@pytest.mark.parametrize("kind", IDS)
@pytest.mark.parametrize("name", list(DIALECTS))
def test_ids_have_the_format_of_the_dialect(name: str, kind: ResourceType) -> None:
    """Each kind of id has the form that the wire data states, and the dialect parses it in either case."""
    dialect, formats = DIALECTS[name], load().formats
    assert formats.sids[kind.name.lower()] == kind
    for identifier in IDS[kind]:
        sid = dialect.format_sid(kind, identifier)
        assert re.fullmatch(formats.sid_pattern(dialect.name, kind.name.lower()), sid)
        assert dialect.parse_sid(kind, sid) == identifier
        assert dialect.parse_sid(kind, sid[:2] + sid[2:].upper()) == identifier
