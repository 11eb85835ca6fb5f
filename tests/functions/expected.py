"""The expected responses: every body in full and every row of the error table, in both dialects.

Written from the vendors' documentation, on purpose without the serializers of the code under test.
"""

import re
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from uuid import UUID

from tapedeck.domain.account import ApiKeyInfo
from tapedeck.domain.application import Application
from tapedeck.domain.call import Call
from tapedeck.domain.conference import Conference
from tapedeck.domain.participant import Participant
from tapedeck.domain.phone_number import PhoneNumber
from tapedeck.domain.recording import ParentKind, Recording
from tapedeck.domain.transcription import Transcription

Body = dict[str, Any]

ROOTS = {"twilio": "/2010-04-01", "signalwire": "/api/laml/2010-04-01"}
REALMS = {"twilio": "Twilio API", "signalwire": "SignalWire"}


def sid(dialect: str, prefix: str, identifier: str) -> str:
    """Return an id in the dialect's format: a prefix and 32 hex digits, or a UUID."""
    return f"{prefix}{identifier}" if dialect == "twilio" else str(UUID(identifier))


def date(seconds: int) -> str:
    """Format a time as in `Tue, 25 Sep 2018 23:00:00 +0000`."""
    return format_datetime(datetime.fromtimestamp(seconds, UTC))


def date_or_none(seconds: int | None) -> str | None:
    """Format a time; None stays None."""
    return None if seconds is None else date(seconds)


