"""Every example of the contract has a twin: the same story, played here, is answered with the same body.

A twin has the example's account, names, numbers and times; its fields have the same order and types. What it cannot
have is replaced in the example before the two are compared: the ids below that carry a time, and what `REPLACED` says.
"""

import json
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
from tests.client import DIALECTS, Answer, FunctionClient
from tests.conftest import DYNAMODB_URL
from tests.functions.stage import START, Stage, Wire, WireRequest, assert_answer
from tests.media import finish
from tests.wire import contract_folder

EXAMPLES: Final = contract_folder().with_name("examples")
NAMES: Final = sorted(path.stem for path in EXAMPLES.glob("*.json"))

pytestmark = [
    pytest.mark.skipif(not NAMES, reason="the examples are not here"),
    pytest.mark.skipif(bool(DYNAMODB_URL), reason="nothing takes the examples' account away there after each test"),
]

ACCOUNT: Final = "720796a08ee9435083bd2d07a3121f1e"
CALL: Final = "43bb71ee553f4074bb208e2747647cce"
SECOND_CALL: Final = "058a869cd3874bef8e626b0bc0895bed"
CONFERENCE: Final = "2071320dee82457884e0379fb227eb77"
CALL_RECORDING: Final = "19e436af56884307b03bbdb2b42b8142"
CONFERENCE_RECORDING: Final = "5b1d7a520c3e4f6a9d7b8f2c6e4a1b03"
SECOND_CALL_RECORDING: Final = "8a8e5ec4071a408e948c2429da869cc9"
TRANSCRIPTION: Final = "7c9e6679742540de944be07fc1f90ae7"

NAME: Final = "My Conference Room"
TEXT: Final = "Hello, this is a test transcription."
PARTIES: Final = {"From": "+13103384645", "To": "+13105678901"}

HOSTS: Final = {"twilio": "api.twilio.com", "signalwire": "example.signalwire.com"}
"""Where each vendor's clients ask; addresses of media begin with it."""

SUFFIXES: Final = {"twilio": ".json", "signalwire": ""}
"""What each vendor's specification ends its paths with (operations.md, section 1)."""


# --- What is replaced ------------------------------------------------------------------------------------------------


class Replaced(NamedTuple):
    """A field that has another value here: in whose examples, in which, what it is here, and why."""

    vendor: str
    nouns: tuple[str, ...]
    field: str
    value: Any
    reason: str


_BILLED: Final = ("call.", "call_list", "call_recording", "conference_recording", "recording")
_UNBILLED: Final = "nothing is billed here (resources.md, section 2.1)"
_UNMEASURED: Final = "only a media engine could know it of a call (resources.md, section 5)"

REPLACED: Final = (
    Replaced("twilio", (*_BILLED, "transcription"), "price", None, _UNBILLED),
    Replaced("twilio", _BILLED, "price_unit", None, "null while the price is (resources.md, section 2.1)"),
    Replaced("signalwire", (*_BILLED, "transcription"), "price", None, _UNBILLED),
    Replaced("twilio", ("participant.created",), "queue_time", "0", "nobody has waited yet when it is answered"),
    *(
        Replaced("signalwire", ("call.", "call_list"), name, None, _UNMEASURED)
        for name in (
            "audio_in_mos", "sip_result_code", "audio_rtt_avg", "audio_rtt_min", "audio_rtt_max",
            "audio_out_jitter_min", "audio_out_jitter_max", "audio_out_jitter_avg", "audio_out_lost",
        )
    ),
)  # fmt: skip


def applies(row: Replaced, name: str) -> bool:
    """Whether this row is about this example."""
    vendor, _, noun = name.partition(".")
    return vendor == row.vendor and noun.startswith(row.nouns)


def replaced(body: Any, rows: list[Replaced]) -> Any:
    """The body with these rows' values in place of its own, wherever it has their fields."""
    if isinstance(body, list):
        return [replaced(each, rows) for each in body]
    if not isinstance(body, dict):
        return body
    values = {row.field: row.value for row in rows}
    return {key: values[key] if key in values else replaced(value, rows) for key, value in body.items()}


# --- The story of the examples ---------------------------------------------------------------------------------------


