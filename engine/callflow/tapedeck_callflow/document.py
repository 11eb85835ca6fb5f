"""XML of a document: a tree of elements with their places, read by the standard library's expat.

Documents come from outside. DTDs are refused before anything in them is read, so there are no entities but the five
of XML; depth and number of elements are limited.
"""

import codecs
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final
from xml.parsers import expat

MAX_BYTES: Final = 65_536
MAX_DEPTH: Final = 20
MAX_ELEMENTS: Final = 1_000

NOT_WELL_FORMED: Final = 12100
WRONG_ROOT: Final = 12102
TOO_LARGE: Final = 11750

_ENCODINGS: Final = frozenset(
    {
        *("utf-8", "utf-16", "utf-16-le", "utf-16-be", "ascii", "koi8-r", "koi8-u"),
        *(f"iso8859-{part}" for part in range(1, 17)),
        *(f"cp125{page}" for page in range(9)),
        *("shift_jis", "euc_jp", "iso2022_jp", "gb2312", "gbk", "gb18030", "big5", "euc_kr"),
    }
)
"""Encodings of a document, in Python's names. Others of Python's codecs are no encodings of text."""

_BOMS: Final = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_DECLARATION: Final = re.compile(rb"""<\?xml[^>]*?\bencoding\s*=\s*["']([A-Za-z][A-Za-z0-9._-]*)["']""")
_CHARSET: Final = re.compile(r""";\s*charset\s*=\s*"?([A-Za-z][A-Za-z0-9._-]*)""", re.IGNORECASE)


class DocumentError(Exception):
    """The document cannot be executed.

    Attributes:
        code: the vendor's error code.
        line, column: where, both from 1; None where the error has no place.
    """

    def __init__(self, code: int, detail: str, line: int | None = None, column: int | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.line = line
        self.column = column


@dataclass(slots=True)
class Element:
    """An element: its content is text and elements, in the document's order; `line` and `column` are from 1."""

    name: str
    attributes: Mapping[str, str]
    line: int
    column: int
    content: "list[Element | str]" = field(default_factory=list)

    def elements(self) -> "Iterator[Element]":
        """Return the elements in it, without the text."""
        return (item for item in self.content if isinstance(item, Element))

    def text(self) -> str:
        """Return the text directly in it, without white space around it."""
        return "".join(item for item in self.content if isinstance(item, str)).strip()


def decode(body: bytes, content_type: str = "") -> str:
    """Return the text of a fetched document.

    The encoding is that of a byte order mark, else the declared one, else that of the content type, else UTF-8.

    Raises:
        DocumentError: more than 64 kB (11750), or an unknown encoding or wrong bytes (12100).
    """
    if len(body) > MAX_BYTES:
        raise DocumentError(TOO_LARGE, f"the document has more than {MAX_BYTES} bytes")
    encoding = _encoding_of(body, content_type)
    if _codec_of(encoding) not in _ENCODINGS:
        raise DocumentError(NOT_WELL_FORMED, "the encoding of the document is unknown")
    try:
        return body.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError:
        raise DocumentError(NOT_WELL_FORMED, f"the document has bytes that are not {encoding}") from None


def _codec_of(encoding: str) -> str:
    try:
        return codecs.lookup(encoding).name
    except LookupError:
        return ""


def _encoding_of(body: bytes, content_type: str) -> str:
    for mark, encoding in _BOMS:
        if body.startswith(mark):
            return encoding
    declared = _DECLARATION.match(body)
    if declared is not None:
        return declared[1].decode()
    charset = _CHARSET.search(content_type)
    return charset[1] if charset is not None else "utf-8"


def read(markup: str) -> Element:
    """Return the root element of a document.

    Raises:
        DocumentError: the text is not well-formed XML, has a DTD, or exceeds a limit (12100).
    """
    return _Reader().read(markup)


class _Reader:
    """Builds the tree from what expat reports."""

    def __init__(self) -> None:
        # The text has been decoded: a declared encoding is of no interest any more.
        self._parser = expat.ParserCreate("utf-8")
        self._parser.buffer_text = True
        self._parser.StartDoctypeDeclHandler = self._refuse_doctype
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._open: list[Element] = []
        self._root: Element | None = None
        self._count = 0

    def read(self, markup: str) -> Element:
        try:
            self._parser.Parse(markup.removeprefix("\ufeff").encode(), True)
        except expat.ExpatError as error:
            reason = expat.ErrorString(error.code)
            raise DocumentError(NOT_WELL_FORMED, reason, error.lineno, error.offset + 1) from None
        except UnicodeEncodeError:
            raise DocumentError(NOT_WELL_FORMED, "half of a surrogate pair") from None
        if self._root is None:
            raise DocumentError(NOT_WELL_FORMED, "no element found")
        return self._root

    def _refuse_doctype(self, *_declared: object) -> None:
        raise self._error("a document type is not allowed")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > MAX_ELEMENTS:
            raise self._error(f"more than {MAX_ELEMENTS} elements")
        if len(self._open) >= MAX_DEPTH:
            raise self._error(f"more than {MAX_DEPTH} levels")
        own = {key: value for key, value in attributes.items() if not key.startswith(("xmlns", "xml:"))}
        element = Element(name, own, self._parser.CurrentLineNumber, self._parser.CurrentColumnNumber + 1)
        if self._open:
            self._open[-1].content.append(element)
        else:
            self._root = element
        self._open.append(element)

    def _end(self, _name: str) -> None:
        self._open.pop()

    def _text(self, text: str) -> None:
        self._open[-1].content.append(text)

    def _error(self, detail: str) -> DocumentError:
        return DocumentError(
            NOT_WELL_FORMED, detail, self._parser.CurrentLineNumber, self._parser.CurrentColumnNumber + 1
        )
