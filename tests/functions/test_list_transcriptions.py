"""Listing the transcriptions of an account: `list_transcriptions` in both dialects."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.transcription import Transcription
from tests.client import Answer, FunctionClient
from tests.functions import expected
from tests.functions.literal import Api
from tests.functions.stage import Stage, assert_answer, assert_refused, shown
from tests.thoroughness import scaled

MIDNIGHT = 1_537_920_000
"""Wednesday, 26 September 2018, 00:00:00 UTC."""


def test_listing_transcriptions_answers_a_page(api: Api, example: Stage) -> None:
    """The transcriptions of an account answer 200 with a page, here the only one, in SignalWire's dialect."""
    call = example.call(id="016612f5f27a7ca18a5f2c9e41d7b360")
    recording = example.recording(call, "completed", id="016612f5f27a74eca7e3b05d9c1f8264", duration=7)
    example.transcription(recording, id="016612f5f27a77a58d2b4f6a1c3e5079", text="Hello, this is a test transcription.")

    answer = api.request(
        "GET",
        "/api/laml/2010-04-01/Accounts/5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c/Transcriptions",
        auth=("5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c", "3c1f9a7be2d04856b1a7c93e5d20f864"),
    )

    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.body == {
        "uri": "/api/laml/2010-04-01/Accounts/5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c/Transcriptions?Page=0&PageSize=50",
        "first_page_uri": (
            "/api/laml/2010-04-01/Accounts/5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c/Transcriptions?Page=0&PageSize=50"
        ),
        "next_page_uri": None,
        "previous_page_uri": None,
        "page": 0,
        "page_size": 50,
        "transcriptions": [
            {
                "sid": "016612f5-f27a-77a5-8d2b-4f6a1c3e5079",
                "account_sid": "5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c",
                "api_version": "2010-04-01",
                "recording_sid": "016612f5-f27a-74ec-a7e3-b05d9c1f8264",
                "date_created": "Tue, 25 Sep 2018 23:00:00 +0000",
                "date_updated": "Tue, 25 Sep 2018 23:00:00 +0000",
                "duration": 4,
                "price": None,
                "price_unit": "USD",
                "status": "completed",
                "transcription_text": "Hello, this is a test transcription.",
                "type": "",
                "uri": (
                    "/api/laml/2010-04-01/Accounts/5ef8c0ff-ee1d-4a3f-9c6b-7d8e9f0a1b2c"
                    "/Transcriptions/016612f5-f27a-77a5-8d2b-4f6a1c3e5079.json"
                ),
            },
        ],
    }


def test_listing_transcriptions_with_a_page_size_over_1000_answers_pages_of_1000(api: Api) -> None:
    """A page size above 1000 counts as 1000, also in the links."""
    answer = api.request(
        "GET",
        "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c/Transcriptions.json?PageSize=1001",
        auth=("AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c", "3c1f9a7be2d04856b1a7c93e5d20f864"),
    )

    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    path = "/2010-04-01/Accounts/AC5ef8c0ffee1d4a3f9c6b7d8e9f0a1b2c/Transcriptions.json?PageSize=1000&Page=0"
    assert answer.body == {
        "end": 0,
        "first_page_uri": path,
        "next_page_uri": None,
        "page": 0,
        "page_size": 1000,
        "previous_page_uri": None,
        "start": 0,
        "uri": path,
        "transcriptions": [],
    }


def test_transcriptions_of_all_recordings_are_listed(client: FunctionClient, stage: Stage) -> None:
    """Newest first, also of recordings that were deleted."""
    created = []
    for _ in range(2):
        stage.clock.step(1)
        recording = stage.recording(stage.call(), "completed")
        created.append(stage.transcription(recording))
        stage.delete(recording)
    page = expected.page(
        client.dialect.name, client.account, "Transcriptions", [shown(client, each) for each in created[::-1]]
    )
    assert_answer(client.get("Transcriptions"), 200, page)


@pytest.mark.parametrize(("sign", "matching"), [("", [1, 2]), ("<", [0, 1]), (">", [1, 2, 3])])
def test_transcriptions_are_filtered_by_day(
    client: FunctionClient, stage: Stage, sign: str, matching: list[int]
) -> None:
    """By creation; both `<` and `>` include midnight."""
    created = []
    for second in (MIDNIGHT - 1, MIDNIGHT, MIDNIGHT + 86_399, MIDNIGHT + 86_400):
        stage.clock.milliseconds = second * 1000
        created.append(stage.transcription("1" * 32))
    answer = client.get("Transcriptions", **{f"DateCreated{sign}": "2018-09-26"})
    found = [shown(client, created[place]) for place in sorted(matching, reverse=True)]
    filters = f"DateCreated{ {'': '', '<': '%3C', '>': '%3E'}[sign] }=2018-09-26&"
    page = expected.page(client.dialect.name, client.account, "Transcriptions", found, filters=filters)
    assert_answer(answer, 200, page)