@dataclass
class Story:
    """Plays what the examples tell, from 23:00:00 on, in one dialect.

    Ids are the examples' own but for those whose resource shows when it was created: ids are of version 7 here and
    carry that time (resources.md, section 1), and the examples' ids carry none. `ids` has those, by the example's.
    """

    client: FunctionClient
    stage: Stage
    wire: Wire
    ids: dict[str, str] = field(default_factory=dict)

    def at(self, seconds: int) -> None:
        """Let it be so many seconds after 23:00:00."""
        self.stage.clock.milliseconds = (START + seconds) * 1000

    def dated(self, original: str) -> str:
        """The id in place of an example's for what is created now, a millisecond after the last."""
        self.stage.clock.milliseconds += 1
        self.ids[original] = f"{self.stage.clock():012x}7{original[13:]}"
        return self.ids[original]

    def learn(self, original: str, kind: ResourceType, sid: str) -> None:
        """Note the id in place of an example's that the service chose itself."""
        identifier = self.client.dialect.parse_sid(kind, sid)
        assert identifier is not None
        self.ids[original] = identifier

    def sid(self, kind: ResourceType, original: str) -> str:
        """The id in place of an example's, as the dialect spells it."""
        return self.client.sid(kind, self.ids.get(original, original))

    def ask(
        self,
        method: str,
        *parts: str,
        form: dict[str, str] | None = None,
        suffix: str | None = None,
        authorization: str | None = "",
    ) -> Answer:
        """Request a path below the account as the vendor's clients do; its last part may end in a query."""
        last, mark, query = parts[-1].partition("?")
        ending = SUFFIXES[self.client.dialect.name] if suffix is None else suffix
        path = "/".join((self.client.base, *parts[:-1], last)) + ending + mark + query
        headers = {"Host": HOSTS[self.client.dialect.name]}
        return self.client.request(method, path, form=form, headers=headers, authorization=authorization)

    def twin(self, name: str) -> Any:
        """What an example must look like here."""
        text = (EXAMPLES / f"{name}.json").read_text(encoding="utf-8")
        for original, identifier in self.ids.items():
            text = text.replace(original, identifier).replace(str(UUID(original)), str(UUID(identifier)))
        return replaced(json.loads(text), [row for row in REPLACED if applies(row, name)])

    # Where things are.

    @property
    def call_path(self) -> tuple[str, ...]:
        """The call."""
        return ("Calls", self.sid(ResourceType.CALL, CALL))

    @property
    def conference_path(self) -> tuple[str, ...]:
        """The conference."""
        return ("Conferences", self.sid(ResourceType.CONFERENCE, CONFERENCE))

    @property
    def call_recording_path(self) -> tuple[str, ...]:
        """The call's recording, under the call."""
        return (*self.call_path, "Recordings", self.sid(ResourceType.RECORDING, CALL_RECORDING))

    @property
    def conference_recording_path(self) -> tuple[str, ...]:
        """The conference's recording, under the conference."""
        return (*self.conference_path, "Recordings", self.sid(ResourceType.RECORDING, CONFERENCE_RECORDING))

    @property
    def participant_path(self) -> tuple[str, ...]:
        """The call in the conference."""
        return (*self.conference_path, "Participants", self.sid(ResourceType.CALL, CALL))

    # What happens.

    def call(self) -> Call:
        """At 22:59:50 somebody is called, and answers five seconds later."""
        self.at(-10)
        answered = START - 5
        call = self.stage.call(id=self.dated(CALL), started=answered, updated=answered)
        self.at(0)
        return call

    def ended_call(self) -> Answer:
        """That call is ended at 23:00:06."""
        self.call()
        self.at(6)
        return self.ask("POST", *self.call_path, form={"Status": "completed"})

    def call_recording(self) -> Recording:
        """At 23:00:00 a call begins to be recorded through the API."""
        return self.stage.recording(self.stage.call(id=CALL), id=self.dated(CALL_RECORDING))

    def second_call_recording(self) -> Recording:
        """At 23:00:00 another call begins to be recorded, by an instruction."""
        call = self.stage.call(id=SECOND_CALL)
        source = Source.RECORD_VERB
        return self.stage.recording(call, source=source, trim="trim-silence", id=self.dated(SECOND_CALL_RECORDING))

    def conference_recording(self) -> Recording:
        """At 23:00:00 a conference begins to be recorded, by an instruction; the first one in it is the call."""
        conference = self.stage.conference(name=NAME, id=CONFERENCE, first_call=CALL)
        return self.stage.recording(conference, id=self.dated(CONFERENCE_RECORDING))

    def finish(self, *recordings: Recording, stopped: int = 4, seconds: float = 4) -> None:
        """Each is stopped then (in seconds after 23:00:00), and at 23:00:06 what is captured has been looked at."""
        service = self.stage.services
        self.at(stopped)
        for recording in recordings:
            self.stop(recording)
        self.at(6)
        for recording in recordings:
            finish(service, recording, seconds=seconds)

    def stop(self, recording: Recording) -> None:
        """It is stopped through the API."""
        of_call = recording.parent.id in {CALL, SECOND_CALL}
        kind, noun = (ResourceType.CALL, "Calls") if of_call else (ResourceType.CONFERENCE, "Conferences")
        parent, own = self.client.sid(kind, recording.parent.id), self.client.sid(ResourceType.RECORDING, recording.id)
        answer = self.ask("POST", noun, parent, "Recordings", own, form={"Status": "stopped"})
        assert answer.status == 200

    def conference(self) -> Conference:
        """At 23:00:00 somebody enters a conference, and waits."""
        conference = self.stage.conference("init", NAME, id=self.dated(CONFERENCE), participants=1)
        self.stage.participant(conference)
        return conference

    def begun_conference(self) -> None:
        """At 23:00:02 a second one joins."""
        conference = self.conference()
        second = self.stage.call()
        self.at(2)
        self.stage.services.conferences.join(ACCOUNT, conference.id, second.id)

    def participant(self) -> Participant:
        """At 23:00:00 somebody is dialed into a conference, and answers two seconds later."""
        conference = self.stage.conference(id=CONFERENCE)
        call = self.stage.call("queued", id=CALL, conference=CONFERENCE)
        self.stage.participant(conference, call, "queued")
        self.at(2)
        return self.stage.services.participants.answer(ACCOUNT, CONFERENCE, CALL)

    @contextmanager
    def refused(self, code: str) -> Iterator[None]:
        """DynamoDB takes no writes, for the reason that its code tells."""

        def refuse(when: str, request: WireRequest) -> None:
            if when == "sent" and request.writes:
                raise ClientError({"Error": {"Code": code}}, request.operation)

        with self.wire.watched_by(refuse):
            yield


