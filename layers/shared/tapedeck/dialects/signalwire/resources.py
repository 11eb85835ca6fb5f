"""SignalWire's Compatibility API: SIDs, resource bodies, lists and errors."""

import re
from typing import TYPE_CHECKING, Any, ClassVar, Final

from tapedeck.dialects.dialect import Dialect, ListQuery, ResourceType
from tapedeck.dialects.errors import (
    ERRORS_AS_STRINGS,
    OPERATIONS_WITH_503,
    SERVICE_UNAVAILABLE,
    ErrorAnswer,
    ErrorAnswers,
)
from tapedeck.dialects.formatting import API_VERSION, REGION, Body, rfc2822, rfc2822_or_none, snake_case, values_of
from tapedeck.domain.account import AccountInfo, RequestCredentials
from tapedeck.domain.application import Application
from tapedeck.domain.call import Call
from tapedeck.domain.conference import Conference
from tapedeck.domain.errors import InvalidParameter, StoreFailure, StoreThrottled, StoreUnresolved, TapedeckError
from tapedeck.domain.participant import Participant, ParticipantStatus
from tapedeck.domain.phone_number import PhoneNumber
from tapedeck.domain.recording import ParentKind, Recording, Source
from tapedeck.domain.telephone import formatted
from tapedeck.domain.transcription import Transcription

if TYPE_CHECKING:
    from tapedeck.domain.page import Cursor, Page

_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

_SOURCES: Final = {
    Source.OUTBOUND_API: "OutBoundApi",
    Source.START_CALL_RECORDING: "StartCallRecordingApi",
    Source.START_CONFERENCE_RECORDING: "StartConferenceRecording",
}
"""The values of `source` that differ from Twilio's."""

_ENDED: Final = frozenset({ParticipantStatus.COMPLETE, ParticipantStatus.FAILED})

_MORE_INFO: Final = "https://signalwire.com/docs/compatibility-api/reference/errors"  # C-20

_UNMEASURED_FIELDS: Final = (
    "audio_rtt_avg",
    "audio_rtt_min",
    "audio_rtt_max",
    "audio_out_jitter_min",
    "audio_out_jitter_max",
    "audio_out_jitter_avg",
    "audio_out_lost",
)
"""Audio quality fields of a call that Tapedeck does not measure; always null (C-23)."""


_ACCOUNT_SUBRESOURCES: Final = {
    "addresses": None,
    "available_phone_numbers": "AvailablePhoneNumbers",
    "applications": "Applications",
    "authorized_connect_apps": None,
    "calls": "Calls",
    "conferences": "Conferences",
    "connect_apps": None,
    "incoming_phone_numbers": "IncomingPhoneNumbers",
    "keys": None,
    "notifications": None,
    "outgoing_caller_ids": None,
    "queues": "Queues",
    "recordings": "Recordings",
    "sandbox": None,
    "sip": None,
    "short_codes": None,
    "messages": "Messages",
    "transcriptions": "Transcriptions",
    "usage": None,
}
"""The collections by name; None: the vendor has the name, but no such collection."""


