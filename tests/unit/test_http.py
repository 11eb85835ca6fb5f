"""Conversion of Lambda events to requests and of responses to Lambda results: bodies, fields, headers."""

import base64
import json
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tapedeck.dialects.dialect import Response
from tapedeck.domain.errors import BodyTooLarge, MalformedBody
from tapedeck.http.request import HttpRequest, to_lambda_response

FORM, JSON = "application/x-www-form-urlencoded", "application/json"


def request(body: bytes | None, content_type: str = FORM) -> HttpRequest:
    """Return a request with this body."""
    return HttpRequest("POST", "/", "", {}, {"content-type": content_type}, body)


def fields(body: bytes | str, content_type: str = FORM, *, accepts_json: bool = True) -> dict[str, list[str]]:
    """Return the fields parsed from a body."""
    return request(body.encode() if isinstance(body, str) else body, content_type).fields(accepts_json=accepts_json)


@pytest.mark.parametrize(
    ("body", "read"),
    [
        ("", {}),
        ("a=1", {"a": ["1"]}),
        ("a=1&b=2&a=3", {"a": ["1", "3"], "b": ["2"]}),
        ("a=", {"a": [""]}),
        ("a", {"a": [""]}),
        ("=x", {"": ["x"]}),
        ("a==b=c", {"a": ["=b=c"]}),
        ("a=1;b=2", {"a": ["1;b=2"]}),
        ("&&a=1&&", {"a": ["1"]}),
        ("a=x+y%20z%2B", {"a": ["x y z+"]}),
        ("%61=%C3%A9", {"a": ["é"]}),
        ("a=é", {"a": ["é"]}),
        ("a=%00", {"a": ["\0"]}),
        ("a%5B%5D=1", {"a[]": ["1"]}),
        ("A=1&a=2", {"A": ["1"], "a": ["2"]}),
        ("a=%26b%3D1", {"a": ["&b=1"]}),
    ],
)
@pytest.mark.parametrize("accepts_json", [True, False])
def test_reads_forms(body: str, read: dict[str, list[str]], *, accepts_json: bool) -> None:
    """Form fields are decoded with all their values in order, in both dialects."""
    assert fields(body, accepts_json=accepts_json) == read


@settings(max_examples=80, deadline=None, database=None)
@given(st.lists(st.tuples(st.text(max_size=8), st.text(max_size=12)), max_size=20))
def test_reads_urlencoded_fields(pairs: list[tuple[str, str]]) -> None:
    """Fields that the standard library encodes are decoded unchanged."""
    expected: dict[str, list[str]] = {}
    for name, value in pairs:
        expected.setdefault(name, []).append(value)
    assert fields(urlencode(pairs)) == expected


@pytest.mark.parametrize("body", [b"a=\xff", b"a=%ff", b"a=%c3", b"a=%", b"a=%4", b"a=%zz", b"a=%%41", b"%g0=1"])
@pytest.mark.parametrize("accepts_json", [True, False])
def test_rejects_malformed_forms(body: bytes, *, accepts_json: bool) -> None:
    """A form that is not UTF-8, before or after decoding, or has an invalid escape, is malformed."""
    with pytest.raises(MalformedBody):
        fields(body, accepts_json=accepts_json)


@pytest.mark.parametrize(
    ("body", "read"),
    [
        ("{}", {}),
        ('{"a": "1"}', {"a": ["1"]}),
        ('{"a": ["1", "2"], "b": []}', {"a": ["1", "2"], "b": []}),
        ('{"a": true, "b": false, "c": null}', {"a": ["true"], "b": ["false"], "c": [""]}),
        ('{"a": 1, "b": 1.5, "c": {"d": 1}}', {"a": ["1"], "b": ["1.5"], "c": ['{"d": 1}']}),
        ('{"a": [["x"]]}', {"a": ['["x"]']}),
        ('{"a": 1, "a": 2}', {"a": ["2"]}),
        (" \n{}\t", {}),
        ('{"\\u0061": "\\u00e9"}', {"a": ["é"]}),
    ],
)
@pytest.mark.parametrize("content_type", [JSON, "Application/JSON; charset=utf-8", "application/problem+json"])
def test_reads_json(body: str, read: dict[str, list[str]], content_type: str) -> None:
    """A JSON object yields the fields of the equivalent form if the dialect accepts JSON, otherwise none."""
    assert fields(body, content_type) == read
    assert fields(body, content_type, accepts_json=False) == {}


@pytest.mark.parametrize(
    "body", ["x", "[]", '"a"', "1", "null", "{", '{"a"}', "{'a': 1}", '{"a": 1}x', "[" * 60_000, '{"a":' * 12_000,
             '{"a": ' + "1" * 5_000 + "}", b"\xff", b'{"a": "\xe9"}'],
)  # fmt: skip
def test_rejects_malformed_json(body: str | bytes) -> None:
    """JSON that does not parse, is not an object, or has excessive nesting or digits is malformed."""
    with pytest.raises(MalformedBody):
        fields(body, JSON)


