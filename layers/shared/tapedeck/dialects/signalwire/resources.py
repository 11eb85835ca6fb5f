"""SignalWire's Compatibility API: what it adds and how it spells it."""

import re
from typing import Any, ClassVar, Final

from tapedeck.dialects.dialect import Dialect, ListQuery, ResourceType
from tapedeck.dialects.errors import ERRORS_AS_STRINGS, LISTS_503, SERVICE_UNAVAILABLE, ErrorAnswer, ErrorAnswers
from tapedeck.dialects.formatting import API_VERSION, REGION, Body, formatted, rfc2822, rfc2822_or_none
from tapedeck.domain.call import Call
from tapedeck.domain.conference import Conference
from tapedeck.domain.errors import InvalidParameter, StoreFailure, StoreThrottled, TapedeckError
from tapedeck.domain.page import Cursor, Page
from tapedeck.domain.participant import Participant, ParticipantStatus
from tapedeck.domain.recording import ParentKind, Recording, Source
from tapedeck.domain.transcription import Transcription

_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

_SOURCES: Final = {
    Source.OUTBOUND_API: "OutBoundApi",
    Source.START_CALL_RECORDING: "StartCallRecordingApi",
    Source.START_CONFERENCE_RECORDING: "StartConferenceRecording",
}
"""Where SignalWire's word differs from Twilio's (resources.md, section 2.3)."""

_OVER: Final = frozenset({ParticipantStatus.COMPLETE, ParticipantStatus.FAILED})

_MORE_INFO: Final = "https://signalwire.com/docs/compatibility-api/reference/errors"

_NEVER_MEASURED: Final = (
    "audio_rtt_avg",
    "audio_rtt_min",
    "audio_rtt_max",
    "audio_out_jitter_min",
    "audio_out_jitter_max",
    "audio_out_jitter_avg",
    "audio_out_lost",
)
"""What only a media engine could know of a call."""


