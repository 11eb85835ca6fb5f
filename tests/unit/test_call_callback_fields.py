"""The fields of status callbacks of calls in both dialects, and the numbers of their events."""

from dataclasses import replace
from typing import Any

import pytest

from tapedeck.background.notifications import call_events, required_call_events
from tapedeck.dialects.callback_selection import callbacks_in
from tapedeck.dialects.callbacks import sign
from tapedeck.domain.call import Call, CallStatus
from tapedeck.domain.notification import CallEvent, CallNotification
from tapedeck.domain.subscription import CallbackSubscription
from tests.wire.callbacks import check_callback

Fields = dict[str, str]

CREATED = 1_537_916_390
"""Tuesday, 25 September 2018, 22:59:50 UTC: the time in the call's id."""

ACCOUNT = "720796a08ee9435083bd2d07a3121f1e"
PARENT = "43bb71ee553f4074bb208e2747647cce"
CALL = "016612f5ca707000bb208e2747647cce"

ALL = CallbackSubscription("https://app.example.com/leg", "POST", tuple(CallEvent), "twilio")
DIALED = Call(
    ACCOUNT, CALL, CallStatus.QUEUED, CREATED, to="+12025550144", from_="+12025550143", direction="outbound-dial",
    parent_call=PARENT, callback=ALL,
)  # fmt: skip
RINGING = replace(DIALED, status=CallStatus.RINGING, version=2, rang=CREATED + 1)
ANSWERED = replace(RINGING, status=CallStatus.IN_PROGRESS, version=3, started=CREATED + 3)
COMPLETED = replace(ANSWERED, status=CallStatus.COMPLETED, version=4, ended=CREATED + 13)
BUSY = replace(RINGING, status=CallStatus.BUSY, version=3, ended=CREATED + 2)


def _twilio(status: str, sequence: str, time: str, **more: str) -> Fields:
    place = {"City": "SAN FRANCISCO", "Country": "US", "State": "CA", "Zip": "94105"}
    places = {f"{party}{name}": value for party in ("Called", "Caller", "From", "To") for name, value in place.items()}
    fields = {
        "AccountSid": f"AC{ACCOUNT}",
        "ApiVersion": "2010-04-01",
        "CallSid": f"CA{CALL}",
        "CallStatus": status,
        "CallbackSource": "call-progress-events",
        "Called": "+12025550144",
        "Caller": "+12025550143",
        "Direction": "outbound-dial",
        "From": "+12025550143",
        "ParentCallSid": f"CA{PARENT}",
        "SequenceNumber": sequence,
        "Timestamp": f"Tue, 25 Sep 2018 {time} +0000",
        "To": "+12025550144",
        **places,
        **more,
    }
    return dict(sorted(fields.items()))


EXAMPLES: dict[str, Fields] = {
    "twilio.callback.call.initiated": _twilio("initiated", "0", "22:59:50"),
    "twilio.callback.call.ringing": _twilio("ringing", "1", "22:59:51"),
    "twilio.callback.call.answered": _twilio("in-progress", "2", "22:59:53"),
    "twilio.callback.call.completed": _twilio(
        "completed", "3", "23:00:03", CallDuration="10", Duration="1", SipResponseCode="200"
    ),
    "twilio.callback.call.busy": _twilio(
        "busy", "2", "22:59:52", CallDuration="0", Duration="0", SipResponseCode="486"
    ),
    "signalwire.callback.call.completed": {
        "AccountSid": "720796a0-8ee9-4350-83bd-2d07a3121f1e",
        "ApiVersion": "2010-04-01",
        "CallDuration": "10",
        "CallSid": "016612f5-ca70-7000-bb20-8e2747647cce",
        "CallStatus": "completed",
        "CallbackSource": "call-progress-events",
        "Direction": "outbound-dial",
        "From": "+12025550143",
        "ParentCallSid": "43bb71ee-553f-4074-bb20-8e2747647cce",
        "SequenceNumber": "0",
        "SipResultCode": "200",
        "Timestamp": "Tue, 25 Sep 2018 23:00:03 +0000",
        "To": "+12025550144",
    },
}

