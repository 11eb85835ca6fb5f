"""The control API lists calls, conferences, recordings and accounts, newest first."""

from typing import Any

import pytest

from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.selection import SIGNALWIRE, TWILIO
from tapedeck.domain.identity import new_id
from tapedeck_standin.control.fixtures import CreatedResource, FixtureSids
from tests.conftest import TestAccount
from tests.standin.http_client import ControlClient, HttpFunctionClient, StandIn


def test_lists_calls(control: ControlClient, api: HttpFunctionClient) -> None:
    """A call has its status, direction, numbers, parent, conference and position; the newest comes first."""
    first = control.post("/calls", {"from": "+12025550101", "to": "+12025550102", "status": "ringing"}).body["sid"]
    second = control.post("/calls", {"direction": "outbound-api"}).body["sid"]
    conference = control.post("/conferences", {"participants": 1}).body
    numbers = {"from": "+12025550199", "to": "+12025550123"}
    joined = {
        "sid": conference["calls"][0]["sid"], "status": "in-progress", "direction": "inbound", **numbers,
        "parent": None, "conference": conference["sid"], "position": None,
    }  # fmt: skip
    older = [
        {"sid": second, "status": "in-progress", "direction": "outbound-api", **numbers, "parent": None,
         "conference": None, "position": None},
        {"sid": first, "status": "ringing", "direction": "inbound", "from": "+12025550101", "to": "+12025550102",
         "parent": None, "conference": None, "position": None},
    ]  # fmt: skip
    shown = control.get("/calls")
    assert (shown.status, shown.body) == (200, {"calls": [joined, *older], "next": None})
    assert control.get("/calls", status="ringing").body == {"calls": older[1:], "next": None}
    assert control.get("/calls", number="+12025550102").body == {"calls": older[1:], "next": None}
    assert control.get("/calls", number="+12025550101", status="in-progress").body == {"calls": [], "next": None}
    assert {each["sid"][api.dialect.name] for each in shown.body["calls"]} == {
        each["sid"] for each in api.get("Calls").body["calls"]
    }


@pytest.mark.parametrize("spelling", ["twilio", "signalwire"])
@pytest.mark.parametrize("number", [{}, {"number": "+12025550123"}])
def test_lists_page_by_page(control: ControlClient, spelling: str, number: dict[str, str]) -> None:
    """`next` is the sid after which the list goes on, in either format (C-332); it is null at the end."""
    made = [control.post("/calls").body["sid"] for _ in range(5)][::-1]
    first = control.get("/calls", limit="2", **number).body
    assert ([each["sid"] for each in first["calls"]], first["next"]) == (made[:2], made[1])
    second = control.get("/calls", limit="2", after=first["next"][spelling], **number).body
    assert ([each["sid"] for each in second["calls"]], second["next"]) == (made[2:4], made[3])
    last = control.get("/calls", limit="2", after=second["next"][spelling], **number).body
    assert ([each["sid"] for each in last["calls"]], last["next"]) == (made[4:], None)


def test_lists_fifty_without_a_limit(control: ControlClient) -> None:
    """An answer has 50 entries, unless `limit` says otherwise."""
    made = [each["sid"] for each in control.post("/conferences", {"participants": 51}).body["calls"]][::-1]
    shown = control.get("/calls").body
    assert ([each["sid"] for each in shown["calls"]], shown["next"]) == (made[:50], made[49])
    assert len(control.get("/calls", limit="1000").body["calls"]) == 51


def test_lists_conferences(control: ControlClient) -> None:
    """A conference has its name, its status and who is in it."""
    ended = control.post("/conferences", {"friendly_name": "Ended"}).body
    control.post(f"/conferences/{ended['sid']['twilio']}/end")
    sales = control.post("/conferences", {"friendly_name": "Sales", "participants": 3}).body
    gone, *inside = sales["calls"]
    control.post(f"/calls/{gone['sid']['twilio']}/hangup")
    participant = {"status": "connected", "label": None, "muted": False, "hold": False, "coaching": False}
    by_call = sorted(({"call": call["sid"], **participant} for call in inside), key=lambda each: each["call"]["twilio"])
    assert control.get("/conferences").body == {
        "conferences": [
            {"sid": sales["sid"], "friendly_name": "Sales", "status": "in-progress", "participants": by_call},
            {"sid": ended["sid"], "friendly_name": "Ended", "status": "completed", "participants": []},
        ],
        "next": None,
    }


def test_shows_one_call(control: ControlClient) -> None:
    """A call without instructions is shown as in the list, without a course, by its sid in either format (C-339)."""
    made = [control.post("/calls", {"status": status}).body["sid"] for status in ("ringing", "in-progress")]
    listed = control.get("/calls").body["calls"]
    nothing: dict[str, object] = {
        "document": None,
        "played": [],
        "keys": [],
        "spoken": [],
        "streams": [],
        "children": [],
    }
    for sid, expected in zip(made, reversed(listed), strict=True):
        for spelling in ("twilio", "signalwire"):
            shown = control.get(f"/calls/{sid[spelling]}")
            assert (shown.status, shown.body) == (200, {**expected, **nothing})


