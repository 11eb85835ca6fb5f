"""Twilio's REST API, version 2010-04-01: SIDs, resource bodies, lists and errors."""

import re
from typing import TYPE_CHECKING, Any, ClassVar, Final

from tapedeck.dialects.dialect import Dialect, ListQuery, ResourceType
from tapedeck.dialects.errors import RECORDING_UPDATE_CONTENDED, RECORDING_UPDATES, ErrorAnswer, ErrorAnswers
from tapedeck.dialects.formatting import API_VERSION, REGION, Body, rfc2822, rfc2822_or_none, snake_case, values_of
from tapedeck.domain.account import AccountInfo, ApiKeyInfo, RequestCredentials
from tapedeck.domain.application import Application
from tapedeck.domain.call import Call
from tapedeck.domain.conference import Conference
from tapedeck.domain.errors import CredentialsMissing, StoreBusy, StoreThrottled, TapedeckError
from tapedeck.domain.participant import Participant
from tapedeck.domain.phone_number import PhoneNumber
from tapedeck.domain.recording import ParentKind, Recording, RecordingStatus
from tapedeck.domain.telephone import formatted
from tapedeck.domain.transcription import Transcription

if TYPE_CHECKING:
    from tapedeck.domain.page import Cursor, Page

_SID: Final = re.compile(r"[A-Z]{2}[0-9a-fA-F]{32}")

_PUBLIC_STATUSES: Final = {
    RecordingStatus.COMPLETED: "completed",
    RecordingStatus.ABSENT: "absent",
    RecordingStatus.DELETED: "deleted",
}
"""The statuses that reads show; every other status is shown as `processing`."""

_ACCOUNT_SUBRESOURCES: Final = {  # C-162
    "available_phone_numbers": "AvailablePhoneNumbers",
    "calls": "Calls",
    "conferences": "Conferences",
    "incoming_phone_numbers": "IncomingPhoneNumbers",
    "notifications": "Notifications",
    "outgoing_caller_ids": "OutgoingCallerIds",
    "recordings": "Recordings",
    "transcriptions": "Transcriptions",
    "addresses": "Addresses",
    "signing_keys": "SigningKeys",
    "connect_apps": "ConnectApps",
    "sip": "SIP",
    "authorized_connect_apps": "AuthorizedConnectApps",
    "usage": "Usage",
    "keys": "Keys",
    "applications": "Applications",
    "short_codes": "ShortCodes",
    "queues": "Queues",
    "messages": "Messages",
    "balance": "Balance",
}

_CALL_SUBRESOURCES: Final = {
    "notifications": "Notifications",
    "recordings": "Recordings",
    "payments": "Payments",
    "events": "Events",
    "siprec": "Siprec",
    "streams": "Streams",
    "transcriptions": "Transcriptions",
    "user_defined_message_subscriptions": "UserDefinedMessageSubscriptions",
    "user_defined_messages": "UserDefinedMessages",
}