# --- The twins -------------------------------------------------------------------------------------------------------
# Each plays its story, and yields every answer that must look like the example.


def completed_call(story: Story) -> Iterator[Answer]:
    """C3 and C2."""
    yield story.ended_call()
    yield story.ask("GET", *story.call_path)


def calls(story: Story, query: str = "") -> Iterator[Answer]:
    """C1."""
    story.ended_call()
    yield story.ask("GET", f"Calls{query}")


def created_call_recording(story: Story) -> Iterator[Answer]:
    """CR1."""
    story.stage.call(id=CALL)
    answer = story.ask("POST", *story.call_path, "Recordings", form={})
    story.learn(CALL_RECORDING, ResourceType.RECORDING, answer.body["sid"])
    yield answer


def paused_call_recording(story: Story) -> Iterator[Answer]:
    """CR4; a repetition changes nothing."""
    story.call_recording()
    story.at(2)
    yield story.ask("POST", *story.call_recording_path, form={"Status": "paused"})
    story.at(3)
    yield story.ask("POST", *story.call_recording_path, form={"Status": "paused"})
    if story.client.dialect.supports_current_alias:
        yield story.ask("POST", *story.call_path, "Recordings", "Twilio.CURRENT", form={"Status": "paused"})


def completed_call_recording(story: Story) -> Iterator[Answer]:
    """CR3, and CR4 that stops it once more."""
    story.finish(story.call_recording())
    yield story.ask("GET", *story.call_recording_path)
    yield story.ask("POST", *story.call_recording_path, form={"Status": "stopped"})


def call_recordings(story: Story) -> Iterator[Answer]:
    """CR2."""
    story.finish(story.call_recording())
    yield story.ask("GET", *story.call_path, "Recordings")


