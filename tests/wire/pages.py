"""Checks of pages of lists: the fields around the items, and the links to other pages."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from tests.wire.bodies import BodyCheck, Context, body_check
from tests.wire.facts import BodyFacts, DialectName, FieldFacts, load
from tests.wire.faults import Fault

LIST_OF = "list of "
EMPTY_LIST = "empty list "
"""How the data name pages: before a body, and before the field of a list that never has items."""

LINKS = ("first_page_uri", "next_page_uri", "previous_page_uri", "uri")


class PageCheck:
    """Checks a page of a list.

    Args:
        dialect: the dialect.
        field: the field that holds the items.
        item: the name of the items' bodies; None for a list that never has items.
        identified_by: the kind of the sid in page tokens; None for any.
    """

    def __init__(self, dialect: DialectName, field: str, item: str | None, identified_by: str | None) -> None:
        facts = load()
        page = facts.page.bodies["page"].of(dialect)
        assert page is not None
        assert page.link is not None
        self.dialect = dialect
        self.field = field
        self.item = body_check(dialect, item) if item is not None else None
        fields = {**page.fields, self.field: FieldFacts(type="array")}
        self._envelope = BodyCheck(dialect, BodyFacts(fields=fields))
        sid = facts.formats.sid_pattern(dialect, identified_by) if identified_by is not None else r"[\w-]+"
        token = re.escape(facts.page.token).replace(r"\{direction\}", "[AB]").replace(r"\{sid\}", f"(?:{sid})")
        self._link = page.link
        self._parts = {
            "filters": r"(?:[^\s?]+&)?", "size": r"(?P<size>\d+)", "number": r"(?P<number>\d+)",
            "token": f"(?P<token>{token})?",
        }  # fmt: skip

    def faults(self, body: object, path: str, context: Context) -> Iterator[Fault]:
        """Yield the faults of a page; `path` is the path of the list as links show it, without suffix."""
        wrong = list(self._envelope.faults(body, "", context))
        yield from wrong
        if wrong or not isinstance(body, dict):
            return
        for number, item in enumerate(body[self.field]):
            if self.item is None:
                yield Fault(f"/{self.field}/{number}", "no item", item)
            else:
                yield from self.item.faults(item, f"/{self.field}/{number}", context)
        yield from self._link_faults(body, path)
        yield from self._count_faults(body)

    def _link_faults(self, body: Mapping[str, Any], path: str) -> Iterator[Fault]:
        pattern = re.escape(self._link)
        for name, part in {**self._parts, "path": re.escape(path)}.items():
            pattern = pattern.replace(re.escape(f"{{{name}}}"), part)
        page = body["page"]
        numbers = {"first_page_uri": 0, "next_page_uri": page + 1, "previous_page_uri": max(0, page - 1), "uri": page}
        for name in LINKS:
            if body[name] is None:
                continue
            found = re.fullmatch(pattern, body[name])
            if found is None:
                yield Fault(f"/{name}", self._link.replace("{path}", path), body[name])
            elif (int(found["number"]), int(found["size"])) != (numbers[name], body["page_size"]):
                yield Fault(f"/{name}", f"Page={numbers[name]} and PageSize={body['page_size']}", body[name])
            elif name != "uri" and (found["token"] is None) != (name == "first_page_uri"):
                yield Fault(f"/{name}", "a page token, except in the link to the first page", body[name])

    def _count_faults(self, body: Mapping[str, Any]) -> Iterator[Fault]:
        page, size, number = body["page"], body["page_size"], len(body[self.field])
        if number > size:
            yield Fault("/page_size", f"a page that holds its {number} items", size)
        if "start" in body:
            start = page * size
            end = start + number - 1 if number else 0
            if (body["start"], body["end"]) != (start, end):
                yield Fault("/start", f"start {start}, end {end}", f"start {body['start']}, end {body['end']}")


@cache
def page_check(dialect: DialectName, name: str) -> PageCheck:
    """Return the check of a page, such as `list of call` or `empty list events`."""
    if name.startswith(EMPTY_LIST):
        return PageCheck(dialect, name.removeprefix(EMPTY_LIST), None, None)
    item = name.removeprefix(LIST_OF)
    resource = load().resource_of(item)
    return PageCheck(dialect, resource.list, item, resource.identified_by)