STATES = {"initiated": DIALED, "ringing": RINGING, "answered": ANSWERED, "completed": COMPLETED, "busy": BUSY}


def unselected(call: Call, dialect: str) -> Call:
    """Return the call with a subscription of this dialect that chose no events."""
    return replace(call, callback=replace(ALL, events=(), dialect=dialect))


def render(dialect: str, notification: CallNotification) -> Fields:
    """Render one callback; return its form fields, which are checked against the wire format."""
    fields = callbacks_in(dialect).call(notification)
    check_callback(dialect, "call", fields)
    return fields


def end_of(call: Call, dialect: str = "twilio") -> Fields:
    """Render the callback of a call's end."""
    (notification,) = [each for each in required_call_events(call) if each.event is CallEvent.COMPLETED]
    return render(dialect, notification)


@pytest.mark.parametrize("name", EXAMPLES)
def test_renders_each_example(name: str) -> None:
    """The callback of each example event has exactly its fields, sorted by name."""
    dialect, _, state = name.partition(".callback.call.")
    call = STATES[state] if dialect == "twilio" else unselected(STATES[state], dialect)
    notification = list(required_call_events(call))[-1]
    assert list(render(dialect, notification).items()) == list(EXAMPLES[name].items())
    assert list(EXAMPLES[name]) == sorted(EXAMPLES[name])


def test_the_end_is_signed_as_by_the_vendor() -> None:
    """The signature of the end is the one that a library for the vendor's signatures computes."""
    sids = {
        "AccountSid": "AC720796a08ee9435083bd2d07a3121f1e",
        "CallSid": "CA058a869cd3874bef8e626b0bc0895bed",
        "ParentCallSid": "CA43bb71ee553f4074bb208e2747647cce",
    }
    fields = {**end_of(COMPLETED), **sids}
    assert sign("0123456789abcdef0123456789abcdef", "https://app.example.com/leg", fields) == (
        "a5HQQzGP6QyHlGwZ9rHDny8VGdM="
    )


@pytest.mark.parametrize(("seconds", "minutes"), [(0, "0"), (1, "1"), (49, "1"), (60, "1"), (61, "2"), (3600, "60")])
def test_the_duration_is_in_seconds_and_in_minutes(seconds: int, minutes: str) -> None:
    """`CallDuration` is in seconds; Twilio's `Duration` counts each minute that has begun."""
    call = replace(COMPLETED, ended=CREATED + 3 + seconds)
    twilio, signalwire = end_of(call), end_of(unselected(call, "signalwire"), "signalwire")
    assert (twilio["CallDuration"], twilio["Duration"]) == (str(seconds), minutes)
    assert signalwire["CallDuration"] == str(seconds)
    assert "Duration" not in signalwire


@pytest.mark.parametrize(
    ("status", "rang", "sequence", "code"),
    [
        (CallStatus.BUSY, True, "2", "486"),
        (CallStatus.NO_ANSWER, True, "2", "487"),
        (CallStatus.CANCELED, True, "2", "487"),
        (CallStatus.CANCELED, False, "1", "487"),
        (CallStatus.FAILED, False, "1", "404"),
        (CallStatus.COMPLETED, True, "2", "487"),
        (CallStatus.COMPLETED, False, "1", "487"),
    ],
)
def test_a_call_that_was_not_answered(status: CallStatus, rang: bool, sequence: str, code: str) -> None:  # noqa: FBT001 - parametrized
    """Its end has its final status, no duration, the next number after its last event, and a SIP code (C-165)."""
    call = replace(RINGING if rang else DIALED, status=status, ended=CREATED + 5)
    expected = {
        "CallStatus": str(status), "SequenceNumber": sequence, "CallDuration": "0", "Duration": "0",
        "SipResponseCode": code, "Timestamp": "Tue, 25 Sep 2018 22:59:55 +0000",
    }  # fmt: skip
    assert expected.items() <= end_of(call).items()
    signalwire = end_of(unselected(call, "signalwire"), "signalwire")
    assert (signalwire["SipResultCode"], signalwire["SequenceNumber"]) == (code, "0")