def test_a_call_shows_the_calls_that_it_dialed(control: ControlClient) -> None:
    """The sids are in the order of dialing, and each of these calls has none; the list has the positions (C-339)."""
    for number in ("+12025550144", "+12025550145"):
        control.post("/parties", {"number": number, "outcome": "manual"})
    markup = "<Response><Dial><Number>+12025550144</Number><Number>+12025550145</Number></Dial></Response>"
    call = control.post("/calls", {"twiml": markup}).body["sid"]["twilio"]
    control.post("/clock", {"until": "Dial", "call": call})
    listed = control.get("/calls").body["calls"]
    children = sorted((each for each in listed if each["parent"] is not None), key=lambda each: str(each["to"]))
    shown = control.get(f"/calls/{call}").body
    assert shown["children"] == [each["sid"] for each in children]
    assert [control.get(f"/calls/{each['sid']['twilio']}").body["children"] for each in children] == [[], []]
    positions = {each["sid"]["twilio"]: each["position"] for each in listed}
    assert (positions[call], positions[call]["verb"]) == (shown["position"], "Dial")


def test_shows_one_conference(control: ControlClient) -> None:
    """A conference is shown as in the list, while it is live and after its end (C-339)."""
    for status in ("init", "in-progress", "completed"):
        sid = control.post("/conferences", {"status": status}).body["sid"]
        expected = control.get("/conferences").body["conferences"][0]
        assert (expected["sid"], expected["status"]) == (sid, status)
        for spelling in ("twilio", "signalwire"):
            shown = control.get(f"/conferences/{sid[spelling]}")
            assert (shown.status, shown.body) == (200, expected)


@pytest.mark.parametrize(("path", "prefix"), [("calls", "CA"), ("conferences", "CF")])
def test_what_an_account_does_not_have_is_404(
    control: ControlClient, anonymous: ControlClient, path: str, prefix: str
) -> None:
    """A sid that is unknown or of another account is 404, one of another kind 400, as elsewhere in the control API."""
    absent = {"error": {"message": "the account has no resource with this sid", "field": "sid"}}
    foreign = anonymous.post(f"/{path}").body["sid"]["twilio"]
    for sid in (f"{prefix}{new_id(0)}", foreign):
        answer = control.get(f"/{path}/{sid}")
        assert (answer.status, answer.body) == (404, absent)
    kind = path.removesuffix("s")
    malformed = {"error": {"message": f"sid: not the sid of a {kind} in either format", "field": "sid"}}
    answer = control.get(f"/{path}/RE{new_id(0)}")
    assert (answer.status, answer.body) == (400, malformed)
    unknown = anonymous.get(f"/{path}/{foreign}", account="AC" + "0f" * 16)
    assert (unknown.status, unknown.body["error"]["field"]) == (404, "account")


def test_lists_recordings(control: ControlClient, api: HttpFunctionClient) -> None:
    """A recording has its status, call, conference, source, channels and duration."""
    call = control.post("/calls").body["sid"]
    own = api.post("Calls", call[api.dialect.name], "Recordings", form={"RecordingChannels": "dual"}).body["sid"]
    conference = control.post("/conferences", {"record": True}).body
    shown = control.get("/recordings").body
    assert shown == {
        "recordings": [
            {
                "sid": conference["recordings"][0]["sid"], "status": "in-progress",
                "call": conference["calls"][0]["sid"], "conference": conference["sid"], "source": "Conference",
                "channels": 1, "duration": None,
            },
            {
                "sid": shown["recordings"][1]["sid"], "status": "in-progress", "call": call, "conference": None,
                "source": "StartCallRecordingAPI", "channels": 2, "duration": None,
            },
        ],
        "next": None,
    }  # fmt: skip
    assert shown["recordings"][1]["sid"][api.dialect.name] == own