def waiting_conference(story: Story) -> Iterator[Answer]:
    """F2, and F3 that asks for nothing."""
    story.conference()
    yield story.ask("GET", *story.conference_path)
    yield story.ask("POST", *story.conference_path)


def begun_conference(story: Story) -> Iterator[Answer]:
    """F2, and F3 that asks for nothing."""
    story.begun_conference()
    yield story.ask("GET", *story.conference_path)
    yield story.ask("POST", *story.conference_path)


def completed_conference(story: Story) -> Iterator[Answer]:
    """F3 and F2."""
    story.begun_conference()
    story.at(6)
    yield story.ask("POST", *story.conference_path, form={"Status": "completed"})
    yield story.ask("GET", *story.conference_path)


def conferences(story: Story, query: str = "") -> Iterator[Answer]:
    """F1."""
    story.begun_conference()
    yield story.ask("GET", f"Conferences{query}")


def paused_conference_recording(story: Story) -> Iterator[Answer]:
    """FR3; a repetition changes nothing."""
    story.conference_recording()
    story.at(2)
    yield story.ask("POST", *story.conference_recording_path, form={"Status": "paused"})
    story.at(3)
    yield story.ask("POST", *story.conference_recording_path, form={"Status": "paused"})


def completed_conference_recording(story: Story) -> Iterator[Answer]:
    """FR2, and FR3 that stops it once more."""
    story.finish(story.conference_recording())
    yield story.ask("GET", *story.conference_recording_path)
    yield story.ask("POST", *story.conference_recording_path, form={"Status": "stopped"})


def conference_recordings(story: Story) -> Iterator[Answer]:
    """FR1."""
    story.finish(story.conference_recording())
    yield story.ask("GET", *story.conference_path, "Recordings")


def participant(story: Story) -> Iterator[Answer]:
    """P3, and P4 that asks for nothing."""
    story.participant()
    yield story.ask("GET", *story.participant_path)
    yield story.ask("POST", *story.participant_path, form={})


def muted_participant(story: Story) -> Iterator[Answer]:
    """P4 and P3."""
    story.participant()
    story.at(4)
    yield story.ask("POST", *story.participant_path, form={"Muted": "true"})
    yield story.ask("GET", *story.participant_path)


def participants(story: Story, query: str = "") -> Iterator[Answer]:
    """P1."""
    story.participant()
    yield story.ask("GET", *story.conference_path, f"Participants{query}")


def created_participant(story: Story) -> Iterator[Answer]:
    """P2."""
    story.stage.conference(name=NAME, id=CONFERENCE)
    answer = story.ask("POST", *story.conference_path, "Participants", form={**PARTIES, "Label": "customer"})
    story.learn(CALL, ResourceType.CALL, answer.body["call_sid"])
    yield answer


def completed_recording(story: Story) -> Iterator[Answer]:
    """R2."""
    story.finish(story.call_recording())
    yield story.ask("GET", "Recordings", story.sid(ResourceType.RECORDING, CALL_RECORDING), suffix=".json")


def absent_recording(story: Story) -> Iterator[Answer]:
    """R2: half a second was captured."""
    story.finish(story.second_call_recording(), stopped=0, seconds=0.5)
    yield story.ask("GET", "Recordings", story.sid(ResourceType.RECORDING, SECOND_CALL_RECORDING), suffix=".json")


def deleted_recording(story: Story) -> Iterator[Answer]:
    """R2 after R3 at eight the next morning."""
    story.finish(story.call_recording())
    story.at(9 * 3600)
    own = story.sid(ResourceType.RECORDING, CALL_RECORDING)
    assert story.ask("DELETE", "Recordings", own).status == 204
    yield story.ask("GET", "Recordings", f"{own}?IncludeSoftDeleted=true")


def no_recordings(story: Story, query: str = "") -> Iterator[Answer]:
    """R1: if there are any, they are of the day before."""
    if query:
        story.at(-86_400)
        story.call_recording()
    yield story.ask("GET", f"Recordings{query}")


