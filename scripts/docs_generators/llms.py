"""`llms.txt`: an index of the documentation for programs, in the format of llmstxt.org."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

_LINK: Final = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_SENTENCE_END: Final = re.compile(r"(?<=[.?])\s+(?=[A-Z`*])")
_NO_PROSE: Final = re.compile(r"[#|<!>]|```|~~~|:::|[-*+] |\d+\. |\?\?\?|===|---")
"""Starts of paragraphs that are not prose."""

MIN_CHARACTERS: Final = 80
"""A shorter first sentence is followed by the second one."""

_NOTE: Final = (
    "The links are Markdown files. The site also has the complete text in one file: [llms-full.txt](llms-full.txt)."
)


class IndexFailure(Exception):
    """A page of the navigation cannot be described; the message names it and the reason."""


class _Loader(yaml.SafeLoader):
    """Reads MkDocs' configuration, whose tags for Python names are irrelevant here."""


_Loader.add_multi_constructor("tag:yaml.org,2002:python/name:", lambda _loader, suffix, _node: suffix)


def make_index(configuration: Path, folder: Path) -> str | None:
    """Return the content of `llms.txt`; None while the configuration has no navigation.

    Raises:
        IndexFailure: a page does not exist, or lacks a title or a first paragraph.
    """
    site = yaml.load(configuration.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - a safe loader
    if "nav" not in site:
        return None
    lines = [f"# {site['site_name']}", "", f"> {site['site_description']}.", "", _NOTE]
    for title, names in _sections(site["nav"]):
        lines += ["", f"## {title}", ""]
        lines += [_entry(folder / name, name) for name in names]
    return "\n".join(lines) + "\n"


def _sections(nav: list[Any]) -> Iterator[tuple[str, list[str]]]:
    """Yield each section's title with the paths of its pages; pages outside sections come first, as `Start`."""
    top = [path for entry in nav for path in _paths(entry) if not _is_section(entry)]
    yield "Start", top
    for entry in nav:
        if _is_section(entry):
            ((title, _),) = entry.items()
            yield title, list(_paths(entry))


def _is_section(entry: Any) -> bool:  # noqa: ANN401 - YAML
    return isinstance(entry, dict) and all(isinstance(value, list) for value in entry.values())


def _paths(entry: Any) -> Iterator[str]:  # noqa: ANN401 - YAML
    match entry:
        case str():
            yield entry
        case list():
            for each in entry:
                yield from _paths(each)
        case dict():
            for each in entry.values():
                yield from _paths(each)


def _entry(path: Path, name: str) -> str:
    if not path.is_file():
        raise IndexFailure(f"docs/{name}: is in the navigation, but does not exist")
    text = path.read_text(encoding="utf-8")
    title = re.search(r"^# (.+)$", text, re.MULTILINE)
    if title is None:
        raise IndexFailure(f"docs/{name}: has no title")
    return f"- [{_plain(title[1])}]({name}): {_description(text[title.end() :], name)}"


def _description(body: str, name: str) -> str:
    """Return the first sentence of a page's first paragraph of prose, or the first two if the first is short.

    A sentence that ends in a colon introduces a list, which is not part of the description: it is left out.
    """
    for paragraph in re.split(r"\n\s*\n", re.sub(r"<!--.*?-->", "", body, flags=re.DOTALL)):
        lines = paragraph.strip()
        if lines and not _NO_PROSE.match(lines):
            sentences = _SENTENCE_END.split(" ".join(_plain(lines).split()))
            first, *more = [each for each in sentences if not each.endswith(":")] or [""]
            if not first:
                raise IndexFailure(f"docs/{name}: its first paragraph has no complete sentence")
            return first if len(first) >= MIN_CHARACTERS or not more else f"{first} {more[0]}"
    raise IndexFailure(f"docs/{name}: has no paragraph of prose")


def _plain(text: str) -> str:
    """Return a text without links, bold type and attribute lists."""
    return re.sub(r"\s*\{[:#][^}]*\}|\*\*", "", _LINK.sub(r"\1", text)).strip()