def test_an_invalid_date_is_rejected(client: FunctionClient) -> None:
    """The response names the parameter."""
    answer = client.get("Transcriptions", DateCreated="x")
    assert_refused(client, answer, "value outside the enum", name="DateCreated")


# --- The size of a page, in both lists of transcriptions ---

MAX_OF_LAMBDA = 6_291_556
"""Lambda's limit for a response, in bytes."""


def answer_size(answer: Answer) -> int:
    """Return the bytes of a response as the function returns it to Lambda."""
    reply = {"statusCode": answer.status, "headers": answer.headers, "body": answer.text, "isBase64Encoded": False}
    return len(json.dumps(reply, ensure_ascii=False).encode())


def create_transcriptions(stage: Stage, texts: list[str | None]) -> tuple[str, list[Transcription]]:
    """Create a recording with these transcriptions; return its id and them, newest first."""
    recording = stage.recording(stage.call(), "completed")
    created = []
    for text in texts:
        stage.clock.step(1)
        created.append(stage.transcription(recording, text=text))
    return recording.id, created[::-1]


def paths(client: FunctionClient, recording: str) -> list[tuple[str, ...]]:
    """Return the paths of both lists: of the recording and of the account."""
    return [("Recordings", client.sid(ResourceType.RECORDING, recording), "Transcriptions"), ("Transcriptions",)]


def pages(client: FunctionClient, uri: str | None, link: str) -> Iterator[Any]:
    """Yield the bodies of all pages, following this link."""
    while uri is not None:
        body = client.request("GET", uri).body
        yield body
        uri = body[link]


@pytest.mark.parametrize("size", [2, 50])
def test_a_page_ends_early_if_its_texts_are_long(
    client: FunctionClient, stage: Stage, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """A page holds what fits, at least one; following the links lists each transcription exactly once."""
    monkeypatch.setattr("tapedeck.operations.transcriptions.MAX_TEXT_BYTES", 100)
    monkeypatch.setattr("tapedeck.operations.transcriptions.QUERY_LIMIT", 3)
    # Each text counts 6 bytes more than its characters; None counts as 4 characters.
    letters = (0, 60, 28, 94, 95, 200, 1, 1, 1, 44, 45, 40)
    recording, created = create_transcriptions(stage, ["x" * count if count else None for count in letters])
    sids = [client.sid(ResourceType.TRANSCRIPTION, each.id) for each in created]
    for path in paths(client, recording):
        forwards = list(pages(client, f"{client.path(*path)}?PageSize={size}", "next_page_uri"))
        assert [each["sid"] for body in forwards for each in body["transcriptions"]] == sids
        backwards = list(pages(client, forwards[-1]["previous_page_uri"], "previous_page_uri"))
        listed = [each["sid"] for body in backwards[::-1] for each in body["transcriptions"]]
        assert listed == sids[: len(listed)]
        assert len(listed) + len(forwards[-1]["transcriptions"]) == len(sids)
        for body in (*forwards, *backwards):
            texts = [each["transcription_text"] for each in body["transcriptions"]]
            assert len(texts) <= size
            assert len(texts) == 1 or sum(6 + len(text or "") - (2 if text is None else 0) for text in texts) <= 100
    (first, *_) = pages(client, f"{client.path(*paths(client, recording)[1])}?PageSize=50", "next_page_uri")
    assert [len(each["transcription_text"]) for each in first["transcriptions"]] == [40, 45]


@pytest.mark.sized
@pytest.mark.parametrize(
    ("count", "text"),
    scaled(
        deep=[(20, '"' * 90_000), (1000, '"' * 1_000), (1000, "\u20ac" * 3_000), (1000, "\n")],
        ci=[(1000, "\u20ac" * 3_000)],
        fast=[(20, '"' * 90_000)],
    ),
)
def test_the_largest_page_fits_the_limit_of_lambda(client: FunctionClient, stage: Stage, count: int, text: str) -> None:
    """Also if JSON escapes the text twice."""
    recording, _ = create_transcriptions(stage, [text] * count)
    for path in paths(client, recording):
        answer = client.get(*path, PageSize="1000")
        assert answer.status == 200
        assert answer_size(answer) < MAX_OF_LAMBDA
        assert answer.body["transcriptions"]
