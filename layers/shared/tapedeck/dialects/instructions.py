"""Requests for instructions: their parameters, and how they are sent, in each dialect."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from tapedeck.dialects.callbacks import CallbackDialect, Fields, encode, fields_of, sign, with_query
from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.formatting import API_VERSION
from tapedeck.domain.call import Call
from tapedeck.domain.instructions import InstructionDetails
from tapedeck.domain.retry_policy import RetryPolicy

_FORM: Final = "application/x-www-form-urlencoded; charset=UTF-8"


FETCH_CODES: Final[Mapping[str, int]] = {
    "retrieval": 11200,
    "unknown_host": 11210,
    "too_many_redirects": 11215,
    "invalid_redirect": 11216,
    "tls": 11220,
    "certificate": 11237,
    "invalid_url": 11100,
    "forbidden": 11200,
}
"""The vendors' error code of each `ports.instructions.FetchFailure`."""


def instruction_fields(callbacks: CallbackDialect, call: Call, details: InstructionDetails, origin: str) -> Fields:
    """Render the parameters of a request for instructions, sorted by name (C-372).

    Args:
        callbacks: the dialect.
        call: the call that is to be instructed, as it is now.
        details: what the request is about besides the call.
        origin: of the service: scheme and host.
    """
    dialect = callbacks.dialect

    def sid(kind: ResourceType, identifier: str | None) -> str | None:
        return dialect.format_sid(kind, identifier) if identifier is not None else None

    is_dial = details.dialed_call is not None or "DialCallStatus" in details.parameters
    has_recording_sid = callbacks.dial_reports_recording_sid or not is_dial
    recording = details.recording
    values: Mapping[str, Any] = {
        # First: no engine can replace what Tapedeck knows of the call.
        **details.parameters,
        "AccountSid": sid(ResourceType.ACCOUNT, call.account),
        "ApiVersion": API_VERSION,
        "CallSid": sid(ResourceType.CALL, call.id),
        "CallStatus": call.status,
        "ConferenceSid": sid(ResourceType.CONFERENCE, details.conference),
        "DialCallSid": sid(ResourceType.CALL, details.dialed_call),
        "Direction": call.direction,
        "FriendlyName": details.conference_name,
        "From": call.from_,
        "ParentCallSid": sid(ResourceType.CALL, call.parent_call),
        "RecordingSid": sid(ResourceType.RECORDING, recording) if has_recording_sid else None,
        "RecordingUrl": callbacks.recording_url(call.account, recording, origin) if recording is not None else None,
        "To": call.to,
        **callbacks.call_details(call),
    }
    return fields_of(dict(sorted(values.items())))


def instruction_policy(callbacks: CallbackDialect, url: str) -> RetryPolicy:
    """Return the time limits and repetitions of a request, with the overrides in the fragment of its URL (C-370)."""
    policy = replace(callbacks.policy(url), max_redirects=callbacks.max_instruction_redirects)
    return policy if callbacks.repeats_instructions else replace(policy, attempts=1)


def compose_instruction_request(
    callbacks: CallbackDialect, method: str, url: str, fields: Mapping[str, str], key: str, token: str
) -> tuple[str, dict[str, str], bytes]:
    """Build one signed request: its URL, headers and body. The fields are in the query of a GET, or a form.

    Args:
        callbacks: the dialect.
        method: `GET` or `POST`.
        url: without user info and fragment.
        fields: the parameters.
        key: what signs it: Twilio's auth token or SignalWire's signing key.
        token: the same for all repetitions of a request.
    """
    if method == "GET":
        queried = with_query(url, fields)
        return queried, callbacks.headers(sign(key, queried, {}), token), b""
    return url, {"Content-Type": _FORM, **callbacks.headers(sign(key, url, fields), token)}, encode(fields)
