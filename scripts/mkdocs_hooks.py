"""Hooks of the documentation site's build: local Mermaid, and Markdown copies of all pages for programs.

The site gets `assets/mermaid.min.js`, which `make docs` fetched. Pages with a diagram load it, and the theme then uses
it instead of a copy on another host. The site also gets each page as Markdown, with the quoted code in place, at the
page's source path, and all pages together as `llms-full.txt`. `llms.txt` links the copies.
"""

from pathlib import Path
from typing import Any, Final

from markdown import Markdown
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File
from mkdocs.utils import get_relative_url

MERMAID: Final = Path(".cache/mermaid-11.17.2/mermaid.min.js")
SCRIPT: Final = "assets/mermaid.min.js"
FULL_TEXT: Final = "llms-full.txt"

_sources: dict[str, str] = {}
"""Markdown of each page by its source path, in the order of the navigation."""


def on_files(files: Any, config: Any) -> Any:  # noqa: ANN401 - MkDocs has no types here
    """Add Mermaid to the site."""
    if not MERMAID.is_file():
        raise PluginError(f"{MERMAID} is missing; build the site with `make docs`, which fetches it")
    files.append(File.generated(config, SCRIPT, abs_src_path=str(MERMAID.resolve())))
    _sources.clear()
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, **_: object) -> str:  # noqa: ANN401
    """Store the page's Markdown with quoted code in place."""
    expander = Markdown(
        extensions=["pymdownx.snippets"],
        extension_configs={"pymdownx.snippets": config.mdx_configs["pymdownx.snippets"]},
    )
    _sources[page.file.src_uri] = "\n".join(expander.preprocessors["snippet"].run(markdown.split("\n"))).strip() + "\n"
    return markdown


def on_post_page(output: str, page: Any, **_: object) -> str:  # noqa: ANN401
    """Load Mermaid in a page with a diagram, before the theme's script looks for it."""
    if '<pre class="mermaid">' not in output:
        return output
    return output.replace("</head>", f'<script src="{get_relative_url(SCRIPT, page.url)}"></script></head>', 1)


def on_post_build(config: Any) -> None:  # noqa: ANN401
    """Write the Markdown copies and the full text."""
    site = Path(config.site_dir)
    for name, text in _sources.items():
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text(text, encoding="utf-8")
    pages = [f"<!-- page: {name} -->\n\n{text}" for name, text in _sources.items()]
    (site / FULL_TEXT).write_text("\n".join(pages), encoding="utf-8")
