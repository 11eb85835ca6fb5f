"""Reading a call: `get_call` in both dialects."""

import pytest

from tapedeck.dialects.dialect import ResourceType
from tests.client import FunctionClient, Gateway
from tests.functions.literal import Api
from tests.functions.stage import START, Clock, Stage, assert_answer, assert_refused, call_path, shown

LIVE = ("queued", "ringing", "in-progress")
FINAL = ("completed", "busy", "failed", "no-answer", "canceled")


def test_reading_a_completed_call_answers_the_call(api: Api, example: Stage, clock: Clock) -> None:
    """A completed call answers 200 with the call and its duration in seconds, a string in Twilio's dialect."""
    example.call(id="016612f5f27a7ca18a5f2c9e41d7b360")
    clock.step(61)
    example.services.calls.end(example.account, "016612f5f27a7ca18a5f2c9e41d7b360")

    answer = api.request(
        "GET",
        "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c/Calls/CA016612f5f27a7ca18a5f2c9e41d7b360.json",
        auth=("AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c", "3c1f9a7be2d04856b1a7c93e5d20f864"),
    )

    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.body == {
        "sid": "CA016612f5f27a7ca18a5f2c9e41d7b360",
        "date_created": "Tue, 25 Sep 2018 23:00:00 +0000",
        "date_updated": "Tue, 25 Sep 2018 23:01:01 +0000",
        "parent_call_sid": None,
        "account_sid": "AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c",
        "to": "+13105678901",
        "to_formatted": "(310) 567-8901",
        "from": "+13103384645",
        "from_formatted": "(310) 338-4645",
        "phone_number_sid": None,
        "status": "completed",
        "start_time": "Tue, 25 Sep 2018 23:00:00 +0000",
        "end_time": "Tue, 25 Sep 2018 23:01:01 +0000",
        "duration": "61",
        "price": None,
        "price_unit": None,
        "direction": "outbound-api",
        "answered_by": None,
        "api_version": "2010-04-01",
        "forwarded_from": None,
        "group_sid": None,
        "caller_name": None,
        "queue_time": "0",
        "trunk_sid": None,
        "uri": "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c/Calls/CA016612f5f27a7ca18a5f2c9e41d7b360.json",
        "subresource_uris": {
            "notifications": (
                "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
                "/Calls/CA016612f5f27a7ca18a5f2c9e41d7b360/Notifications.json"
            ),
            "recordings": (
                "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
                "/Calls/CA016612f5f27a7ca18a5f2c9e41d7b360/Recordings.json"
            ),
            "payments": (
                "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
                "/Calls/CA016612f5f27a7ca18a5f2c9e41d7b360/Payments.json"
            ),
            "events": (
                "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
                "/Calls/CA016612f5f27a7ca18a5f2c9e41d7b360/Events.json"
            ),
            "siprec": (
                "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
                "/Calls/CA016612f5f27a7ca18a5f2c9e41d7b360/Siprec.json"
            ),
            "streams": (
                "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
                "/Calls/CA016612f5f27a7ca18a5f2c9e41d7b360/Streams.json"
            ),
            "transcriptions": (
                "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
                "/Calls/CA016612f5f27a7ca18a5f2c9e41d7b360/Transcriptions.json"
            ),
            "user_defined_message_subscriptions": (
                "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
                "/Calls/CA016612f5f27a7ca18a5f2c9e41d7b360/UserDefinedMessageSubscriptions.json"
            ),
            "user_defined_messages": (
                "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
                "/Calls/CA016612f5f27a7ca18a5f2c9e41d7b360/UserDefinedMessages.json"
            ),
        },
    }


def test_reading_an_unknown_call_is_not_found(api: Api) -> None:
    """A call that does not exist answers 404 with its path, in SignalWire's dialect."""
    answer = api.request(
        "GET",
        "/api/laml/2010-04-01/Accounts/5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c/Calls/016612f5-f27a-7ca1-8a5f-2c9e41d7b360",
        auth=("5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c", "3c1f9a7be2d04856b1a7c93e5d20f864"),
    )

    assert answer.status == 404
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.body == {
        "code": 20404,
        "message": (
            "The requested resource /api/laml/2010-04-01/Accounts/5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c"
            "/Calls/016612f5-f27a-7ca1-8a5f-2c9e41d7b360 was not found"
        ),
        "more_info": "https://signalwire.com/docs/compatibility-api/reference/errors",
        "status": 404,
    }


@pytest.mark.parametrize("status", LIVE + FINAL)
def test_every_status_is_shown(client: FunctionClient, stage: Stage, status: str) -> None:
    """Every status is shown; only a completed call has a duration, a string in Twilio's dialect (C-22, C-100)."""
    call = stage.call(status, ended=START + 11 if status in FINAL else None)
    assert_answer(client.get(*call_path(client, call)), 200, shown(client, call))


def test_both_dialects_show_the_same_call(
    client: FunctionClient, other: FunctionClient, stage: Stage, gateway: Gateway
) -> None:
    """One call is shown in both dialects, each in its own format (C-23)."""
    client.gateway = other.gateway = gateway
    call = stage.call()
    for each in (client, other):
        assert_answer(each.get(*call_path(each, call)), 200, shown(each, call))


@pytest.mark.parametrize("direction", ["inbound", "outbound-api", "outbound-dial"])
def test_every_direction_is_shown(client: FunctionClient, stage: Stage, direction: str) -> None:
    """Twilio shows how an outbound call was placed, SignalWire only `outbound`; a child call shows its parent."""
    call = stage.call(direction=direction, parent_call="0123456789abcdef" * 2)
    assert_answer(client.get(*call_path(client, call)), 200, shown(client, call))


def test_a_call_that_was_hung_up_shows_its_duration(client: FunctionClient, stage: Stage) -> None:
    """A call that was hung up shows when it ended and its duration."""
    call = stage.services.calls.register(
        stage.account, to="+13105678901", from_="+13103384645", direction="outbound-api"
    )
    stage.clock.step(61)
    ended = stage.services.calls.end(stage.account, call.id)
    answer = client.get(*call_path(client, call))
    assert_answer(answer, 200, shown(client, ended))
    assert answer.body["duration"] == ("61" if client.dialect.name == "twilio" else 61)


def test_unknown_ids_are_not_found(client: FunctionClient, stage: Stage) -> None:
    """An unknown call and the id of a conference answer 404."""
    for identifier in ("0" * 32, stage.conference().id):
        path = call_path(client, client.sid(ResourceType.CALL, identifier))
        assert_refused(client, client.get(*path), "not found", uri=client.path(*path))