class SignalWire(Dialect):
    """SignalWire's dialect: SIDs are lower-case UUIDs, URIs begin with `/api/laml`.

    A duration is an integer (C-100), and 0 until it is known (C-43).
    """

    name: ClassVar = "signalwire"
    root: ClassVar = "/api/laml/2010-04-01"
    realm: ClassVar = "SignalWire"  # C-6
    accepts_json_bodies: ClassVar = True
    created_status: ClassVar = 200  # C-101
    supports_current_alias: ClassVar = False
    supports_friendly_name_lookup: ClassVar = False
    supports_participant_labels: ClassVar = False
    coach_sid_implies_coaching: ClassVar = False
    invalid_muted_means_false: ClassVar = False
    cancel_ignores_answered_calls: ClassVar = False
    unusable_callbacks_are_warnings: ClassVar = False
    unsupported_operations: ClassVar = frozenset(  # C-160
        {
            "create_participant",
            "create_key",
            "list_keys",
            "get_key",
            "update_key",
            "delete_key",
            "list_call_events",
            "list_call_notifications",
            "list_recording_add_on_results",
        }
    )
    accepts_any_date_format: ClassVar = True
    requires_page_tokens: ClassVar = False
    supports_include_soft_deleted: ClassVar = False
    conference_recordings_have_call_sid: ClassVar = False
    media_urls_are_public: ClassVar = True
    conference_audio_is_mono: ClassVar = False

    def format_sid(self, kind: ResourceType, identifier: str) -> str:
        """Format an id such as `19e436af-5688-4307-b03b-bdb2b42b8142`, for every kind of resource."""
        del kind
        i = identifier
        return f"{i[:8]}-{i[8:12]}-{i[12:16]}-{i[16:20]}-{i[20:]}"

    def parse_sid(self, kind: ResourceType, sid: str) -> str | None:
        """Parse a UUID of either case; it does not depend on the kind of resource."""
        del kind
        return sid.replace("-", "").lower() if _UUID.fullmatch(sid) else None

    def account(self, account: AccountInfo, credentials: RequestCredentials) -> Body:
        """Render an account; its token is the API token of the request."""
        sid, uri = self.format_sid(ResourceType.ACCOUNT, account.id), self.account_uri(account.id)
        return {
            "sid": sid,
            "friendly_name": account.friendly_name,
            "status": account.status,
            "auth_token": credentials.secret,
            "date_created": rfc2822(account.created),
            "date_updated": rfc2822(account.created),
            "type": "Full",
            "owner_account_sid": sid,
            "region_preference": "us-east",
            "uri": uri,
            "subproject": False,
            "signing_key": None,
            "subresource_uris": {
                name: f"{uri}/{path}" if path is not None else None for name, path in _ACCOUNT_SUBRESOURCES.items()
            },
        }

    def call(self, call: Call) -> Body:
        """Render a call."""
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
            "phone_number_sid": self.format_sid_or_none(ResourceType.PHONE_NUMBER, call.phone_number),
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
            **dict.fromkeys(_UNMEASURED_FIELDS),
        }

    def conference(self, conference: Conference) -> Body:
        """Render a conference."""
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
        """Render a participant; its status is `in-progress` also while it is being dialed (C-61)."""
        del added  # this dialect has no create_participant
        conference_sid = self.format_sid(ResourceType.CONFERENCE, participant.conference)
        call = self.format_sid(ResourceType.CALL, participant.call)
        coached = participant.call_to_coach
        updated = participant.updated if participant.updated is not None else participant.joined
        return {
            "account_sid": self.format_sid(ResourceType.ACCOUNT, account),
            "call_sid": call,
            "call_sid_to_coach": self.format_sid(ResourceType.CALL, coached) if coached is not None else None,
            "coaching": participant.coaching,
            "conference_sid": conference_sid,
            "date_created": rfc2822(participant.joined),
            "status": "completed" if participant.status in _ENDED else "in-progress",
            "date_updated": rfc2822(updated),
            "end_conference_on_exit": participant.end_conference_on_exit,
            "muted": participant.muted,
            "hold": participant.hold,
            "start_conference_on_enter": participant.start_conference_on_enter,
            "uri": f"{self.account_uri(account)}/Conferences/{conference_sid}/Participants/{call}.json",
        }

    def recording(self, recording: Recording, *, changed: bool) -> Body:
        """Render a recording; one of a conference has a URI below its parent (C-102), and no call (C-107)."""
        del changed  # all responses show the same statuses
        sid = self.format_sid(ResourceType.RECORDING, recording.id)
        account = recording.parent.account
        of_call = recording.parent.kind is ParentKind.CALL
        address = f"{self.account_uri(account)}/Recordings/{sid}"
        channels = str(recording.channels)  # C-99
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
        """Render a recording with a URI below its account."""
        del origin  # the body has no absolute URL
        account = self.account_uri(recording.parent.account)
        uri = f"{account}/Recordings/{self.format_sid(ResourceType.RECORDING, recording.id)}.json"
        return {**self.recording(recording, changed=False), "uri": uri}

    def transcription(self, transcription: Transcription) -> Body:
        """Render a transcription."""
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

    def phone_number(self, phone_number: PhoneNumber) -> Body:
        """Render a phone number; what Tapedeck does not have is null or has one value (C-357)."""
        sid = self.format_sid(ResourceType.PHONE_NUMBER, phone_number.id)
        account_sid = self.format_sid(ResourceType.ACCOUNT, phone_number.account)
        return {
            "account_id": account_sid,
            "account_sid": account_sid,
            "address_requirements": "none",
            "address_sid": None,
            "api_version": API_VERSION,
            "beta": False,
            "capabilities": {"voice": True, "sms": True, "mms": True, "fax": False},
            "country_code": "US",
            "date_created": rfc2822(phone_number.created),
            "date_updated": rfc2822(phone_number.updated),
            "emergency_address_sid": None,
            "emergency_status": "Inactive",
            "friendly_name": phone_number.friendly_name,
            "identity_sid": None,
            "origin": "signalwire",
            "phone_number": phone_number.number,
            "sid": sid,
            "sms_application_sid": self.format_sid_or_none(ResourceType.APPLICATION, phone_number.sms_application),
            **values_of(phone_number, "sms_fallback_method sms_fallback_url sms_method sms_url"),
            **values_of(phone_number, "status_callback status_callback_method"),
            "trunk_sid": None,
            "uri": f"{self.account_uri(phone_number.account)}/IncomingPhoneNumbers/{sid}.json",
            "verification_status": "Unverified",
            "voice_application_sid": self.format_sid_or_none(ResourceType.APPLICATION, phone_number.voice_application),
            "voice_caller_id_lookup": None,
            **values_of(phone_number, "voice_fallback_method voice_fallback_url voice_method voice_url"),
        }

    def application(self, application: Application) -> Body:
        """Render an application; Tapedeck looks up no caller, so that `voice_caller_id_lookup` is null (C-357)."""
        sid = self.format_sid(ResourceType.APPLICATION, application.id)
        return {
            "sid": sid,
            "account_sid": self.format_sid(ResourceType.ACCOUNT, application.account),
            "api_version": API_VERSION,
            "date_created": rfc2822(application.created),
            "date_updated": rfc2822(application.updated),
            "friendly_name": application.friendly_name,
            "uri": f"{self.account_uri(application.account)}/Applications/{sid}.json",
            **values_of(application, "voice_url voice_method voice_fallback_url voice_fallback_method"),
            **values_of(application, "status_callback status_callback_method"),
            "voice_caller_id_lookup": None,
            **values_of(application, "sms_url sms_method sms_fallback_url sms_fallback_method"),
            **values_of(application, "sms_status_callback sms_status_callback_method message_status_callback"),
        }

    def page(self, uri: str, page: "Page[Any]", items: list[Body], form: ListQuery) -> Body:
        """Render a page; links have no suffix and put the page number before the size."""
        request = page.request

        def link(number: int, cursor: "Cursor | None" = None) -> str:
            return self.link(uri, form, {"Page": number, "PageSize": request.size}, cursor)

        return {
            "uri": link(request.number, request.cursor),
            "first_page_uri": link(0),
            "next_page_uri": link(request.number + 1, page.next) if page.next is not None else None,
            "previous_page_uri": link(max(0, request.number - 1), page.previous) if page.previous is not None else None,
            "page": request.number,
            "page_size": request.size,
            snake_case(uri.rpartition("/")[2]): items,
        }

    def answer_for(self, answers: ErrorAnswers) -> ErrorAnswer:
        """Return SignalWire's column of the error table."""
        return answers.signalwire

    def error_answer(self, error: TapedeckError, operation: str) -> ErrorAnswer | None:
        """Return 503 for a store failure (not throttling) that may be repeated, if SignalWire's OpenAPI lists it."""
        is_failure = isinstance(error, StoreFailure) and not isinstance(error, StoreThrottled | StoreUnresolved)
        if is_failure and operation in OPERATIONS_WITH_503:
            return SERVICE_UNAVAILABLE
        return None

    def error_body(self, answer: ErrorAnswer, error: TapedeckError, operation: str) -> Body:
        """Render an error as one object; an invalid parameter of some operations as an array of strings."""
        if isinstance(error, InvalidParameter) and operation in ERRORS_AS_STRINGS:
            return {"errors": [answer.message]}
        return {"code": answer.code, "message": answer.message, "more_info": _MORE_INFO, "status": answer.status}
