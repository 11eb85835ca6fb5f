"""Sample resources, and the bodies that a dialect makes of them: the examples in the documents."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from tapedeck.dialects.dialect import Dialect, ResourceType
from tapedeck.dialects.formatting import Body
from tapedeck.dialects.forms.lists import ListCalls
from tapedeck.dialects.selection import TWILIO
from tapedeck.domain.account import AccountInfo, ApiKeyInfo, RequestCredentials
from tapedeck.domain.application import Application
from tapedeck.domain.call import Call, CallStatus
from tapedeck.domain.conference import Conference, ConferenceStatus, EndReason
from tapedeck.domain.page import Page, PageRequest
from tapedeck.domain.participant import Participant
from tapedeck.domain.phone_number import PhoneNumber
from tapedeck.domain.recording import Parent, ParentKind, Recording, RecordingStatus, Source
from tapedeck.domain.transcription import Transcription, TranscriptionStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ORIGIN: Final = "https://api.example.com"

SAMPLE_IDS: Final = {
    ResourceType.ACCOUNT: "720796a08ee9435083bd2d07a3121f1e",
    ResourceType.CALL: "0198c3d0a1b77c3e8f4a5b6c7d8e9f01",
    ResourceType.CONFERENCE: "0198c3d0a1b87c3e8f4a5b6c7d8e9f02",
    ResourceType.RECORDING: "0198c3d0a1b97c3e8f4a5b6c7d8e9f03",
    ResourceType.TRANSCRIPTION: "0198c3d0a1ba7c3e8f4a5b6c7d8e9f04",
    ResourceType.API_KEY: "0198c3d0a1bb7c3e8f4a5b6c7d8e9f05",
    ResourceType.PHONE_NUMBER: "0198c3d0a1bc7c3e8f4a5b6c7d8e9f06",
    ResourceType.APPLICATION: "0198c3d0a1bd7c3e8f4a5b6c7d8e9f07",
}
"""The id of the sample of each kind."""

SECOND: Final = 1_755_600_000
"""When the samples began, in seconds since the epoch."""

_ACCOUNT: Final = SAMPLE_IDS[ResourceType.ACCOUNT]
_CALL: Final = SAMPLE_IDS[ResourceType.CALL]
_CONFERENCE: Final = SAMPLE_IDS[ResourceType.CONFERENCE]
_RECORDING: Final = SAMPLE_IDS[ResourceType.RECORDING]

OF_CALL: Final = Recording(
    _RECORDING, Parent(_ACCOUNT, ParentKind.CALL, _CALL), RecordingStatus.COMPLETED, Source.START_CALL_RECORDING,
    SECOND + 60, call=_CALL, started=SECOND, ended=SECOND + 60, duration=60,
)  # fmt: skip
OF_CONFERENCE: Final = replace(
    OF_CALL, parent=Parent(_ACCOUNT, ParentKind.CONFERENCE, _CONFERENCE), source=Source.CONFERENCE
)
CONFERENCE_ENDED: Final = Conference(
    _ACCOUNT, _CONFERENCE, "Support", ConferenceStatus.COMPLETED, SECOND, reason=EndReason.LAST_LEFT, ending_call=_CALL
)
PARTICIPANT: Final = Participant(_CALL, _CONFERENCE, SECOND, label="agent")
CALL: Final = Call(
    _ACCOUNT, _CALL, CallStatus.IN_PROGRESS, SECOND, to="+12025550123", from_="+12025550199", started=SECOND
)
TRANSCRIPTION: Final = Transcription(
    _ACCOUNT, SAMPLE_IDS[ResourceType.TRANSCRIPTION], _RECORDING, TranscriptionStatus.COMPLETED, SECOND + 90,
    duration=60, text="Hello, this is a test.",
)  # fmt: skip

SECRET: Final = "0123456789abcdef0123456789abcdef"  # noqa: S105 - an example
ACCOUNT: Final = AccountInfo(_ACCOUNT, SECOND)
CREDENTIALS: Final = RequestCredentials(_ACCOUNT, uses_api_key=False, secret=SECRET)
KEY: Final = ApiKeyInfo(SAMPLE_IDS[ResourceType.API_KEY], "Reports", SECOND, SECOND)
PHONE_NUMBER: Final = PhoneNumber(
    _ACCOUNT, SAMPLE_IDS[ResourceType.PHONE_NUMBER], "+12025550123", "(202) 555-0123", 1, SECOND,
    voice_url="https://app.example.com/voice", status_callback="https://app.example.com/status",
)  # fmt: skip

APPLICATION: Final = Application(
    _ACCOUNT, SAMPLE_IDS[ResourceType.APPLICATION], "Reception", 1, SECOND,
    voice_url="https://app.example.com/reception", status_callback="https://app.example.com/status",
)  # fmt: skip

_LIST_OF: Final = "list of "
_EMPTY_LIST: Final = "empty list "


def example(body: str, dialect: Dialect, *, after_post: bool) -> Body:
    """Return an example of a body of the wire tables, such as `list of call`; a changed recording is paused."""
    page: Page[Any] = Page((), PageRequest())
    if body.startswith(_EMPTY_LIST):
        path = f"{dialect.account_uri(_ACCOUNT)}/{_EMPTY_COLLECTIONS[body.removeprefix(_EMPTY_LIST)]}"
        return dialect.page(path, page, [], ListCalls.read({}, dialect))
    if body.startswith(_LIST_OF):
        name = body.removeprefix(_LIST_OF)
        above = dialect.root if name == "account" else dialect.account_uri(_ACCOUNT)
        path = f"{above}/{_COLLECTIONS[name]}"
        return dialect.page(path, page, [_render(name, dialect)], ListCalls.read({}, dialect))
    return _render(body, dialect, after_post=after_post)


_COLLECTIONS: Final = {
    "account": "Accounts",
    "key": "Keys",
    "call": "Calls",
    "call_recording": f"Calls/{_CALL}/Recordings",
    "conference": "Conferences",
    "conference_recording": f"Conferences/{_CONFERENCE}/Recordings",
    "phone_number": "IncomingPhoneNumbers",
    "application": "Applications",
    "participant": f"Conferences/{_CONFERENCE}/Participants",
    "recording": "Recordings",
    "transcription": "Transcriptions",
}

_CALL_SID: Final = TWILIO.format_sid(ResourceType.CALL, _CALL)
_EMPTY_COLLECTIONS: Final = {
    "events": f"Calls/{_CALL_SID}/Events",
    "notifications": f"Calls/{_CALL_SID}/Notifications",
    "add_on_results": f"Recordings/{TWILIO.format_sid(ResourceType.RECORDING, _RECORDING)}/AddOnResults",
}
"""Only Twilio's dialect has these lists."""


def _render(name: str, dialect: Dialect, *, after_post: bool = False) -> Body:
    of_call, of_conference = (
        replace(recording, status=RecordingStatus.PAUSED, ended=None, duration=None) if after_post else recording
        for recording in (OF_CALL, OF_CONFERENCE)
    )
    renderers: Mapping[str, Callable[[], Body]] = {
        "account": lambda: dialect.account(ACCOUNT, CREDENTIALS),
        "key": lambda: dialect.api_key(KEY),
        "created_key": lambda: dialect.api_key(KEY, SECRET),
        "call": lambda: dialect.call(CALL),
        "call_recording": lambda: dialect.recording(of_call, changed=after_post),
        "conference": lambda: dialect.conference(CONFERENCE_ENDED),
        "conference_recording": lambda: dialect.recording(of_conference, changed=after_post),
        "participant": lambda: dialect.participant(_ACCOUNT, PARTICIPANT),
        "application": lambda: dialect.application(APPLICATION),
        "phone_number": lambda: dialect.phone_number(PHONE_NUMBER),
        "recording": lambda: dialect.recording_of_account(OF_CALL, ORIGIN),
        "transcription": lambda: dialect.transcription(TRANSCRIPTION),
    }
    return renderers[name]()