@pytest.mark.parametrize("content_type", ["", "text/plain", "multipart/form-data; boundary=x", "\0", "json"])
def test_other_content_types_are_forms_or_empty(content_type: str) -> None:
    """If JSON is accepted, other content types are parsed as a form; otherwise they have no fields."""
    assert fields("a=1", content_type) == {"a": ["1"]}
    assert fields("a=%zz", content_type, accepts_json=False) == {}


@pytest.mark.parametrize("content_type", [FORM, JSON, "text/plain"])
@pytest.mark.parametrize("accepts_json", [True, False])
def test_rejects_bodies_over_64_kib(content_type: str, *, accepts_json: bool) -> None:
    """A body of any type over 65,536 bytes is too large (REL-17)."""
    with pytest.raises(BodyTooLarge):
        fields(b"a" * 65_537, content_type, accepts_json=accepts_json)
    assert fields(b"a" * 65_536) == {"a" * 65_536: [""]}


def test_rejects_more_than_200_fields() -> None:
    """200 fields are accepted and 201 are too many, in a form and in JSON."""
    pairs = [(f"f{number}", "x") for number in range(201)]
    for body, content_type in ((urlencode(pairs), FORM), (json.dumps(dict(pairs)), JSON)):
        with pytest.raises(BodyTooLarge):
            fields(body, content_type)
    for body, content_type in ((urlencode(pairs[:200]), FORM), (json.dumps(dict(pairs[:200])), JSON)):
        assert len(fields(body, content_type)) == 200


def event(**parts: Any) -> HttpRequest:
    """Return the request parsed from an event."""
    return HttpRequest.from_event(parts)


def test_reads_an_event() -> None:
    """An event yields method, path, path parameters, lower-case headers and the decoded body."""
    read = event(
        rawPath="/a/é b",
        pathParameters={"A": "é b"},
        headers={"Content-TYPE": FORM, "X-Y": "z"},
        requestContext={"http": {"method": "POST", "path": "/other"}},
        body=base64.b64encode(b"\xff").decode(),
        isBase64Encoded=True,
    )
    assert read == HttpRequest("POST", "/a/é b", "", {"A": "é b"}, {"content-type": FORM, "x-y": "z"}, b"\xff")


@pytest.mark.parametrize(
    "parts",
    [{}, {"requestContext": None, "headers": None, "pathParameters": None, "body": None, "rawPath": None},
     {"requestContext": {"http": None}}, {"isBase64Encoded": True}],
)  # fmt: skip
def test_reads_an_event_with_missing_parts(parts: dict[str, Any]) -> None:
    """Missing or null parts of an event are empty."""
    assert event(**parts) == HttpRequest("", "", "", {}, {}, b"")


@pytest.mark.parametrize("body", ["!", "QQ", "QQ=", "é", "Q Q=", "QQ==QQ==", "_-=="])
def test_rejects_malformed_base64(body: str) -> None:
    """Malformed base64 raises `MalformedBody` when the fields are read, not before."""
    malformed = event(body=body, isBase64Encoded=True)
    assert malformed.body is None
    with pytest.raises(MalformedBody):
        malformed.fields(accepts_json=True)


@pytest.mark.parametrize("length", [65_535, 65_536, 65_537, 65_538, 65_539, 1_000_000])
@pytest.mark.parametrize("is_base64", [True, False])
def test_truncates_bodies_that_are_too_large(length: int, *, is_base64: bool) -> None:
    """A body up to the limit is decoded whole; of a larger one only a few bytes more are decoded."""
    body = b"x" * length
    text = base64.b64encode(body).decode() if is_base64 else body.decode()
    read = event(body=text, isBase64Encoded=is_base64)
    assert read.body is not None
    if length <= 65_536:
        assert read.body == body
    else:
        assert 65_536 < len(read.body) < 65_540
        with pytest.raises(BodyTooLarge):
            read.fields(accepts_json=False)


def test_writes_a_response() -> None:
    """A result has JSON in UTF-8, its content type, the request id and the headers of the response (C-15)."""
    written = to_lambda_response(Response(404, {"b": "é☎", "a": None}, {"WWW-Authenticate": "x"}), "id")
    assert written == {
        "statusCode": 404,
        "headers": {
            "X-Request-Id": "id",
            "WWW-Authenticate": "x",
            "Content-Type": "application/json; charset=utf-8",
        },
        "body": '{"b":"é☎","a":null}',
        "isBase64Encoded": False,
    }


def test_writes_a_response_without_a_body() -> None:
    """A response without a body has no content type."""
    assert to_lambda_response(Response(204, None), "id") == {
        "statusCode": 204, "headers": {"X-Request-Id": "id"}, "body": "", "isBase64Encoded": False,
    }  # fmt: skip