def test_lists_accounts_without_secrets(
    anonymous: ControlClient, control: ControlClient, standin: StandIn, account: TestAccount
) -> None:
    """The accounts are listed with what is no secret, and one account with `account`."""
    made = anonymous.post("/accounts").body
    anonymous.post("/keys", {"account": made["sid"]["twilio"]})
    listed = anonymous.get("/accounts", limit="1000").body["accounts"]
    (shown,) = (each for each in listed if each["sid"] == made["sid"])
    assert list(shown) == ["sid", "created", "keys", "is_default"]
    assert (shown["keys"], shown["is_default"]) == (1, False)
    assert [each["sid"]["twilio"] for each in listed if each["is_default"]] == [
        TWILIO.format_sid(ResourceType.ACCOUNT, standin.account)
    ]
    assert [each["created"] for each in listed] == sorted((each["created"] for each in listed), reverse=True)
    (own,) = control.get("/accounts").body["accounts"]
    assert own["sid"]["signalwire"] == SIGNALWIRE.format_sid(ResourceType.ACCOUNT, account.id)
    sids = [each["sid"] for each in listed]
    page = anonymous.get("/accounts", limit="2").body
    assert ([each["sid"] for each in page["accounts"]], page["next"]) == (sids[:2], sids[1])
    following = anonymous.get("/accounts", limit="1", after=sids[1]["twilio"]).body
    assert [each["sid"] for each in following["accounts"]] == sids[2:3]


def test_accounts_are_separate(control: ControlClient, anonymous: ControlClient) -> None:
    """The lists of an account contain nothing of another one."""
    anonymous.post("/conferences", {"record": True})
    for name in ("calls", "conferences", "recordings"):
        assert control.get(f"/{name}").body == {name: [], "next": None}


@pytest.mark.parametrize("path", ["/calls", "/conferences", "/recordings", "/accounts"])
@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ({"limit": "0"}, 400, "limit"),
        ({"limit": "1001"}, 400, "limit"),
        ({"after": "RE1"}, 400, "after"),
        ({"status": "over"}, 400, "status"),
        ({"colour": "blue"}, 400, "colour"),
        ({"account": "AC" + "0f" * 16}, 404, "account"),
    ],
)
def test_rejects_an_invalid_query(
    control: ControlClient, path: str, query: dict[str, str], status: int, field: str
) -> None:
    """An invalid query is 400 and names the field; an unknown account is 404."""
    answer = control.get(path, **query)
    assert (answer.status, answer.body["error"]["field"]) == (status, field)


def test_after_an_unknown_account_is_404(anonymous: ControlClient) -> None:
    """The list of accounts cannot go on after one that does not exist."""
    answer = anonymous.get("/accounts", after=TWILIO.format_sid(ResourceType.ACCOUNT, new_id(0)))
    assert (answer.status, answer.body) == (404, {"error": {"message": "the account does not exist", "field": "after"}})


def test_without_a_file_there_are_no_fixtures(anonymous: ControlClient) -> None:
    """Without a fixtures file, each kind is an empty list."""
    empty: dict[str, Any] = {
        "calls": [],
        "conferences": [],
        "recordings": [],
        "keys": [],
        "applications": [],
        "numbers": [],
    }
    answer = anonymous.get("/fixtures")
    assert (answer.status, answer.body) == (200, {"fixtures": empty})


def test_fixtures_are_those_of_an_account(anonymous: ControlClient, control: ControlClient) -> None:
    """The list of fixtures is that of the account of the query; an unknown account is 404."""
    empty: dict[str, Any] = {
        "calls": [],
        "conferences": [],
        "recordings": [],
        "keys": [],
        "applications": [],
        "numbers": [],
    }
    assert control.get("/fixtures").body == {"fixtures": empty}
    answer = anonymous.get("/fixtures", account="AC" + "0f" * 16)
    assert (answer.status, answer.body) == (
        404, {"error": {"message": "the account does not exist", "field": "account"}},
    )  # fmt: skip
    assert anonymous.get("/fixtures", colour="blue").status == 400


def test_each_account_has_its_fixtures() -> None:
    """Of the sids of two accounts' fixtures, one account gets its own, each kind in the order of the file."""
    sids = FixtureSids()
    ids = [new_id(number) for number in range(4)]
    for account, kind, identifier, is_implied in (
        ("a" * 32, ResourceType.RECORDING, ids[0], True), ("a" * 32, ResourceType.RECORDING, ids[1], False),
        ("b" * 32, ResourceType.RECORDING, ids[2], False), ("b" * 32, ResourceType.CALL, ids[3], False),
    ):  # fmt: skip
        sids.add(CreatedResource(account, kind, identifier, is_implied))

    def found(account: str | None) -> dict[str, list[str]]:
        """Return the ids of an account's fixtures, by kind."""
        body = sids.body(account)
        return {kind: [each["sid"]["twilio"][2:] for each in entries] for kind, entries in body.items()}

    empty: dict[str, list[str]] = {
        "calls": [],
        "conferences": [],
        "recordings": [],
        "keys": [],
        "applications": [],
        "numbers": [],
    }
    assert found("a" * 32) == {**empty, "recordings": [ids[1], ids[0]]}
    assert found("b" * 32) == {**empty, "calls": [ids[3]], "recordings": [ids[2]]}
    assert found(None) == {**empty, "calls": [ids[3]], "recordings": [ids[1], ids[2], ids[0]]}
