"""The parameters, signatures and policies of requests for instructions in both dialects."""

from dataclasses import replace
from urllib.parse import parse_qsl

import pytest

from tapedeck.dialects.callback_selection import callbacks_in
from tapedeck.dialects.instructions import compose_instruction_request, instruction_fields, instruction_policy
from tapedeck.domain.call import Call, CallStatus
from tapedeck.domain.instructions import InstructionDetails
from tapedeck.domain.retry_policy import FailureKind, RetryPolicy

ACCOUNT = "720796a08ee9435083bd2d07a3121f1e"
CALL = "43bb71ee553f4074bb208e2747647cce"
CHILD = "058a869cd3874bef8e626b0bc0895bed"
RECORDING = "0000018d3c5e7a109f1b2c3d4e5f6071"
ORIGIN = "https://api.example.com"
KEY = "0123456789abcdef0123456789abcdef"

RINGING = Call(ACCOUNT, CALL, CallStatus.RINGING, 1_537_916_390, to="+12025550100", from_="+12025550143")
ANSWERED = replace(RINGING, status=CallStatus.IN_PROGRESS)
DIALED = replace(ANSWERED, id=CHILD, to="+12025550144", direction="outbound-dial", parent_call=CALL)


def twilio_fields(call: Call = ANSWERED, **more: str) -> dict[str, str]:
    """Return the parameters that Twilio's dialect has for an incoming call, with others."""
    place = {"City": "SAN FRANCISCO", "Country": "US", "State": "CA", "Zip": "94105"}
    places = {f"{party}{name}": value for party in ("Called", "Caller", "From", "To") for name, value in place.items()}
    fields = {
        "AccountSid": "AC720796a08ee9435083bd2d07a3121f1e",
        "ApiVersion": "2010-04-01",
        "CallSid": f"CA{call.id}",
        "CallStatus": str(call.status),
        "Called": call.to,
        "Caller": call.from_,
        "Direction": call.direction,
        "From": call.from_,
        "To": call.to,
        **places,
        **more,
    }
    return dict(sorted(fields.items()))


def signalwire_fields(status: str, **more: str) -> dict[str, str]:
    """Return the parameters that SignalWire's dialect has for an incoming call, with others."""
    fields = {
        "AccountSid": "720796a0-8ee9-4350-83bd-2d07a3121f1e",
        "ApiVersion": "2010-04-01",
        "CallSid": "43bb71ee-553f-4074-bb20-8e2747647cce",
        "CallStatus": status,
        "Direction": "inbound",
        "From": "+12025550143",
        "To": "+12025550100",
        **more,
    }
    return dict(sorted(fields.items()))


@pytest.mark.parametrize(
    ("call", "details", "fields"),
    [
        (RINGING, InstructionDetails(), twilio_fields(RINGING)),
        (
            ANSWERED,
            InstructionDetails({"Digits": "42", "FinishedOnKey": "#", "msg": "Gather End"}),
            twilio_fields(Digits="42", FinishedOnKey="#", msg="Gather End"),
        ),
        (
            RINGING,
            InstructionDetails({"ErrorCode": "11200", "ErrorUrl": "https://app.example.com/voice"}),
            twilio_fields(RINGING, ErrorCode="11200", ErrorUrl="https://app.example.com/voice"),
        ),
        (
            ANSWERED,
            InstructionDetails(
                {"DialCallStatus": "completed", "DialBridged": "true", "DialCallDuration": "10"}, dialed_call=CHILD
            ),
            twilio_fields(
                DialCallStatus="completed", DialBridged="true", DialCallDuration="10", DialCallSid=f"CA{CHILD}"
            ),
        ),
        (DIALED, InstructionDetails(), twilio_fields(DIALED, ParentCallSid=f"CA{CALL}")),
        (
            replace(ANSWERED, status=CallStatus.COMPLETED),
            InstructionDetails({"RecordingDuration": "3", "Digits": "hangup"}, recording=RECORDING),
            twilio_fields(
                replace(ANSWERED, status=CallStatus.COMPLETED),
                RecordingDuration="3",
                Digits="hangup",
                RecordingSid=f"RE{RECORDING}",
                RecordingUrl=f"{ORIGIN}/2010-04-01/Accounts/AC{ACCOUNT}/Recordings/RE{RECORDING}",
            ),
        ),
        (
            ANSWERED,
            InstructionDetails(conference=CHILD, conference_name="Room"),
            twilio_fields(ConferenceSid=f"CF{CHILD}", FriendlyName="Room"),
        ),
    ],
    ids=["voice", "digits", "fallback", "dial", "whisper", "record", "wait"],
)
def test_twilios_parameters(call: Call, details: InstructionDetails, fields: dict[str, str]) -> None:
    """A request has both names of each number, the place of each, and what the verb adds, sorted by name."""
    rendered = instruction_fields(callbacks_in("twilio"), call, details, ORIGIN)
    assert list(rendered.items()) == list(fields.items())