def first_page(story: Story) -> Iterator[Answer]:
    """R1: two of three recordings."""
    story.finish(story.call_recording(), story.conference_recording(), story.second_call_recording())
    yield story.ask("GET", "Recordings?PageSize=2")


def second_page(story: Story) -> Iterator[Answer]:
    """R1: where the first page's link leads."""
    (first,) = first_page(story)
    yield story.client.request("GET", first.body["next_page_uri"], headers={"Host": HOSTS[story.client.dialect.name]})


def transcription(story: Story) -> Iterator[Answer]:
    """X2, under its recording and under the account."""
    story.at(6)
    story.stage.transcription(CALL_RECORDING, id=story.dated(TRANSCRIPTION), text=TEXT)
    path = ("Transcriptions", story.sid(ResourceType.TRANSCRIPTION, TRANSCRIPTION))
    yield story.ask("GET", "Recordings", story.sid(ResourceType.RECORDING, CALL_RECORDING), *path)
    yield story.ask("GET", *path)


def missing_parameter(story: Story) -> Iterator[Answer]:
    """CR4 and FR3."""
    story.call_recording()
    story.conference_recording()
    yield story.ask("POST", *story.call_recording_path, form={})
    yield story.ask("POST", *story.conference_recording_path, form={"PauseBehavior": "skip"})


def not_eligible(story: Story) -> Iterator[Answer]:
    """CR1 on a call that has ended, CR4 and FR3 on a recording that has stopped."""
    of_call, of_conference = story.call_recording(), story.conference_recording()
    story.stop(of_conference)
    story.stage.services.calls.end(ACCOUNT, of_call.parent.id)
    yield story.ask("POST", *story.call_path, "Recordings", form={})
    yield story.ask("POST", *story.call_recording_path, form={"Status": "paused"})
    yield story.ask("POST", *story.conference_recording_path, form={"Status": "in-progress"})


def no_credentials(story: Story) -> Iterator[Answer]:
    """Any operation."""
    yield story.ask("GET", "Recordings", authorization=None)
    yield story.ask("POST", *story.call_path, "Recordings", form={}, authorization=None)


def bad_credentials(story: Story) -> Iterator[Answer]:
    """Any operation."""
    stranger = replace(story, client=replace(story.client, secret="another token"))
    yield stranger.ask("GET", "Recordings")
    yield stranger.ask("POST", *story.call_path, "Recordings", form={})


def no_or_bad_credentials(story: Story) -> Iterator[Answer]:
    """One answer to both."""
    yield from no_credentials(story)
    yield from bad_credentials(story)


def not_found(story: Story) -> Iterator[Answer]:
    """R2 (without a suffix R4) and R3."""
    for method in ("GET", "DELETE"):
        yield story.ask(method, "Recordings", story.sid(ResourceType.RECORDING, SECOND_CALL_RECORDING))


def wrong_method(story: Story) -> Iterator[Answer]:
    """A recording is not updated at its account's address, and nothing is put anywhere."""
    yield story.ask("POST", "Recordings", story.sid(ResourceType.RECORDING, CALL_RECORDING), form={"Status": "paused"})
    yield story.ask("PUT", "Recordings", form={})


def invalid_status(story: Story) -> Iterator[Answer]:
    """CR4 and C3, and the list of calls."""
    story.call_recording()
    yield story.ask("POST", *story.call_recording_path, form={"Status": "resumed"})
    yield story.ask("POST", *story.call_path, form={"Status": "ringing"})
    yield story.ask("GET", "Calls?Status=over")


def invalid_status_of_conference_recording(story: Story) -> Iterator[Answer]:
    """FR3."""
    story.conference_recording()
    yield story.ask("POST", *story.conference_recording_path, form={"Status": "resumed"})


def not_changed_in_time(story: Story) -> Iterator[Answer]:
    """CR4 and FR3."""
    story.call_recording()
    story.conference_recording()
    with story.refused("TransactionConflictException"):
        yield story.ask("POST", *story.call_recording_path, form={"Status": "paused"})
        yield story.ask("POST", *story.conference_recording_path, form={"Status": "stopped"})