class Twilio(Dialect):
    """Twilio's dialect: SIDs of two letters and 32 hex digits, URIs that end in `.json`; no prices (C-22)."""

    name: ClassVar = "twilio"
    root: ClassVar = "/2010-04-01"
    realm: ClassVar = "Twilio API"
    accepts_json_bodies: ClassVar = False
    created_status: ClassVar = 201
    supports_current_alias: ClassVar = True
    supports_friendly_name_lookup: ClassVar = True
    supports_participant_labels: ClassVar = True
    coach_sid_implies_coaching: ClassVar = True
    invalid_muted_means_false: ClassVar = True
    cancel_ignores_answered_calls: ClassVar = True
    unusable_callbacks_are_warnings: ClassVar = True
    unsupported_operations: ClassVar[frozenset[str]] = frozenset()
    accepts_any_date_format: ClassVar = False
    requires_page_tokens: ClassVar = True
    supports_include_soft_deleted: ClassVar = True
    conference_recordings_have_call_sid: ClassVar = True
    media_urls_are_public: ClassVar = False
    conference_audio_is_mono: ClassVar = True

    def format_sid(self, kind: ResourceType, identifier: str) -> str:
        """Format an id such as `RE19e436af56884307b03bbdb2b42b8142`."""
        return f"{kind}{identifier}"

    def parse_sid(self, kind: ResourceType, sid: str) -> str | None:
        """Parse a SID; the hex digits may be of either case, the prefix must be upper case."""
        if _SID.fullmatch(sid) is None or not sid.startswith(kind):
            return None
        return sid[2:].lower()

    def account(self, account: AccountInfo, credentials: RequestCredentials) -> Body:
        """Render an account; an API key does not see the auth token (C-159)."""
        sid, uri = self.format_sid(ResourceType.ACCOUNT, account.id), self.account_uri(account.id)
        return {
            "auth_token": None if credentials.uses_api_key else credentials.secret,
            "date_created": rfc2822(account.created),
            "date_updated": rfc2822(account.created),
            "friendly_name": account.friendly_name,
            "owner_account_sid": sid,
            "sid": sid,
            "status": account.status,
            "subresource_uris": {name: f"{uri}/{path}.json" for name, path in _ACCOUNT_SUBRESOURCES.items()},
            "type": "Full",
            "uri": f"{uri}.json",
        }

    def api_key(self, key: ApiKeyInfo, secret: str | None = None) -> Body:
        """Render an API key; `secret` is in the response to its creation only."""
        body: Body = {
            "sid": self.format_sid(ResourceType.API_KEY, key.id),
            "friendly_name": key.friendly_name,
            "date_created": rfc2822(key.created),
            "date_updated": rfc2822(key.updated),
        }
        return body if secret is None else {**body, "secret": secret}

    def call(self, call: Call) -> Body:
        """Render a call."""
        uri = f"{self.account_uri(call.account)}/Calls/{self.format_sid(ResourceType.CALL, call.id)}"
        duration = call.duration
        return {
            "sid": self.format_sid(ResourceType.CALL, call.id),
            "date_created": rfc2822(call.created),
            "date_updated": rfc2822(call.updated),
            "parent_call_sid": self.format_sid_or_none(ResourceType.CALL, call.parent_call),
            "account_sid": self.format_sid(ResourceType.ACCOUNT, call.account),
            "to": call.to,
            "to_formatted": formatted(call.to),
            "from": call.from_,
            "from_formatted": formatted(call.from_),
            "phone_number_sid": self.format_sid_or_none(ResourceType.PHONE_NUMBER, call.phone_number),
            "status": str(call.status),
            "start_time": rfc2822_or_none(call.started),
            "end_time": rfc2822_or_none(call.ended),
            "duration": str(duration) if duration is not None else None,
            "price": None,
            "price_unit": None,
            "direction": call.direction,
            "answered_by": None,
            "api_version": API_VERSION,
            "forwarded_from": None,
            "group_sid": None,
            "caller_name": None,
            "queue_time": "0",
            "trunk_sid": None,
            "uri": f"{uri}.json",
            "subresource_uris": {name: f"{uri}/{path}.json" for name, path in _CALL_SUBRESOURCES.items()},
        }

    def conference(self, conference: Conference) -> Body:
        """Render a conference."""
        sid = self.format_sid(ResourceType.CONFERENCE, conference.id)
        uri = f"{self.account_uri(conference.account)}/Conferences/{sid}"
        return {
            "account_sid": self.format_sid(ResourceType.ACCOUNT, conference.account),
            "date_created": rfc2822(conference.created),
            "date_updated": rfc2822(conference.updated),
            "api_version": API_VERSION,
            "friendly_name": conference.name,
            "region": REGION,
            "sid": sid,
            "status": str(conference.status),
            "uri": f"{uri}.json",
            "subresource_uris": {
                "participants": f"{uri}/Participants.json",
                "recordings": f"{uri}/Recordings.json",
            },
            "reason_conference_ended": str(conference.reason) if conference.reason is not None else None,
            "call_sid_ending_conference": self.format_sid_or_none(ResourceType.CALL, conference.ending_call),
        }

    def participant(self, account: str, participant: Participant, *, added: bool = False) -> Body:
        """Render a participant; `queue_time` is "0" in the response to its creation, and null afterwards."""
        conference_sid = self.format_sid(ResourceType.CONFERENCE, participant.conference)
        call = self.format_sid(ResourceType.CALL, participant.call)
        updated = participant.updated if participant.updated is not None else participant.joined
        return {
            "account_sid": self.format_sid(ResourceType.ACCOUNT, account),
            "call_sid": call,
            "label": participant.label,
            "call_sid_to_coach": self.format_sid_or_none(ResourceType.CALL, participant.call_to_coach),
            "coaching": participant.coaching,
            "conference_sid": conference_sid,
            "date_created": rfc2822(participant.joined),
            "date_updated": rfc2822(updated),
            "end_conference_on_exit": participant.end_conference_on_exit,
            "muted": participant.muted,
            "hold": participant.hold,
            "start_conference_on_enter": participant.start_conference_on_enter,
            "status": str(participant.status),
            "queue_time": "0" if added else None,
            "uri": f"{self.account_uri(account)}/Conferences/{conference_sid}/Participants/{call}.json",
        }

    def recording(self, recording: Recording, *, changed: bool) -> Body:
        """Render a recording below its parent; field orders differ, and only call recordings have `track`."""
        uri = f"{self.parent_uri(recording)}/Recordings/{self.format_sid(ResourceType.RECORDING, recording.id)}.json"
        head = self._head_of_recording(recording)
        fields = _recording_fields(recording, str(recording.status) if changed else public_status(recording))
        if recording.parent.kind is ParentKind.CALL:
            return {
                **head, "uri": uri, "encryption_details": None, "price_unit": None, **fields, "track": recording.track,
            }  # fmt: skip
        return {**head, "price_unit": None, **fields, "encryption_details": None, "uri": uri}

    def recording_of_account(self, recording: Recording, origin: str) -> Body:
        """Render a recording below its account, with `subresource_uris` and `media_url`."""
        sid = self.format_sid(ResourceType.RECORDING, recording.id)
        uri = f"{self.account_uri(recording.parent.account)}/Recordings/{sid}"
        return {
            **self._head_of_recording(recording),
            "price_unit": None,
            **_recording_fields(recording, public_status(recording)),
            "uri": f"{uri}.json",
            "encryption_details": None,
            "subresource_uris": {
                "add_on_results": f"{uri}/AddOnResults.json",
                "transcriptions": f"{uri}/Transcriptions.json",
            },
            "media_url": f"{origin}{uri}",
        }

    def transcription(self, transcription: Transcription) -> Body:
        """Render a transcription."""
        sid = self.format_sid(ResourceType.TRANSCRIPTION, transcription.id)
        return {
            "account_sid": self.format_sid(ResourceType.ACCOUNT, transcription.account),
            "api_version": API_VERSION,
            "date_created": rfc2822(transcription.created),
            "date_updated": rfc2822(transcription.updated),
            "duration": str(transcription.duration) if transcription.duration is not None else None,
            "price": None,
            "price_unit": "USD",
            "recording_sid": self.format_sid(ResourceType.RECORDING, transcription.recording),
            "sid": sid,
            "status": str(transcription.status),
            "transcription_text": transcription.text,
            "type": "fast",
            "uri": f"{self.account_uri(transcription.account)}/Transcriptions/{sid}.json",
        }

    def phone_number(self, phone_number: PhoneNumber) -> Body:
        """Render a phone number; what Tapedeck does not have is null or has one value (C-357)."""
        sid = self.format_sid(ResourceType.PHONE_NUMBER, phone_number.id)
        return {
            "account_sid": self.format_sid(ResourceType.ACCOUNT, phone_number.account),
            "address_sid": None,
            "address_requirements": "none",
            "api_version": API_VERSION,
            "beta": False,
            "capabilities": {"mms": True, "sms": True, "voice": True, "fax": False},
            "date_created": rfc2822(phone_number.created),
            "date_updated": rfc2822(phone_number.updated),
            "friendly_name": phone_number.friendly_name,
            "identity_sid": None,
            "phone_number": phone_number.number,
            "origin": "twilio",
            "sid": sid,
            "sms_application_sid": self.format_sid_or_none(ResourceType.APPLICATION, phone_number.sms_application),
            **values_of(phone_number, "sms_fallback_method sms_fallback_url sms_method sms_url"),
            **values_of(phone_number, "status_callback status_callback_method"),
            "trunk_sid": None,
            "uri": f"{self.account_uri(phone_number.account)}/IncomingPhoneNumbers/{sid}.json",
            "voice_receive_mode": "voice",
            "voice_application_sid": self.format_sid_or_none(ResourceType.APPLICATION, phone_number.voice_application),
            "voice_caller_id_lookup": phone_number.voice_caller_id_lookup,
            **values_of(phone_number, "voice_fallback_method voice_fallback_url voice_method voice_url"),
            "emergency_status": "Inactive",
            "emergency_address_sid": None,
            "emergency_address_status": "unregistered",
            "bundle_sid": None,
            "status": "in-use",
            "type": "local",
        }

    def application(self, application: Application) -> Body:
        """Render an application."""
        sid = self.format_sid(ResourceType.APPLICATION, application.id)
        return {
            "account_sid": self.format_sid(ResourceType.ACCOUNT, application.account),
            "api_version": API_VERSION,
            "date_created": rfc2822(application.created),
            "date_updated": rfc2822(application.updated),
            **values_of(application, "friendly_name message_status_callback"),
            "sid": sid,
            **values_of(application, "sms_fallback_method sms_fallback_url sms_method sms_status_callback sms_url"),
            **values_of(application, "status_callback status_callback_method"),
            "uri": f"{self.account_uri(application.account)}/Applications/{sid}.json",
            **values_of(application, "voice_caller_id_lookup voice_fallback_method voice_fallback_url voice_method"),
            **values_of(application, "voice_url public_application_connect_enabled"),
        }

    def page(self, uri: str, page: "Page[Any]", items: list[Body], form: ListQuery) -> Body:
        """Render a page with `start` and `end`; links end in `.json` and put the page size before the number."""
        request = page.request
        start = request.number * request.size

        def link(number: int, cursor: "Cursor | None" = None) -> str:
            return self.link(f"{uri}.json", form, {"PageSize": request.size, "Page": number}, cursor)

        return {
            "end": start + len(items) - 1 if items else 0,
            "first_page_uri": link(0),
            "next_page_uri": link(request.number + 1, page.next) if page.next is not None else None,
            "page": request.number,
            "page_size": request.size,
            "previous_page_uri": link(max(0, request.number - 1), page.previous) if page.previous is not None else None,
            "start": start,
            "uri": link(request.number, request.cursor),
            snake_case(uri.rpartition("/")[2]): items,
        }

    def answer_for(self, answers: ErrorAnswers) -> ErrorAnswer:
        """Return Twilio's column of the error table."""
        return answers.twilio

    def error_answer(self, error: TapedeckError, operation: str) -> ErrorAnswer | None:
        """Return 408 for contention on a recording update; None for all other errors."""
        is_contention = isinstance(error, StoreBusy) and not isinstance(error, StoreThrottled)
        if is_contention and operation in RECORDING_UPDATES:
            return RECORDING_UPDATE_CONTENDED
        return None

    def error_body(self, answer: ErrorAnswer, error: TapedeckError, operation: str) -> Body:
        """Render an error as one object; a 401 for missing credentials also has `detail`."""
        del operation  # all operations use the same format
        detail: Body = {}
        if isinstance(error, CredentialsMissing):
            detail["detail"] = "Your AccountSid or AuthToken was incorrect."
        return {
            "code": answer.code,
            **detail,
            "message": answer.message,
            "more_info": f"https://www.twilio.com/docs/errors/{answer.code}",
            "status": answer.status,
        }

    def _head_of_recording(self, recording: Recording) -> Body:
        """Render the fields that all three forms of a recording begin with."""
        of_call = recording.parent.kind is ParentKind.CALL
        return {
            "account_sid": self.format_sid(ResourceType.ACCOUNT, recording.parent.account),
            "api_version": API_VERSION,
            "call_sid": self.format_sid_or_none(ResourceType.CALL, recording.call),
            "conference_sid": self.format_sid_or_none(
                ResourceType.CONFERENCE, None if of_call else recording.parent.id
            ),
            "date_created": rfc2822(recording.created),
            "date_updated": rfc2822(recording.updated),
            "start_time": rfc2822_or_none(recording.started),
            "duration": str(recording.duration) if recording.duration is not None else None,
            "sid": self.format_sid(ResourceType.RECORDING, recording.id),
            "price": None,
        }


def public_status(recording: Recording) -> str:
    """Return the status that reads of a recording show: `processing` until its media exists (C-105)."""
    return _PUBLIC_STATUSES.get(recording.status, "processing")


def _recording_fields(recording: Recording, status: str) -> Body:
    return {
        "status": status,
        "channels": recording.channels,
        "source": str(recording.source),
        "error_code": recording.error,
    }