def test_an_engine_cannot_replace_what_is_known_of_the_call() -> None:
    """Parameters with the names of those of the call have no effect."""
    details = InstructionDetails(
        {"AccountSid": "AC1", "CallSid": "CA1", "From": "+1", "Called": "x", "RecordingUrl": "y"}
    )
    rendered = instruction_fields(callbacks_in("twilio"), ANSWERED, details, ORIGIN)
    assert rendered == twilio_fields()


@pytest.mark.parametrize(
    ("details", "fields"),
    [
        (InstructionDetails(), signalwire_fields("in-progress")),
        (
            InstructionDetails(
                {"DialCallStatus": "completed", "DialCallDuration": "10"}, recording=RECORDING, dialed_call=CHILD
            ),
            signalwire_fields(
                "in-progress",
                DialCallStatus="completed",
                DialCallDuration="10",
                DialCallSid="058a869c-d387-4bef-8e62-6b0bc0895bed",
                RecordingUrl=(
                    f"{ORIGIN}/api/laml/2010-04-01/Accounts/720796a0-8ee9-4350-83bd-2d07a3121f1e/Recordings/"
                    "0000018d-3c5e-7a10-9f1b-2c3d4e5f6071"
                ),
            ),
        ),
        (
            InstructionDetails({"RecordingDuration": "3"}, recording=RECORDING),
            signalwire_fields(
                "in-progress",
                RecordingDuration="3",
                RecordingSid="0000018d-3c5e-7a10-9f1b-2c3d4e5f6071",
                RecordingUrl=(
                    f"{ORIGIN}/api/laml/2010-04-01/Accounts/720796a0-8ee9-4350-83bd-2d07a3121f1e/Recordings/"
                    "0000018d-3c5e-7a10-9f1b-2c3d4e5f6071"
                ),
            ),
        ),
    ],
    ids=["voice", "dial", "record"],
)
def test_signalwires_parameters(details: InstructionDetails, fields: dict[str, str]) -> None:
    """A request has neither second names nor places; after a `<Dial>`, the recording has only its URL."""
    rendered = instruction_fields(callbacks_in("signalwire"), ANSWERED, details, ORIGIN)
    assert list(rendered.items()) == list(fields.items())


@pytest.mark.parametrize(
    ("dialect", "key", "signature"),
    [
        ("twilio", KEY, "tDkGfUrKFWduOPnyo6F8KYEnr8M="),
        ("signalwire", "PSK_0123456789abcdefABCDEF", "pgYvjXJSB830N2FiHFDgrXbN7bU="),
    ],
)
def test_a_form_is_signed_as_by_the_vendor(dialect: str, key: str, signature: str) -> None:
    """The signature of the first request of an incoming call is that of the vendor's worked example."""
    callbacks = callbacks_in(dialect)
    fields = instruction_fields(callbacks, RINGING, InstructionDetails(), ORIGIN)
    url, headers, body = compose_instruction_request(
        callbacks, "POST", "https://app.example.com/voice", fields, key, "token"
    )
    form = {"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8", "X-Twilio-Signature": signature}
    more = {"I-Twilio-Idempotency-Token": "token"} if dialect == "twilio" else {"X-SignalWire-Signature": signature}
    assert (url, headers) == ("https://app.example.com/voice", {**form, **more})
    assert dict(parse_qsl(body.decode())) == fields


def test_a_query_is_signed_with_its_url() -> None:
    """A GET has the parameters behind the query that its URL has, no form, and the validator accepts its signature."""
    from twilio.request_validator import RequestValidator

    callbacks = callbacks_in("twilio")
    fields = instruction_fields(callbacks, ANSWERED, InstructionDetails({"Digits": "42"}), ORIGIN)
    url, headers, body = compose_instruction_request(
        callbacks, "GET", "https://app.example.com/menu?lang=en", fields, KEY, "token"
    )
    assert url.startswith("https://app.example.com/menu?lang=en&AccountSid=AC720796a08ee9435083bd2d07a3121f1e&")
    assert dict(parse_qsl(url.partition("?")[2])) == {"lang": "en", **fields}
    assert (body, "Content-Type" in headers) == (b"", False)
    assert RequestValidator(KEY).validate(url, {}, headers["X-Twilio-Signature"])


@pytest.mark.parametrize(
    ("dialect", "url", "policy"),
    [
        ("twilio", "https://x/", RetryPolicy(5_000, 15_000, 15_000, 2, frozenset({FailureKind.CONNECT}), 10)),
        ("twilio", "https://x/#rc=3&ct=200", RetryPolicy(200, 15_000, 15_000, 4, frozenset({FailureKind.CONNECT}), 10)),
        (
            "signalwire",
            "https://x/",
            RetryPolicy(2_000, 5_000, 15_000, 1, frozenset({FailureKind.CONNECT, FailureKind.READ}), 3),
        ),
    ],
)
def test_the_policy_of_each_dialect(dialect: str, url: str, policy: RetryPolicy) -> None:
    """Twilio repeats a request without a connection, with overrides of the URL; SignalWire makes one attempt."""
    assert instruction_policy(callbacks_in(dialect), url) == policy