def too_many_requests(story: Story) -> Iterator[Answer]:
    """CR1, C3 and F3."""
    story.stage.call(id=CALL)
    story.stage.conference(id=CONFERENCE)
    with story.refused("ThrottlingException"):
        yield story.ask("POST", *story.call_path, "Recordings", form={})
        yield story.ask("POST", *story.call_path, form={"Status": "completed"})
        yield story.ask("POST", *story.conference_path, form={"Status": "completed"})


class Twin(NamedTuple):
    """How an example comes about: what yields the answers, and the status of each."""

    play: Callable[[Story], Iterator[Answer]]
    status: int = 200


def requested(play: Callable[[Story, str], Iterator[Answer]], query: str) -> Twin:
    """A list that is asked for with this query."""
    return Twin(lambda story: play(story, query))


TWINS: Final = {
    "signalwire.call.completed": Twin(completed_call),
    "signalwire.call_list": Twin(calls),
    "signalwire.call_recording.completed": Twin(completed_call_recording),
    "signalwire.call_recording.created": Twin(created_call_recording),
    "signalwire.call_recording.paused": Twin(paused_call_recording),
    "signalwire.conference.completed": Twin(completed_conference),
    "signalwire.conference.in-progress": Twin(begun_conference),
    "signalwire.conference.init": Twin(waiting_conference),
    "signalwire.conference_list": Twin(conferences),
    "signalwire.conference_recording.completed": Twin(completed_conference_recording),
    "signalwire.conference_recording.paused": Twin(paused_conference_recording),
    "signalwire.conference_recording_list": Twin(conference_recordings),
    "signalwire.error.400.not_eligible": Twin(not_eligible, 400),
    "signalwire.error.401": Twin(no_or_bad_credentials, 401),
    "signalwire.error.404": Twin(not_found, 404),
    "signalwire.error.422": Twin(invalid_status, 422),
    "signalwire.error.422.conference_recording_update": Twin(invalid_status_of_conference_recording, 422),
    "signalwire.participant": Twin(participant),
    "signalwire.participant.muted": Twin(muted_participant),
    "signalwire.participant_list": Twin(participants),
    "signalwire.recording.absent": Twin(absent_recording),
    "signalwire.recording_list.empty": Twin(no_recordings),
    "signalwire.recording_list.page0": Twin(first_page),
    "signalwire.recording_list.page1": Twin(second_page),
    "signalwire.transcription": Twin(transcription),
    "twilio.call.completed": Twin(completed_call),
    "twilio.call_list": requested(calls, "?Status=completed"),
    "twilio.call_recording.completed": Twin(completed_call_recording),
    "twilio.call_recording.created": Twin(created_call_recording, 201),
    "twilio.call_recording.paused": Twin(paused_call_recording),
    "twilio.call_recording_list": Twin(call_recordings),
    "twilio.conference.completed": Twin(completed_conference),
    "twilio.conference.in-progress": Twin(begun_conference),
    "twilio.conference.init": Twin(waiting_conference),
    "twilio.conference_list": requested(conferences, "?Status=in-progress"),
    "twilio.conference_recording.completed": Twin(completed_conference_recording),
    "twilio.conference_recording.paused": Twin(paused_conference_recording),
    "twilio.conference_recording_list": Twin(conference_recordings),
    "twilio.error.400.missing_parameter": Twin(missing_parameter, 400),
    "twilio.error.400.not_eligible": Twin(not_eligible, 400),
    "twilio.error.401.bad_credentials": Twin(bad_credentials, 401),
    "twilio.error.401.no_credentials": Twin(no_credentials, 401),
    "twilio.error.404": Twin(not_found, 404),
    "twilio.error.405": Twin(wrong_method, 405),
    "twilio.error.408": Twin(not_changed_in_time, 408),
    "twilio.error.429": Twin(too_many_requests, 429),
    "twilio.participant": Twin(participant),
    "twilio.participant.created": Twin(created_participant, 201),
    "twilio.participant.muted": Twin(muted_participant),
    "twilio.participant_list": requested(participants, "?Muted=false"),
    "twilio.recording.absent": Twin(absent_recording),
    "twilio.recording.completed": Twin(completed_recording),
    "twilio.recording.deleted": Twin(deleted_recording),
    "twilio.recording_list.empty": requested(no_recordings, "?DateCreated%3E=2018-09-25"),
    "twilio.recording_list.page0": Twin(first_page),
    "twilio.recording_list.page1": Twin(second_page),
    "twilio.transcription": Twin(transcription),
}