@pytest.mark.parametrize(("dialect", "code"), [("twilio", "SipResponseCode"), ("signalwire", "SipResultCode")])
def test_an_inbound_call_has_no_sip_code(dialect: str, code: str) -> None:
    """Only outbound calls have a SIP code; only a call with a parent has its sid."""
    inbound = replace(unselected(COMPLETED, dialect), direction="inbound", parent_call=None)
    fields = end_of(inbound, dialect)
    outbound = end_of(replace(inbound, direction="outbound-api"), dialect)
    assert (code in fields, outbound[code], fields["Direction"]) == (False, "200", "inbound")
    assert "ParentCallSid" not in fields


@pytest.mark.parametrize(
    ("number", "place"),
    [
        ("+12025550144", {"City": "SAN FRANCISCO", "Country": "US", "State": "CA", "Zip": "94105"}),
        ("+4400000", {"Country": "GB"}),
        ("+4900000", {"Country": "DE"}),
        ("+35300000", {"Country": "IE"}),
        ("+700000", {"Country": "RU"}),
        ("+88200000", {}),
        ("2025550144", {}),
        ("client:jane", {}),
        ("sip:+12025550144@example.com", {}),
    ],
)
def test_the_place_of_a_number(number: str, place: dict[str, str]) -> None:
    """Twilio's callback has the place of a North American number, the country of any other, no empty field (C-166)."""
    fields = end_of(replace(COMPLETED, to=number))
    found = {name.removeprefix("To"): value for name, value in fields.items() if name.startswith("To") and name != "To"}
    assert (fields["To"], fields["Called"], found) == (number, number, place)
    assert {f"Called{name}": value for name, value in place.items()}.items() <= fields.items()
    signalwire = end_of(unselected(replace(COMPLETED, to=number), "signalwire"), "signalwire")
    assert [name for name in signalwire if name.startswith(("To", "Called"))] == ["To"]


@pytest.mark.parametrize(
    ("dialect", "words", "events"),
    [
        ("twilio", (), {"completed"}),
        ("twilio", ("initiated", "answered"), {"initiated", "answered"}),
        ("twilio", ("ringing", "completed"), {"ringing", "completed"}),
        ("twilio", ("nonsense",), set()),
        ("signalwire", (), {"completed"}),
        ("signalwire", ("completed",), {"completed"}),
    ],
)  # fmt: skip
def test_words_select_events(dialect: str, words: tuple[str, ...], events: set[str]) -> None:
    """Each word subscribes to the event of its name; without a word, the end alone is subscribed to."""
    assert callbacks_in(dialect).call_events(words) == events


@pytest.mark.parametrize(
    ("before", "after", "events"),
    [
        (None, DIALED, [("initiated", 0, CREATED)]),
        (DIALED, RINGING, [("ringing", 1, CREATED + 1)]),
        (RINGING, ANSWERED, [("answered", 2, CREATED + 3)]),
        (DIALED, replace(ANSWERED, rang=None), [("answered", 2, CREATED + 3)]),
        (ANSWERED, replace(ANSWERED, version=9), []),
        (
            ANSWERED,
            COMPLETED,
            [("initiated", 0, CREATED), ("ringing", 1, CREATED + 1), ("answered", 2, CREATED + 3),
             ("completed", 3, CREATED + 13)],
        ),
        (DIALED, replace(DIALED, status=CallStatus.FAILED, ended=CREATED + 1),
         [("initiated", 0, CREATED), ("completed", 1, CREATED + 1)]),
        (COMPLETED, replace(COMPLETED, confirmed_version=4), []),
        (COMPLETED, replace(COMPLETED, end_published=True), []),
    ],
)  # fmt: skip
def test_events_of_a_change(before: Call | None, after: Call, events: list[Any]) -> None:
    """A change has the events that it reaches, numbered among all of them; the end repeats the earlier ones."""
    assert [(str(each.event), each.sequence, each.at) for each in call_events(before, after)] == events


def test_a_subscription_without_events_is_not_numbered() -> None:
    """If the request chose no events, the number is 0."""
    changes = call_events(unselected(ANSWERED, "twilio"), unselected(COMPLETED, "twilio"))
    assert [each.sequence for each in changes if each.event is CallEvent.COMPLETED] == [0]