def _created(identifier: str) -> str:
    return date(int(identifier[:12], 16) // 1000)


def _account_uri(dialect: str, account: str) -> str:
    return f"{ROOTS[dialect]}/Accounts/{sid(dialect, 'AC', account)}"


def recording(dialect: str, of: Recording, *, read: bool = False, **changes: Any) -> Body:
    """Return a recording as shown below its parent; `changes` override its fields status, updated and ended."""
    status = str(changes.get("status", of.status))
    updated = changes.get("updated", of.updated)
    ended = changes.get("ended", of.ended)
    if dialect == "signalwire":
        return _signalwire_recording(of, status, updated, ended)
    if read and status not in {"completed", "absent"}:
        status = "processing"
    return _twilio_recording(of, status, updated)


def _twilio_recording(of: Recording, status: str, updated: int) -> Body:
    account, parent = of.parent.account, of.parent.id
    of_call = of.parent.kind is ParentKind.CALL
    collection = f"Calls/CA{parent}" if of_call else f"Conferences/CF{parent}"
    uri = f"/2010-04-01/Accounts/AC{account}/{collection}/Recordings/RE{of.id}.json"
    head = {
        "account_sid": f"AC{account}",
        "api_version": "2010-04-01",
        "call_sid": f"CA{of.call}",
        "conference_sid": None if of_call else f"CF{parent}",
        "date_created": _created(of.id),
        "date_updated": date(updated),
        "start_time": date_or_none(of.started),
        "duration": None if of.duration is None else str(of.duration),
        "sid": f"RE{of.id}",
        "price": None,
    }
    shared = {"status": status, "channels": of.channels, "source": str(of.source), "error_code": of.error}
    if of_call:
        return {**head, "uri": uri, "encryption_details": None, "price_unit": None, **shared, "track": of.track}
    return {**head, "price_unit": None, **shared, "encryption_details": None, "uri": uri}


def _signalwire_recording(of: Recording, status: str, updated: int, ended: int | None) -> Body:
    account, parent, own = (str(UUID(each)) for each in (of.parent.account, of.parent.id, of.id))
    of_call = of.parent.kind is ParentKind.CALL
    base = f"/api/laml/2010-04-01/Accounts/{account}"
    sources = {
        "StartCallRecordingAPI": "StartCallRecordingApi",
        "OutboundAPI": "OutBoundApi",
        "StartConferenceRecordingAPI": "StartConferenceRecording",
    }
    return {
        "sid": own,
        "account_sid": account,
        "api_version": "2010-04-01",
        "call_sid": parent if of_call else None,
        "conference_sid": None if of_call else parent,
        "channel": str(of.channels),
        "channels": str(of.channels),
        "date_created": _created(of.id),
        "date_updated": date(updated),
        "start_time": date_or_none(of.started),
        "end_time": date_or_none(ended),
        "duration": of.duration or 0,
        "price": None,
        "price_unit": "USD",
        "source": sources.get(str(of.source), str(of.source)),
        "status": status,
        "error_code": None if of.error is None else str(of.error),
        "uri": f"{base}/Recordings/{own}.json" if of_call else f"{base}/Conferences/{parent}/Recordings/{own}.json",
        "subresource_uris": {"transcriptions": f"{base}/Recordings/{own}/Transcriptions.json"},
        "encryption_details": None,
        "trim": of.trim,
    }


def account_recording(dialect: str, of: Recording, scheme: str = "https") -> Body:
    """Return a recording as a read of `/Recordings` shows it.

    Its `media_url` (Twilio) begins with the origin of the request: `scheme` and `localhost`.
    """
    body = recording(dialect, of, read=True)
    account = _account_uri(dialect, of.parent.account)
    uri = f"{account}/Recordings/{sid(dialect, 'RE', of.id)}"
    if dialect == "signalwire":
        return {**body, "uri": f"{uri}.json"}
    status = "deleted" if str(of.status) == "deleted" else body["status"]
    order = [
        "account_sid",
        "api_version",
        "call_sid",
        "conference_sid",
        "date_created",
        "date_updated",
        "start_time",
        "duration",
        "sid",
        "price",
        "price_unit",
        "status",
        "channels",
        "source",
        "error_code",
    ]
    return {
        **{name: body[name] for name in order},
        "status": status,
        "uri": f"{uri}.json",
        "encryption_details": None,
        "subresource_uris": {
            "add_on_results": f"{uri}/AddOnResults.json",
            "transcriptions": f"{uri}/Transcriptions.json",
        },
        "media_url": f"{scheme}://localhost{uri}",
    }


def account(dialect: str, identifier: str, created: int, token: str | None) -> Body:
    """Return an account that was created at a second, with the token that it shows."""
    own, uri = sid(dialect, "AC", identifier), _account_uri(dialect, identifier)
    if dialect == "signalwire":
        collections = {
            "available_phone_numbers": "AvailablePhoneNumbers",
            "applications": "Applications",
            "calls": "Calls",
            "conferences": "Conferences",
            "incoming_phone_numbers": "IncomingPhoneNumbers",
            "queues": "Queues",
            "recordings": "Recordings",
            "messages": "Messages",
            "transcriptions": "Transcriptions",
        }
        names = (
            "addresses available_phone_numbers applications authorized_connect_apps calls conferences connect_apps "
            "incoming_phone_numbers keys notifications outgoing_caller_ids queues recordings sandbox sip short_codes "
            "messages transcriptions usage"
        )
        return {
            "sid": own,
            "friendly_name": "Tapedeck",
            "status": "active",
            "auth_token": token,
            "date_created": date(created),
            "date_updated": date(created),
            "type": "Full",
            "owner_account_sid": own,
            "region_preference": "us-east",
            "uri": uri,
            "subproject": False,
            "signing_key": None,
            "subresource_uris": {
                name: f"{uri}/{collections[name]}" if name in collections else None for name in names.split()
            },
        }
    words = (
        "AvailablePhoneNumbers Calls Conferences IncomingPhoneNumbers Notifications OutgoingCallerIds Recordings "
        "Transcriptions Addresses SigningKeys ConnectApps SIP AuthorizedConnectApps Usage Keys Applications ShortCodes "
        "Queues Messages Balance"
    )
    links = {re.sub(r"(?<=[a-z])(?=[A-Z])", "_", word).lower(): f"{uri}/{word}.json" for word in words.split()}
    return {
        "auth_token": token,
        "date_created": date(created),
        "date_updated": date(created),
        "friendly_name": "Tapedeck",
        "owner_account_sid": own,
        "sid": own,
        "status": "active",
        "subresource_uris": links,
        "type": "Full",
        "uri": f"{uri}.json",
    }


def key(of: ApiKeyInfo) -> Body:
    """Return an API key without its secret; only Twilio has this resource."""
    return {
        "sid": f"SK{of.id}",
        "friendly_name": of.friendly_name,
        "date_created": date(of.created),
        "date_updated": date(of.updated),
    }


def phone_number(dialect: str, of: PhoneNumber) -> Body:
    """Return a phone number."""
    own, account = sid(dialect, "PN", of.id), sid(dialect, "AC", of.account)
    uri = f"{_account_uri(dialect, of.account)}/IncomingPhoneNumbers/{own}.json"
    dates = {"date_created": _created(of.id), "date_updated": date(of.updated)}
    voice_application = of.voice_application and sid(dialect, "AP", of.voice_application)
    sms = {
        "sms_application_sid": of.sms_application and sid(dialect, "AP", of.sms_application),
        "sms_fallback_method": of.sms_fallback_method,
        "sms_fallback_url": of.sms_fallback_url,
        "sms_method": of.sms_method,
        "sms_url": of.sms_url,
        "status_callback": of.status_callback,
        "status_callback_method": of.status_callback_method,
        "trunk_sid": None,
        "uri": uri,
    }
    voice = {
        "voice_fallback_method": of.voice_fallback_method,
        "voice_fallback_url": of.voice_fallback_url,
        "voice_method": of.voice_method,
        "voice_url": of.voice_url,
    }
    if dialect == "signalwire":
        return {
            "account_id": account,
            "account_sid": account,
            "address_requirements": "none",
            "address_sid": None,
            "api_version": "2010-04-01",
            "beta": False,
            "capabilities": {"voice": True, "sms": True, "mms": True, "fax": False},
            "country_code": "US",
            **dates,
            "emergency_address_sid": None,
            "emergency_status": "Inactive",
            "friendly_name": of.friendly_name,
            "identity_sid": None,
            "origin": "signalwire",
            "phone_number": of.number,
            "sid": own,
            **sms,
            "verification_status": "Unverified",
            "voice_application_sid": voice_application,
            "voice_caller_id_lookup": None,
            **voice,
        }
    return {
        "account_sid": account,
        "address_sid": None,
        "address_requirements": "none",
        "api_version": "2010-04-01",
        "beta": False,
        "capabilities": {"mms": True, "sms": True, "voice": True, "fax": False},
        **dates,
        "friendly_name": of.friendly_name,
        "identity_sid": None,
        "phone_number": of.number,
        "origin": "twilio",
        "sid": own,
        **sms,
        "voice_receive_mode": "voice",
        "voice_application_sid": voice_application,
        "voice_caller_id_lookup": of.voice_caller_id_lookup,
        **voice,
        "emergency_status": "Inactive",
        "emergency_address_sid": None,
        "emergency_address_status": "unregistered",
        "bundle_sid": None,
        "status": "in-use",
        "type": "local",
    }


def application(dialect: str, of: Application) -> Body:
    """Return an application."""
    own, account = sid(dialect, "AP", of.id), sid(dialect, "AC", of.account)
    uri = f"{_account_uri(dialect, of.account)}/Applications/{own}.json"
    dates = {"date_created": _created(of.id), "date_updated": date(of.updated)}
    if dialect == "signalwire":
        return {
            "sid": own,
            "account_sid": account,
            "api_version": "2010-04-01",
            **dates,
            "friendly_name": of.friendly_name,
            "uri": uri,
            "voice_url": of.voice_url,
            "voice_method": of.voice_method,
            "voice_fallback_url": of.voice_fallback_url,
            "voice_fallback_method": of.voice_fallback_method,
            "status_callback": of.status_callback,
            "status_callback_method": of.status_callback_method,
            "voice_caller_id_lookup": None,
            "sms_url": of.sms_url,
            "sms_method": of.sms_method,
            "sms_fallback_url": of.sms_fallback_url,
            "sms_fallback_method": of.sms_fallback_method,
            "sms_status_callback": of.sms_status_callback,
            "sms_status_callback_method": of.sms_status_callback_method,
            "message_status_callback": of.message_status_callback,
        }
    return {
        "account_sid": account,
        "api_version": "2010-04-01",
        **dates,
        "friendly_name": of.friendly_name,
        "message_status_callback": of.message_status_callback,
        "sid": own,
        "sms_fallback_method": of.sms_fallback_method,
        "sms_fallback_url": of.sms_fallback_url,
        "sms_method": of.sms_method,
        "sms_status_callback": of.sms_status_callback,
        "sms_url": of.sms_url,
        "status_callback": of.status_callback,
        "status_callback_method": of.status_callback_method,
        "uri": uri,
        "voice_caller_id_lookup": of.voice_caller_id_lookup,
        "voice_fallback_method": of.voice_fallback_method,
        "voice_fallback_url": of.voice_fallback_url,
        "voice_method": of.voice_method,
        "voice_url": of.voice_url,
        "public_application_connect_enabled": of.public_application_connect_enabled,
    }


def transcription(dialect: str, of: Transcription) -> Body:
    """Return a transcription."""
    own = sid(dialect, "TR", of.id)
    uri = f"{_account_uri(dialect, of.account)}/Transcriptions/{own}.json"
    dates = {"date_created": _created(of.id), "date_updated": date(of.updated)}
    account, recording_sid = sid(dialect, "AC", of.account), sid(dialect, "RE", of.recording)
    if dialect == "twilio":
        duration = None if of.duration is None else str(of.duration)
        head = {"account_sid": account, "api_version": "2010-04-01", **dates, "duration": duration, "price": None}
        tail = {"status": str(of.status), "transcription_text": of.text, "type": "fast", "uri": uri}
        return {**head, "price_unit": "USD", "recording_sid": recording_sid, "sid": own, **tail}
    return {
        "sid": own,
        "account_sid": account,
        "api_version": "2010-04-01",
        "recording_sid": recording_sid,
        **dates,
        "duration": of.duration or 0,
        "price": None,
        "price_unit": "USD",
        "status": "completed",
        "transcription_text": of.text,
        "type": "",
        "uri": uri,
    }


def page(
    dialect: str,
    account: str,
    path: str,
    items: list[Body],
    *,
    size: int = 50,
    number: int = 0,
    token: str | None = None,
    following: str | None = None,
    preceding: str | None = None,
    filters: str = "",
) -> Body:
    """Return one page of a list with its links.

    Args:
        dialect: the dialect's name.
        account: the account's id.
        path: the path of the list below the account; `Accounts` is below the root.
        items: the resources on the page.
        size: `PageSize`.
        number: `Page`.
        token: the `PageToken` of this page, if it has one.
        following: the token of the next page, if there is one.
        preceding: the token of the previous page, if there is one.
        filters: the filters as written in the links, each followed by `&`.
    """
    suffix = ".json" if dialect == "twilio" else ""
    base = ROOTS[dialect] if path == "Accounts" else _account_uri(dialect, account)

    def link(number: int, token: str | None) -> str:
        place = f"PageSize={size}&Page={number}" if dialect == "twilio" else f"Page={number}&PageSize={size}"
        behind = "" if token is None else f"&PageToken={token}"
        return f"{base}/{path}{suffix}?{filters}{place}{behind}"

    links = {
        "uri": link(number, token),
        "first_page_uri": link(0, None),
        "next_page_uri": None if following is None else link(number + 1, following),
        "previous_page_uri": None if preceding is None else link(max(0, number - 1), preceding),
    }
    counts = {"page": number, "page_size": size}
    last = path.rpartition("/")[2]
    name = {"AddOnResults": "add_on_results", "IncomingPhoneNumbers": "incoming_phone_numbers"}.get(last, last.lower())
    if dialect == "signalwire":
        return {**links, **counts, name: items}
    start = number * size
    fields = {**links, **counts, "start": start, "end": start + len(items) - 1 if items else 0}
    order = ["end", "first_page_uri", "next_page_uri", "page", "page_size", "previous_page_uri", "start", "uri"]
    return {**{each: fields[each] for each in order}, name: items}


def conference(
    dialect: str,
    of: Conference,
    *,
    status: str | None = None,
    updated: int | None = None,
    reason: str | None = None,
    ending_call: str | None = None,
) -> Body:
    """Return a conference."""
    own = sid(dialect, "CF", of.id)
    uri = f"{_account_uri(dialect, of.account)}/Conferences/{own}"
    links = {"participants": f"{uri}/Participants.json", "recordings": f"{uri}/Recordings.json"}
    dates = {"date_created": _created(of.id), "date_updated": date(of.updated if updated is None else updated)}
    if dialect == "signalwire":
        return {
            "sid": own,
            "account_sid": sid(dialect, "AC", of.account),
            **dates,
            "friendly_name": of.name,
            "status": status or str(of.status),
            "api_version": "2010-04-01",
            "region": "us1",
            "uri": f"{uri}.json",
            "subresource_uris": links,
        }
    return {
        "account_sid": sid(dialect, "AC", of.account),
        **dates,
        "api_version": "2010-04-01",
        "friendly_name": of.name,
        "region": "us1",
        "sid": own,
        "status": status or str(of.status),
        "uri": f"{uri}.json",
        "subresource_uris": links,
        "reason_conference_ended": reason or of.reason,
        "call_sid_ending_conference": None if ending_call is None else f"CA{ending_call}",
    }


_FORMATTED = {
    "+12025550144": "(202) 555-0144",
    "+12025550100": "(202) 555-0100",
    "+13105678901": "(310) 567-8901",
    "+13103384645": "(310) 338-4645",
}
"""The formatted phone numbers of the stage's calls; other values are shown unchanged."""


def participant(dialect: str, account: str, of: Participant, *, added: bool = False) -> Body:
    """Return a participant; `added` means in the response to its creation, which has a queue time."""
    conference_sid, own = sid(dialect, "CF", of.conference), sid(dialect, "CA", of.call)
    uri = f"{_account_uri(dialect, account)}/Conferences/{conference_sid}/Participants/{own}.json"
    coached = None if of.call_to_coach is None else sid(dialect, "CA", of.call_to_coach)
    created, updated = date(of.joined), date(of.joined if of.updated is None else of.updated)
    flags = {
        "end_conference_on_exit": of.end_conference_on_exit,
        "muted": of.muted,
        "hold": of.hold,
        "start_conference_on_enter": of.start_conference_on_enter,
    }
    ids = {"account_sid": sid(dialect, "AC", account), "call_sid": own}
    where = {"coaching": of.coaching, "conference_sid": conference_sid, "date_created": created}
    if dialect == "signalwire":
        over = of.status in {"complete", "failed"}
        status = {"status": "completed" if over else "in-progress", "date_updated": updated}
        return {**ids, "call_sid_to_coach": coached, **where, **status, **flags, "uri": uri}
    labels = {"label": of.label, "call_sid_to_coach": coached}
    end = {"status": str(of.status), "queue_time": "0" if added else None, "uri": uri}
    return {**ids, **labels, **where, "date_updated": updated, **flags, **end}


def call(dialect: str, of: Call) -> Body:
    """Return a call."""
    own = sid(dialect, "CA", of.id)
    uri = f"{_account_uri(dialect, of.account)}/Calls/{own}"
    seconds = None
    if of.status == "completed" and of.ended is not None:
        seconds = of.ended - (of.ended if of.started is None else of.started)
    parent = None if of.parent_call is None else sid(dialect, "CA", of.parent_call)
    if dialect == "signalwire":
        return {
            "sid": own,
            "account_sid": sid(dialect, "AC", of.account),
            "date_created": _created(of.id),
            "date_updated": date(of.updated),
            "parent_call_sid": parent,
            "to": of.to,
            "formatted_to": _FORMATTED.get(of.to, of.to),
            "to_formatted": _FORMATTED.get(of.to, of.to),
            "from": of.from_,
            "formatted_from": _FORMATTED.get(of.from_, of.from_),
            "from_formatted": _FORMATTED.get(of.from_, of.from_),
            "phone_number_sid": None if of.phone_number is None else sid(dialect, "PN", of.phone_number),
            "status": str(of.status),
            "start_time": date_or_none(of.started),
            "end_time": date_or_none(of.ended),
            "duration": seconds or 0,
            "price": None,
            "price_unit": "USD",
            "direction": "inbound" if of.direction == "inbound" else "outbound",
            "answered_by": None,
            "api_version": "2010-04-01",
            "forwarded_from": None,
            "caller_name": None,
            "uri": f"{uri}.json",
            "subresource_uris": {"notifications": None, "recordings": f"{uri}/Recordings.json"},
            "annotation": None,
            "group_sid": None,
            "audio_in_mos": None,
            "sip_result_code": None,
            "audio_rtt_avg": None,
            "audio_rtt_min": None,
            "audio_rtt_max": None,
            "audio_out_jitter_min": None,
            "audio_out_jitter_max": None,
            "audio_out_jitter_avg": None,
            "audio_out_lost": None,
        }
    return {
        "sid": own,
        "date_created": _created(of.id),
        "date_updated": date(of.updated),
        "parent_call_sid": parent,
        "account_sid": sid(dialect, "AC", of.account),
        "to": of.to,
        "to_formatted": _FORMATTED.get(of.to, of.to),
        "from": of.from_,
        "from_formatted": _FORMATTED.get(of.from_, of.from_),
        "phone_number_sid": None if of.phone_number is None else sid(dialect, "PN", of.phone_number),
        "status": str(of.status),
        "start_time": date_or_none(of.started),
        "end_time": date_or_none(of.ended),
        "duration": None if seconds is None else str(seconds),
        "price": None,
        "price_unit": None,
        "direction": of.direction,
        "answered_by": None,
        "api_version": "2010-04-01",
        "forwarded_from": None,
        "group_sid": None,
        "caller_name": None,
        "queue_time": "0",
        "trunk_sid": None,
        "uri": f"{uri}.json",
        "subresource_uris": {
            "notifications": f"{uri}/Notifications.json",
            "recordings": f"{uri}/Recordings.json",
            "payments": f"{uri}/Payments.json",
            "events": f"{uri}/Events.json",
            "siprec": f"{uri}/Siprec.json",
            "streams": f"{uri}/Streams.json",
            "transcriptions": f"{uri}/Transcriptions.json",
            "user_defined_message_subscriptions": f"{uri}/UserDefinedMessageSubscriptions.json",
            "user_defined_messages": f"{uri}/UserDefinedMessages.json",
        },
    }


# The error table: condition -> Twilio's (status, code, message), SignalWire's.
_Row = tuple[int, int, str]
_NOT_FOUND: _Row = (404, 20404, "The requested resource {uri} was not found")
_NOT_ELIGIBLE: _Row = (400, 21220, "Requested resource is not eligible for recording")
_LABEL_IN_USE: _Row = (400, 16025, "Another participant of this conference has this label")
_EVENT = "Invalid recording status callback event"


def _both_parameter(code: int, message: str) -> tuple[_Row, _Row]:
    """Return a row of an invalid parameter: 400 in Twilio's dialect, 422 in SignalWire's."""
    return (400, code, message), (422, code, message)


REFUSALS: dict[str, tuple[_Row, _Row]] = {
    "no credentials": (
        (401, 20003, "Authentication Error - No credentials provided"),
        (401, 20003, "Authentication failed"),
    ),
    "bad credentials": ((401, 20003, "Authenticate"), (401, 20003, "Authentication failed")),
    "not found": (_NOT_FOUND, _NOT_FOUND),
    "body too large": ((413, 20001, "Bad request"), (413, 10000, "Request body too large")),
    "malformed body": ((400, 20001, "Bad request"), (400, 10000, "Malformed request body")),
    "method": ((405, 20004, "Method not allowed"), (405, 20004, "Method not allowed")),
    "conference read by name": ((405, 20004, "Method not allowed"), _NOT_FOUND),
    "parameter missing": (
        (400, 20001, "Missing required parameter {name} in the post body"),
        (422, 10000, "{name} is required"),
    ),
    "value outside the enum": ((400, 20001, "Bad request"), (422, 10000, "{name} is invalid")),
    "page size": ((400, 20007, "{name} must be at least 1"), (422, 10000, "{name} is invalid")),
    "page token missing": ((400, 20001, "PageToken is required for paging."), (422, 10000, "{name} is invalid")),
    "page token": ((400, 21481, "{name} is invalid"), (422, 21481, "{name} is invalid")),
    "no HTTP method": ((400, 20001, "Bad request"), (422, 13221, "{name} must be GET or POST")),
    "event unknown": ((400, 13621, _EVENT), (422, 13621, _EVENT)),
    "trim unknown": ((400, 20001, "Bad request"), (422, 13699, "Invalid trim value")),
    "no URL": ((400, 21402, "{name} is not a valid URL"), (422, 21402, "{name} is not a valid URL")),
    "no callback URL": ((400, 21402, "{name} is not a valid URL"), (422, 21456, "{name} is not a valid URL")),
    "no instructions URL": (
        (400, 21205, "{name} is not a valid URL: {value}"),
        (422, 21205, "{name} is not a valid URL: {value}"),
    ),
    "no instructions method": (
        (400, 21209, "{name} must be GET or POST"),
        (422, 21209, "{name} must be GET or POST"),
    ),
    "conference status": ((400, 20001, "Bad request"), (422, 21475, "{name} must be completed")),
    "number bad": (
        (400, 21421, "{name} is not a valid phone number"),
        (422, 21421, "{name} is not a valid phone number"),
    ),
    "number taken": ((400, 21422, "{name} is not available"), (422, 21422, "{name} is not available")),
    "number method": ((400, 21403, "{name} must be GET or POST"), (422, 21209, "{name} must be GET or POST")),
    "area code bad": ((400, 21451, "{name} is not an area code"), (422, 21451, "{name} is not an area code")),
    "area code empty": (
        (400, 21452, "No phone numbers are available in {name}"),
        (422, 21452, "No phone numbers are available in {name}"),
    ),
    "fallback without a URL": ((400, 21405, "{name} needs a VoiceUrl"), (422, 10000, "{name} needs a VoiceUrl")),
    "no engine": ((503, 20503, "Service Unavailable"), (503, 20504, "Service unavailable")),
    "to missing": ((400, 21201, "No 'To' number is specified"), (422, 21211, "No 'To' number is specified")),
    "to bad": _both_parameter(21211, "The 'To' number {value} is not a valid phone number."),
    "to refused": _both_parameter(21217, "The 'To' number {value} is not a valid phone number."),
    "to unreachable": _both_parameter(21214, "The 'To' number {value} cannot be reached."),
    "to international": _both_parameter(21215, "International calls to {value} are not permitted."),
    "to blocked": _both_parameter(21216, "Calls to {value} are not permitted."),
    "from missing": _both_parameter(21213, "'From' phone number is required"),
    "from bad": _both_parameter(21212, "The 'From' number {value} is not a valid phone number."),
    "no instructions": _both_parameter(21205, "Url parameter is required."),
    "markup too long": ((400, 32018, "{name} has more than 4000 characters"), (422, 10000, "{name} is invalid")),
    "no status callback URL": _both_parameter(21609, "{name} is not a valid URL"),
    "digits bad": ((400, 21206, "{name} is invalid"), (422, 13222, "{name} is invalid")),
    "timeout bad": _both_parameter(21208, "{name} must be from 1 to 600"),
    "machine detection bad": ((400, 20001, "Bad request"), (422, 21234, "{name} is invalid")),
    "no detection callback": ((400, 20001, "Bad request"), (422, 21262, "{name} is required")),
    "application unknown": (
        (400, 21218, "{name} is not the sid of an application"),
        (422, 21218, "{name} is not the sid of an application"),
    ),
    "not eligible": (_NOT_ELIGIBLE, _NOT_ELIGIBLE),
    "one channel": (
        (400, 16113, "The recording has one channel"),
        (400, 16113, "The recording has one channel"),
    ),
    "not finished": (
        (400, 20009, "Cannot delete this resource before it is complete"),
        (400, 20009, "Cannot delete this resource before it is complete"),
    ),
    "several current": (
        (400, 16108, "Several recordings are in progress: name one by its sid"),
        _NOT_FOUND,
    ),
    "conference state": ((400, 20001, "Bad request"), (400, 10000, "Conference is not in progress")),
    "call ended": (
        (400, 21220, "Call is not in-progress. Cannot redirect."),
        (400, 10000, "Call has ended"),
    ),
    "call ended already": (_NOT_FOUND, (400, 10000, "Call has ended")),
    "call answered": ((400, 20001, "Bad request"), (400, 10000, "Call is in progress")),
    "call not in progress": (
        (400, 21220, "Call is not in-progress. Cannot redirect."),
        (400, 21220, "Call is not in-progress. Cannot redirect."),
    ),
    "has left": (_NOT_FOUND, (400, 10000, "Conference is not in progress")),
    "label bad": ((400, 16023, "{name} is not a label"), (422, 16023, "{name} is not a label")),
    "label in use": (_LABEL_IN_USE, _LABEL_IN_USE),
    "coaching bad": (
        (400, 16002, "{name} must name a call in this conference"),
        (422, 16002, "{name} must name a call in this conference"),
    ),
    "too many requests": ((429, 20429, "Too Many Requests"), (429, 20429, "Too Many Requests")),
    "not confirmed": (
        (408, 16114, "Resource is not in a state to accept the recording action"),
        (503, 20504, "Service unavailable"),
    ),
    "internal error": ((500, 20500, "Internal Server Error"), (500, 20504, "Internal error")),
}


def refusal(dialect: str, condition: str, *, as_strings: bool = False, **words: str) -> tuple[int, Body]:
    """Return status and body of a row of the error table.

    `as_strings`: SignalWire answers with an array of strings, as it does for updates of conference recordings.
    """
    twilio, signalwire = REFUSALS[condition]
    status, code, message = twilio if dialect == "twilio" else signalwire
    for name, word in words.items():
        message = message.replace(f"{{{name}}}", word)
    if dialect == "signalwire":
        if as_strings and status == 422:
            return status, {"errors": [message]}
        more = "https://signalwire.com/docs/compatibility-api/reference/errors"
        return status, {"code": code, "message": message, "more_info": more, "status": status}
    body: Body = {"code": code}
    if condition == "no credentials":
        body["detail"] = "Your AccountSid or AuthToken was incorrect."
    more = f"https://www.twilio.com/docs/errors/{code}"
    return status, {**body, "message": message, "more_info": more, "status": status}
