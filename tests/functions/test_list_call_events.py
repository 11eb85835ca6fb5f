"""Listing the events of a call: `list_call_events`, which only Twilio's dialect has."""

from collections.abc import Callable

import pytest

from tapedeck.dialects.dialect import ResourceType
from tests.client import FunctionClient
from tests.functions.literal import Api
from tests.functions.stage import Stage, Wire, assert_refused


def test_listing_events_answers_an_empty_page(api: Api, example: Stage) -> None:
    """The events of a call answer 200 with an empty page, the only one."""
    example.call(id="016612f5f27a7ca18a5f2c9e41d7b360")

    answer = api.request(
        "GET",
        "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c/Calls/CA016612f5f27a7ca18a5f2c9e41d7b360/Events.json",
        auth=("AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c", "3c1f9a7be2d04856b1a7c93e5d20f864"),
    )

    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.body == {
        "end": 0,
        "first_page_uri": (
            "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
            "/Calls/CA016612f5f27a7ca18a5f2c9e41d7b360/Events.json?PageSize=50&Page=0"
        ),
        "next_page_uri": None,
        "page": 0,
        "page_size": 50,
        "previous_page_uri": None,
        "start": 0,
        "uri": (
            "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c"
            "/Calls/CA016612f5f27a7ca18a5f2c9e41d7b360/Events.json?PageSize=50&Page=0"
        ),
        "events": [],
    }


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_signalwire_does_not_have_the_path(api: Api, example: Stage, method: str) -> None:
    """SignalWire's dialect answers 404 to every method, because the vendor has no such path."""
    example.call(id="016612f5f27a7ca18a5f2c9e41d7b360")
    path = (
        "/api/laml/2010-04-01/Accounts/5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c"
        "/Calls/016612f5-f27a-7ca1-8a5f-2c9e41d7b360/Events"
    )

    answer = api.request(
        method, path, auth=("5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c", "3c1f9a7be2d04856b1a7c93e5d20f864")
    )

    assert answer.status == 404
    assert answer.body == {
        "code": 20404,
        "message": f"The requested resource {path} was not found",
        "more_info": "https://signalwire.com/docs/compatibility-api/reference/errors",
        "status": 404,
    }


@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT", "HEAD"])
def test_other_methods_are_not_allowed(make_twilio: Callable[[], FunctionClient], stage: Stage, method: str) -> None:
    """Twilio's dialect answers 405 to other methods."""
    client, identifier = make_twilio(), stage.call().id
    assert_refused(
        client,
        client.request(method, client.path("Calls", client.sid(ResourceType.CALL, identifier), "Events")),
        "method",
    )


def test_an_unknown_call_has_no_events(make_twilio: Callable[[], FunctionClient], stage: Stage, wire: Wire) -> None:
    """A call that does not exist answers 404. Both answers take one read of the table."""
    client, identifier = make_twilio(), stage.call().id
    wire.all.clear()
    assert client.get("Calls", client.sid(ResourceType.CALL, identifier), "Events").status == 200
    assert wire.recordings == ["GetItem"]
    identifier = "0" * 32
    path = client.path("Calls", client.sid(ResourceType.CALL, identifier), "Events")
    wire.all.clear()
    assert_refused(client, client.request("GET", path), "not found", uri=path)
    assert wire.recordings == ["GetItem"]


@pytest.mark.parametrize(
    ("name", "value", "condition"),
    [("PageSize", "0", "page size"), ("PageToken", "x", "page token")],
)
def test_invalid_parameters_are_rejected(
    make_twilio: Callable[[], FunctionClient], stage: Stage, name: str, value: str, condition: str
) -> None:
    """Parameters are checked although the list is empty; a call that does not exist takes precedence."""
    client, identifier = make_twilio(), stage.call().id
    assert_refused(
        client,
        client.get("Calls", client.sid(ResourceType.CALL, identifier), "Events", **{name: value}),
        condition,
        name=name,
    )
    identifier = "0" * 32
    path = client.path("Calls", client.sid(ResourceType.CALL, identifier), "Events")
    assert_refused(
        client,
        client.get("Calls", client.sid(ResourceType.CALL, identifier), "Events", **{name: value}),
        "not found",
        uri=path,
    )


def test_links_repeat_the_parameters(make_twilio: Callable[[], FunctionClient], stage: Stage) -> None:
    """The links contain the page size, and no other page is linked."""
    client, identifier = make_twilio(), stage.call().id
    answer = client.get("Calls", client.sid(ResourceType.CALL, identifier), "Events", PageSize="20")
    assert answer.status == 200
    assert answer.body["uri"].partition("?")[2] == "PageSize=20&Page=0"
    assert (answer.body["next_page_uri"], answer.body["previous_page_uri"], answer.body["events"]) == (None, None, [])