class SignalWire(Dialect):
    """Lower-case UUIDs, URIs below `/api/laml`."""

    name: ClassVar = "signalwire"
    root: ClassVar = "/api/laml/2010-04-01"
    realm: ClassVar = "SignalWire"
    accepts_json_bodies: ClassVar = True
    created_status: ClassVar = 200
    supports_current_alias: ClassVar = False
    supports_friendly_name_lookup: ClassVar = False
    supports_participant_labels: ClassVar = False
    coach_sid_implies_coaching: ClassVar = False
    invalid_muted_means_false: ClassVar = False
    cancel_ignores_answered_calls: ClassVar = False
    unsupported_operations: ClassVar = frozenset({"create_participant"})
    accepts_any_date_format: ClassVar = True
    supports_include_soft_deleted: ClassVar = False
    conference_recordings_have_call_sid: ClassVar = False
    media_urls_are_public: ClassVar = True
    conference_audio_is_mono: ClassVar = False

    def format_sid(self, kind: ResourceType, identifier: str) -> str:
        """`19e436af-5688-4307-b03b-bdb2b42b8142`, whatever it stands for."""
        del kind
        i = identifier
        return f"{i[:8]}-{i[8:12]}-{i[12:16]}-{i[16:20]}-{i[20:]}"

    def parse_sid(self, kind: ResourceType, sid: str) -> str | None:
        """Any case; the kind does not show."""
        del kind
        return sid.replace("-", "").lower() if _UUID.fullmatch(sid) else None

    def call(self, call: Call) -> Body:
        """A call (resources.md, section 5)."""
        sid = self.format_sid(ResourceType.CALL, call.id)
        uri = f"{self.account_uri(call.account)}/Calls/{sid}"
        return {
            "sid": sid,
            "account_sid": self.format_sid(ResourceType.ACCOUNT, call.account),
            "date_created": rfc2822(call.created),
            "date_updated": rfc2822(call.updated),
            "parent_call_sid": self.format_sid(ResourceType.CALL, call.parent_call)
            if call.parent_call is not None
            else None,
            "to": call.to,
            "formatted_to": formatted(call.to),
            "to_formatted": formatted(call.to),
            "from": call.from_,
            "formatted_from": formatted(call.from_),
            "from_formatted": formatted(call.from_),
            "phone_number_sid": None,
            "status": str(call.status),
            "start_time": rfc2822_or_none(call.started),
            "end_time": rfc2822_or_none(call.ended),
            "duration": call.duration or 0,
            "price": None,
            "price_unit": "USD",
            "direction": "inbound" if call.direction == "inbound" else "outbound",
            "answered_by": None,
            "api_version": API_VERSION,
            "forwarded_from": None,
            "caller_name": None,
            "uri": f"{uri}.json",
            "subresource_uris": {"notifications": None, "recordings": f"{uri}/Recordings.json"},
            "annotation": None,
            "group_sid": None,
            "audio_in_mos": None,
            "sip_result_code": None,
            **dict.fromkeys(_NEVER_MEASURED),
        }

    def conference(self, conference: Conference) -> Body:
        """A conference (resources.md, section 3)."""
        sid = self.format_sid(ResourceType.CONFERENCE, conference.id)
        uri = f"{self.account_uri(conference.account)}/Conferences/{sid}"
        return {
            "sid": sid,
            "account_sid": self.format_sid(ResourceType.ACCOUNT, conference.account),
            "date_created": rfc2822(conference.created),
            "date_updated": rfc2822(conference.updated),
            "friendly_name": conference.name,
            "status": str(conference.status),
            "api_version": API_VERSION,
            "region": REGION,
            "uri": f"{uri}.json",
            "subresource_uris": {
                "participants": f"{uri}/Participants.json",
                "recordings": f"{uri}/Recordings.json",
            },
        }

    def participant(self, account: str, participant: Participant, *, added: bool = False) -> Body:
        """A participant (resources.md, section 4); who is being dialed counts as in progress."""
        del added  # none is added in this dialect
        room = self.format_sid(ResourceType.CONFERENCE, participant.conference)
        call = self.format_sid(ResourceType.CALL, participant.call)
        coached = participant.call_to_coach
        updated = participant.updated if participant.updated is not None else participant.joined
        return {
            "account_sid": self.format_sid(ResourceType.ACCOUNT, account),
            "call_sid": call,
            "call_sid_to_coach": self.format_sid(ResourceType.CALL, coached) if coached is not None else None,
            "coaching": participant.coaching,
            "conference_sid": room,
            "date_created": rfc2822(participant.joined),
            "status": "completed" if participant.status in _OVER else "in-progress",
            "date_updated": rfc2822(updated),
            "end_conference_on_exit": participant.end_conference_on_exit,
            "muted": participant.muted,
            "hold": participant.hold,
            "start_conference_on_enter": participant.start_conference_on_enter,
            "uri": f"{self.account_uri(account)}/Conferences/{room}/Participants/{call}.json",
        }

    def recording(self, recording: Recording, *, changed: bool) -> Body:
        """A recording: one shape everywhere; only a conference's shows a nested URI (resources.md, section 2.4)."""
        del changed  # every answer shows the same states
        sid = self.format_sid(ResourceType.RECORDING, recording.id)
        account = recording.parent.account
        of_call = recording.parent.kind is ParentKind.CALL
        address = f"{self.account_uri(account)}/Recordings/{sid}"
        channels = str(recording.channels)
        return {
            "sid": sid,
            "account_sid": self.format_sid(ResourceType.ACCOUNT, account),
            "api_version": API_VERSION,
            "call_sid": self.format_sid(ResourceType.CALL, recording.parent.id) if of_call else None,
            "conference_sid": None if of_call else self.format_sid(ResourceType.CONFERENCE, recording.parent.id),
            "channel": channels,
            "channels": channels,
            "date_created": rfc2822(recording.created),
            "date_updated": rfc2822(recording.updated),
            "start_time": rfc2822_or_none(recording.started),
            "end_time": rfc2822_or_none(recording.ended),
            "duration": recording.duration or 0,
            "price": None,
            "price_unit": "USD",
            "source": _SOURCES.get(recording.source, str(recording.source)),
            "status": str(recording.status),
            "error_code": str(recording.error) if recording.error is not None else None,
            "uri": f"{address if of_call else f'{self.parent_uri(recording)}/Recordings/{sid}'}.json",
            "subresource_uris": {"transcriptions": f"{address}/Transcriptions.json"},
            "encryption_details": None,
            "trim": recording.trim,
        }

    def recording_of_account(self, recording: Recording, origin: str) -> Body:
        """The same, but for a conference's recording, whose URI is the account's here."""
        del origin  # no absolute address is shown
        account = self.account_uri(recording.parent.account)
        uri = f"{account}/Recordings/{self.format_sid(ResourceType.RECORDING, recording.id)}.json"
        return {**self.recording(recording, changed=False), "uri": uri}

    def transcription(self, transcription: Transcription) -> Body:
        """A transcription (resources.md, section 6)."""
        sid = self.format_sid(ResourceType.TRANSCRIPTION, transcription.id)
        return {
            "sid": sid,
            "account_sid": self.format_sid(ResourceType.ACCOUNT, transcription.account),
            "api_version": API_VERSION,
            "recording_sid": self.format_sid(ResourceType.RECORDING, transcription.recording),
            "date_created": rfc2822(transcription.created),
            "date_updated": rfc2822(transcription.updated),
            "duration": transcription.duration or 0,
            "price": None,
            "price_unit": "USD",
            "status": "completed",
            "transcription_text": transcription.text,
            "type": "",
            "uri": f"{self.account_uri(transcription.account)}/Transcriptions/{sid}.json",
        }

    def page(self, uri: str, page: Page[Any], items: list[Body], form: ListQuery) -> Body:
        """The envelope; links have no suffix, the number comes before the size."""
        asked = page.request

        def link(number: int, cursor: Cursor | None = None) -> str:
            return self.link(uri, form, {"Page": number, "PageSize": asked.size}, cursor)

        return {
            "uri": link(asked.number, asked.cursor),
            "first_page_uri": link(0),
            "next_page_uri": link(asked.number + 1, page.next) if page.next is not None else None,
            "previous_page_uri": link(max(0, asked.number - 1), page.previous) if page.previous is not None else None,
            "page": asked.number,
            "page_size": asked.size,
            uri.rpartition("/")[2].lower(): items,
        }

    def answer_for(self, answers: ErrorAnswers) -> ErrorAnswer:
        """SignalWire's column."""
        return answers.signalwire

    def error_answer(self, error: TapedeckError, operation: str) -> ErrorAnswer | None:
        """503 where SignalWire's OpenAPI lists it, unless the store is throttled (behaviour.md, section 12)."""
        is_failure = isinstance(error, StoreFailure) and not isinstance(error, StoreThrottled)
        if is_failure and operation in LISTS_503:
            return SERVICE_UNAVAILABLE
        return None

    def error_body(self, answer: ErrorAnswer, error: TapedeckError, operation: str) -> Body:
        """One object, except for parameters of FR3, where it is an array of strings (resources.md, section 8)."""
        if isinstance(error, InvalidParameter) and operation in ERRORS_AS_STRINGS:
            return {"errors": [answer.message]}
        return {"code": answer.code, "message": answer.message, "more_info": _MORE_INFO, "status": answer.status}