_NOT_CALLED_BACK: Final = "nobody is called back yet"

LATER: Final = {
    "signalwire.callback.call_recording.absent": _NOT_CALLED_BACK,
    "signalwire.callback.call_recording.completed": _NOT_CALLED_BACK,
    "signalwire.callback.call_recording.in-progress": _NOT_CALLED_BACK,
    "signalwire.callback.conference.end": _NOT_CALLED_BACK,
    "twilio.callback.call_recording.absent": _NOT_CALLED_BACK,
    "twilio.callback.call_recording.completed": _NOT_CALLED_BACK,
    "twilio.callback.call_recording.in-progress": _NOT_CALLED_BACK,
    "twilio.callback.conference.end": _NOT_CALLED_BACK,
    "twilio.callback.conference_recording.completed": _NOT_CALLED_BACK,
    "signature-vectors": "nothing is signed before somebody is called back",
    "signalwire.error.400.create_call": "calls come through another door: C4 is none of ours",
}
"""The examples without a twin, and why."""

IDENTITY: Final = "identity"
"""No answer: which ids are whose."""


# --- The tests -------------------------------------------------------------------------------------------------------


@pytest.fixture
def make_story(reconciled: None, make_stage: Callable[[str], Stage], wire: Wire) -> Callable[[str], Story]:
    """Makes stories of a vendor's: the examples' account is there, and has nothing."""
    del reconciled  # that takes the account away afterwards
    made = api_bootstrap.get_admin_services().accounts.create(account=ACCOUNT)

    def make(vendor: str) -> Story:
        client = FunctionClient(DIALECTS[vendor], ACCOUNT, made.auth_token)
        story = Story(client, make_stage(ACCOUNT), wire)
        story.at(0)
        return story

    return make


@pytest.mark.parametrize("name", [name for name in NAMES if name not in {IDENTITY, *LATER}])
def test_has_a_twin(make_story: Callable[[str], Story], name: str) -> None:
    """Played here, its story is answered with the same body: every field, in the same order."""
    assert name in TWINS, "an example without a twin: tell how it comes about"
    story, twin = make_story(name.partition(".")[0]), TWINS[name]
    answers = list(twin.play(story))
    assert answers
    expected = story.twin(name)
    for answer in answers:
        assert_answer(answer, twin.status, expected)
        # The order of the fields within lists, too, and 1 is not True.
        assert json.dumps(answer.body, indent=1) == json.dumps(expected, indent=1)


def test_every_twin_is_of_an_example() -> None:
    """Nothing is told here of an example that is no more."""
    assert {*TWINS, *LATER, IDENTITY} <= set(NAMES)
    assert TWINS.keys() & LATER.keys() == set()


@pytest.mark.parametrize("row", REPLACED, ids=lambda row: f"{row.vendor}.{row.field}")
def test_a_replacement_is_needed(row: Replaced) -> None:
    """Some example has another value than the one that takes its place."""
    texts = [(EXAMPLES / f"{name}.json").read_text(encoding="utf-8") for name in TWINS if applies(row, name)]
    assert any(replaced(json.loads(text), [row]) != json.loads(text) for text in texts), row.reason


def test_ids_are_spelled_as_the_examples_spell_them() -> None:
    """One id, two spellings, of every kind; both dialects read what they write (resources.md, section 1)."""
    items = json.loads((EXAMPLES / f"{IDENTITY}.json").read_text(encoding="utf-8"))["items"]
    told = {UUID(item["uuid"]).hex for item in items}
    assert told == {
        ACCOUNT, CALL, SECOND_CALL, CONFERENCE, CALL_RECORDING, CONFERENCE_RECORDING, SECOND_CALL_RECORDING,
        TRANSCRIPTION,
    }  # fmt: skip
    for item in items:
        kind, identifier = ResourceType(item["prefix"]), UUID(item["uuid"]).hex
        assert kind.name.lower() == item["kind"]
        for name, dialect in DIALECTS.items():
            assert dialect.format_sid(kind, identifier) == item[name]
            assert dialect.parse_sid(kind, item[name]) == identifier
