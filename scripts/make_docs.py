"""Generate the tables of the reference pages, and `docs/llms.txt`, from the template and the code.

Usage: python -m scripts.make_docs [--check]

A page marks generated text with `<!-- generated: NAME -->` and `<!-- /generated -->`; the text around is written by
hand. `--check` writes nothing; it fails if a page differs from the code.
"""

import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from scripts.docs_generators import aws, cost, engine, llms, standin
from scripts.docs_generators.markdown import ROOT, UndescribedError

DOCS: Final = ROOT / "docs"

BLOCKS: Final[Mapping[str, Mapping[str, Callable[[], str]]]] = {
    "reference/endpoints.md": {
        "endpoints": aws.endpoints,
        "engine-endpoints": aws.engine_endpoints,
        "functions": aws.functions_without_routes,
    },
    "reference/settings.md": {
        "parameters": aws.parameters,
        "outputs": aws.outputs,
        "variables": aws.variables,
        "options": standin.options,
    },
    "reference/metrics-and-alarms.md": {"metrics": aws.metrics, "alarms": aws.alarms},
    "reference/control-api.md": {
        "routes": standin.control_api,
        "fields": standin.control_fields,
        "fixtures": standin.fixtures,
    },
    "reference/faults.md": {"effects": standin.fault_effects},
    "explanation/cost-and-limits.md": {"bill": cost.bill, "prices": cost.prices},
    "how-to/check-an-engine.md": {"checks": standin.checks},
    "reference/cli.md": {"help": standin.command_help},
    "reference/engine-protocol.md": {
        "requests": engine.requests,
        "refusals": engine.refusals,
        "command-envelope": engine.command_envelope,
        "commands": engine.commands,
        "event-envelope": engine.event_envelope,
        "events": engine.events,
        "objects": engine.objects,
        "evidence": engine.evidence,
    },
    "reference/domain-events.md": {"kinds": engine.event_kinds, "example": engine.event_example},
}
"""The generated blocks of each page, by name."""

_BLOCK: Final = re.compile(r"(<!-- generated: ([\w-]+) -->\n).*?(\n<!-- /generated -->)", re.DOTALL)


class MarkerError(Exception):
    """A page's markers differ from its generated blocks."""


def fill(text: str, blocks: Mapping[str, Callable[[], str]], name: str = "") -> str:
    """Return a page's text with each of its generated blocks up to date.

    Raises:
        MarkerError: the page lacks a block, or has one that is unknown.
    """
    found = [each[1] for each in _BLOCK.findall(text)]
    if sorted(found) != sorted(blocks):
        raise MarkerError(f"{name}: has the generated blocks {sorted(found)} instead of {sorted(blocks)}")
    return _BLOCK.sub(lambda block: f"{block[1]}\n{blocks[block[2]]()}\n{block[3]}", text)


def make_pages(folder: Path = DOCS) -> dict[Path, str]:
    """Return the wanted content of each page with generated text, and of `llms.txt`."""
    pages = {
        folder / page: fill((folder / page).read_text(encoding="utf-8"), blocks, page)
        for page, blocks in BLOCKS.items()
    }
    index = llms.make_index(folder.parent / "mkdocs.yml", folder)
    return pages if index is None else {**pages, folder / "llms.txt": index}


def stale_pages(pages: Mapping[Path, str]) -> list[Path]:
    """Return the files whose content differs from the wanted one."""
    return [path for path, text in pages.items() if not path.is_file() or path.read_text(encoding="utf-8") != text]


def main(arguments: list[str]) -> int:
    """Write the pages, or with `--check` print which differ. Return the exit code."""
    try:
        pages = make_pages()
    except (UndescribedError, MarkerError, llms.IndexFailure) as error:
        print(f"docs: {error}", file=sys.stderr)
        return 1
    stale = stale_pages(pages)
    if arguments == ["--check"]:
        for path in stale:
            print(f"docs/{path.relative_to(DOCS)} differs from the code: run make docs-reference")
        return 1 if stale else 0
    for path in stale:
        path.write_text(pages[path], encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
