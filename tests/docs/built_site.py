"""Tests of the built site in Chromium. They need the packages of the documentation, so `make docs-test` runs them."""

import functools
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import sync_playwright

ROOT: Final = Path(__file__).resolve().parents[2]
SITE: Final = ROOT / "build" / "docs"
CHROMIUM: Final = shutil.which("chromium") or shutil.which("chromium-browser")
OPTIONS: Final = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip

SETTLING_MS: Final = 150
"""Time for requests that a page's scripts send after it is loaded."""

# The theme draws diagrams in closed shadow trees, which a test cannot read.
OPEN_SHADOWS: Final = """
const attachShadow = Element.prototype.attachShadow;
Element.prototype.attachShadow = function (options) { return attachShadow.call(this, {...options, mode: "open"}); };
"""
DRAWN: Final = """() => [...document.querySelectorAll("div.mermaid")].filter(
  each => each.shadowRoot && each.shadowRoot.querySelector("svg g, svg path, svg rect")).length"""

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="Chromium is not installed; on Debian: apt-get install chromium"
)


@dataclass
class Findings:
    """What went wrong while pages were open, and how many were opened."""

    foreign: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    pages: int = 0
    diagrams: int = 0


class SiteRequest(SimpleHTTPRequestHandler):
    """Serves the site without logging."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's name
        """Log nothing."""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """The URL of the built site, one folder below the root of a server, so that absolute links fail."""
    handler = functools.partial(SiteRequest, directory=str(SITE.parent))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/{SITE.name}/"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Debian's Chromium, headless."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=list(OPTIONS))
        yield chromium
        chromium.close()


def open_page(browser: Any, site: str, findings: Findings) -> Any:
    """Return a browser page that notes requests to other hosts, failed requests and errors."""
    page = browser.new_page()
    page.add_init_script(OPEN_SHADOWS)
    host = urlsplit(site).netloc

    def check(request: Any) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in {"http", "https", "ws", "wss"} and parts.netloc != host:
            findings.foreign.append(f"{page.url} requests {request.url}")

    def check_response(response: Any) -> None:
        if response.status >= 400:
            findings.errors.append(f"{response.status} {response.url}")

    def check_console(line: Any) -> None:
        if line.type == "error":
            findings.errors.append(f"{page.url}: {line.text}")

    page.on("request", check)
    page.on("response", check_response)
    page.on("console", check_console)
    page.on("pageerror", lambda error: findings.errors.append(f"{page.url}: {error}"))
    return page


def test_pages_load_nothing_from_elsewhere(browser: Any, site: str) -> None:
    """Every page loads without an error and without a request to another host, and draws each of its diagrams."""
    findings = Findings()
    page = open_page(browser, site, findings)
    paths = sorted(SITE.rglob("index.html"))
    for path in paths:
        source = path.read_text(encoding="utf-8")
        expected = len(re.findall(r'<pre class="mermaid">', source))
        page.goto(site + "/".join((*path.parent.relative_to(SITE).parts, "")), wait_until="load")
        if expected:
            page.wait_for_function(f"({DRAWN})() === {expected}", timeout=30_000)
        page.wait_for_timeout(SETTLING_MS)
        assert page.evaluate(DRAWN) == expected
        findings.pages += 1
        findings.diagrams += expected
    print(f"\n{findings.pages} pages and {findings.diagrams} diagrams opened in Chromium {browser.version}")  # noqa: T201
    assert findings.foreign == []
    assert findings.errors == []
    assert findings.pages == len(paths) > 1


def test_the_search_finds_a_page(browser: Any, site: str) -> None:
    """The search, typed on a page below the root, finds the page with the reliability rules."""
    findings = Findings()
    page = open_page(browser, site, findings)
    page.goto(f"{site}explanation/reliability/", wait_until="networkidle")
    page.locator("input.md-search__input").click()
    page.locator("input.md-search__input").press_sequentially("outbox")
    link = page.locator("a.md-search-result__link").first
    link.wait_for(timeout=30_000)
    targets = page.eval_on_selector_all("a.md-search-result__link", "links => links.map(link => link.href)")
    assert any(urlsplit(target).path.endswith("/explanation/reliability/") for target in targets)
    assert findings.foreign == []
    assert findings.errors == []


def test_the_index_for_programs_resolves() -> None:
    """Every link of `llms.txt` is a Markdown file of the site; the files and the full text contain the quoted code."""
    links = re.findall(r"\]\(([^)]+)\)", (SITE / "llms.txt").read_text(encoding="utf-8"))
    assert len(links) > 50
    assert [link for link in links if not (SITE / link).is_file()] == []
    full = (SITE / "llms-full.txt").read_text(encoding="utf-8")
    assert [link for link in links if f"<!-- page: {link} -->" not in full and link != "llms-full.txt"] == []
    assert re.findall(r'^--8<-- "', full, re.MULTILINE) == []


def test_another_host_is_noticed(browser: Any, site: str, tmp_path: Path) -> None:
    """A page with an image of another host, or with an error in a script, fails the check."""
    (tmp_path / "page.html").write_text(
        '<link rel=icon href="data:,"><img src="http://other.invalid/x.png"><script>throw new Error("broken")</script>',
        encoding="utf-8",
    )
    findings = Findings()
    page = open_page(browser, site, findings)
    page.route("**/page.html", lambda route: route.fulfill(path=str(tmp_path / "page.html")))
    page.goto(f"{site}page.html", wait_until="networkidle")
    assert [each.rpartition(" ")[2] for each in findings.foreign] == ["http://other.invalid/x.png"]
    assert any("broken" in each for each in findings.errors)
