"""Documents as XML: what is read, and what is refused."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tapedeck_callflow.document import DocumentError, decode, read

RESPONSE = "<Response><Say>Grüße</Say></Response>"


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (RESPONSE.encode(), "text/xml"),
        (b"\xef\xbb\xbf" + RESPONSE.encode(), "text/xml; charset=iso-8859-1"),
        (RESPONSE.encode("utf-16"), "text/xml"),
        (b"\xfe\xff" + RESPONSE.encode("utf-16-be"), "text/xml"),
        (RESPONSE.encode("iso-8859-1"), 'text/xml; charset="ISO-8859-1"'),
        (b'<?xml version="1.0" encoding="ISO-8859-1"?>' + RESPONSE.encode("iso-8859-1"), "text/xml; charset=utf-8"),
        (b'<?xml version="1.0" encoding="windows-1252"?>' + RESPONSE.encode("cp1252"), "text/xml"),
    ],
    ids=["utf-8", "mark", "utf-16", "utf-16-be", "content type", "declared", "windows"],
)
def test_the_encoding_is_found(body: bytes, content_type: str) -> None:
    """A byte order mark comes before the declaration, the declaration before the content type, then UTF-8."""
    (say,) = read(decode(body, content_type)).elements()
    assert say.text() == "Grüße"


@pytest.mark.parametrize(
    ("body", "content_type", "code"),
    [
        (b"<Response/>" + b" " * 65_526, "text/xml", 11750),
        (b"<Response>\xff</Response>", "text/xml", 12100),
        (b"<Response/>", "text/xml; charset=base64", 12100),
        (b"<Response/>", "text/xml; charset=punycode", 12100),
        (b'<?xml version="1.0" encoding="x-unknown"?><Response/>', "text/xml", 12100),
    ],
    ids=["size", "bytes", "no text", "no encoding of documents", "unknown"],
)
def test_a_document_that_cannot_be_decoded_is_refused(body: bytes, content_type: str, code: int) -> None:
    """More than 64 kB, wrong bytes and unknown encodings have an error code."""
    with pytest.raises(DocumentError) as refused:
        decode(body, content_type)
    assert refused.value.code == code


def test_64_kilobytes_are_decoded() -> None:
    """A document of exactly 64 kB is in the limit."""
    assert len(decode(b"<Response/>" + b" " * 65_525)) == 65_536


@pytest.mark.parametrize(
    ("markup", "line", "column"),
    [
        ("", 1, 1),
        ("hello", 1, 1),
        ("<Response>", 1, 11),
        ("<Response><Say></Response>", 1, 18),
        ("<Response/><Response/>", 1, 12),
        ('\n<?xml version="1.0"?><Response/>', 2, 1),
        ("<Response>&nbsp;</Response>", 1, 11),
        ("<Response>\n  <Say>&</Say></Response>", 2, 9),
        ("<Response>\ud800</Response>", None, None),
        ('<!DOCTYPE r SYSTEM "http://x/"><Response/>', 1, 31),
        ('<!DOCTYPE r [<!ENTITY a "a"><!ENTITY b "&a;&a;">]><Response>&b;</Response>', 1, 13),
    ],
    ids=["empty", "text", "open", "crossed", "two roots", "declaration", "entity", "ampersand", "surrogate", "dtd",
         "entities"],
)  # fmt: skip
def test_what_is_not_well_formed_is_refused_with_its_place(markup: str, line: int | None, column: int | None) -> None:
    """Text that is not well-formed, and every DTD, is refused with 12100 and the place of the error."""
    with pytest.raises(DocumentError) as refused:
        read(markup)
    assert (refused.value.code, refused.value.line, refused.value.column) == (12100, line, column)


@pytest.mark.parametrize(
    ("accepted", "refused"),
    [
        ("<a>" * 20 + "</a>" * 20, "<a>" * 21 + "</a>" * 21),
        ("<a>" + "<b/>" * 999 + "</a>", "<a>" + "<b/>" * 1_000 + "</a>"),
        ("<a>" * 20 + "</a>" * 20, "<a>" * 10_000 + "</a>" * 10_000),
    ],
    ids=["depth", "elements", "ten thousand levels"],
)
def test_depth_and_number_of_elements_are_limited(accepted: str, refused: str) -> None:
    """Twenty levels and a thousand elements are read, one more is refused."""
    read(accepted)
    with pytest.raises(DocumentError) as error:
        read(refused)
    assert error.value.code == 12100


def test_content_keeps_its_order_and_places() -> None:
    """Text, CDATA and references are text; comments and instructions are left out; elements have their places."""
    root = read(
        '<Response a="1" xmlns:x="y" xml:lang="en">a<!-- c --><?p i?>\n <Say>&lt;<![CDATA[<b>]]>&#65;</Say></Response>'
    )
    (say,) = root.elements()
    assert (root.attributes, root.text(), say.text(), say.line, say.column) == ({"a": "1"}, "a", "<<b>A", 2, 2)


def code_of(function: Callable[..., object], *arguments: object) -> int | None:
    """Return the code of the DocumentError that a call raises; None if it raises none."""
    try:
        function(*arguments)
    except DocumentError as refused:
        return refused.code
    return None


@given(st.text(alphabet="<>/&;!?[]-=\"' \n\tResponseSay0\ud800\ufeff", max_size=200))
def test_any_text_is_read_or_refused(markup: str) -> None:
    """Text of any kind gives a tree or a DocumentError."""
    assert code_of(read, markup) in {None, 12100}


@given(st.binary(max_size=200), st.text(alphabet="text/xml; charsuf-816", max_size=30))
def test_any_bytes_are_decoded_or_refused(body: bytes, content_type: str) -> None:
    """Bytes of any kind give text or a DocumentError."""
    assert code_of(decode, body, content_type) in {None, 12100}
