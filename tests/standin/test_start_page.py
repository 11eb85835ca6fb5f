"""The start page: what people see at `/` and `/_standin/` of the stand-in."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.selection import SIGNALWIRE, TWILIO
from tapedeck_standin.control.router import ControlRouter
from tapedeck_standin.control.start_page import StartPage
from tapedeck_standin.http.messages import ServerRequest
from tests.client import Answer
from tests.standin.conftest import serving
from tests.standin.http_client import StandIn, raw_connection, send_request

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
PATHS = ["/", "/_standin", "/_standin/"]


@pytest.fixture(scope="module")
def standin(aws: None) -> Iterator[StandIn]:  # noqa: ARG001 - the emulator must be running
    """Run a stand-in whose token everyone knows."""
    with serving(api_hosts=frozenset(), is_token_public=True) as running:
        yield running


def get(standin: StandIn, path: str, accept: str = "*/*", *, method: str = "GET", tls: bool = False) -> Answer:
    """Read a path."""
    connection = standin.connect(tls=tls)
    try:
        return send_request(connection, method, path, headers={"Accept": accept})
    finally:
        connection.close()


def send(standin: StandIn, path: str, *headers: str) -> Answer:
    """Read a path with exactly these headers."""
    with raw_connection(standin.port) as connection:
        connection.send("\r\n".join((f"GET {path} HTTP/1.1", *headers, "Connection: close", "", "")).encode())
        return connection.read_answer()


class Page(HTMLParser):
    """The text of a page, its links, and everything that could load something else."""

    def __init__(self, content: str) -> None:
        """Read the page."""
        super().__init__()
        self.text = ""
        self.links: list[str] = []
        self.resources: list[str] = []
        self.feed(content)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect links; nothing else may have an address."""
        for name, value in attrs:
            if (tag, name) == ("a", "href"):
                self.links.append(value or "")
            elif name in {"src", "href", "action", "style"} or name.startswith("on") or tag in {"script", "iframe"}:
                self.resources.append(f"{tag} {name}")

    def handle_data(self, data: str) -> None:
        """Collect the text."""
        self.text += data


@pytest.mark.parametrize("path", PATHS)
def test_curl_gets_text(standin: StandIn, path: str) -> None:
    """Without HTML in `Accept` the page is plain text with the account, the token, and the routes by kind."""
    shown = get(standin, path)
    assert (shown.status, shown.headers["content-type"]) == (200, "text/plain; charset=utf-8")
    url = f"http://127.0.0.1:{standin.port}"
    twilio, signalwire = (dialect.format_sid(ResourceType.ACCOUNT, standin.account) for dialect in (TWILIO, SIGNALWIRE))
    for expected in (
        f"account   {twilio}   (Twilio's format)",
        f"{signalwire}   (SignalWire's format)",
        f"token     {standin.token}",
        f"{url}/2010-04-01/Accounts/{twilio}",
        f"{url}/api/laml/2010-04-01/Accounts/{signalwire}",
        f"{url}/_standin/calls",
        f"{url}/_standin/calls/{{sid}}",
        f"{url}/_standin/conferences/{{sid}}",
        "POST /_standin/calls",
        "POST /_standin/clock",
        "DELETE /_standin/faults/{id}",
    ):
        assert f"  {expected}\n" in shown.text.replace("          " + signalwire, "  " + signalwire), expected


@pytest.mark.parametrize("path", PATHS)
def test_browsers_get_html(standin: StandIn, path: str) -> None:
    """A browser gets HTML with the same content, links that work, and nothing from elsewhere."""
    shown = get(standin, path, BROWSER)
    assert (shown.status, shown.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert re.fullmatch(
        r"default-src 'none'; style-src 'sha256-[A-Za-z0-9+/]{43}='; base-uri 'none'; form-action 'none'; "
        r"frame-ancestors 'none'",
        shown.headers["content-security-policy"],
    )
    assert (shown.headers["x-content-type-options"], shown.headers["vary"]) == ("nosniff", "Accept")
    page = Page(shown.text)
    assert page.resources == []
    plain = get(standin, path).text
    for line in plain.splitlines():
        assert line.strip().removesuffix(":") in page.text
    root = f"http://127.0.0.1:{standin.port}"
    assert [link.removeprefix(root) for link in page.links] == [
        "/_standin/accounts", "/_standin/callbacks", "/_standin/calls", "/_standin/conferences", "/_standin/engines",
        "/_standin/faults", "/_standin/fixtures", "/_standin/health", "/_standin/parties", "/_standin/recordings",
        "/_standin/requests", "/_standin/unsettled", "/_standin/warnings", "/_standin/webhooks",
    ]  # fmt: skip
    for link in page.links:
        assert get(standin, link.removeprefix(root)).status == 200


@pytest.mark.skipif(shutil.which("curl") is None, reason="the lines need curl")
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_lines_work_when_pasted(standin: StandIn, scheme: str) -> None:
    """The commands record a call, pause the recording and fetch it, with the host, the port and the CA of the page."""
    text = get(standin, "/", tls=scheme == "https").text
    lines = [line.strip() for line in text.splitlines() if line.startswith(("  curl", "  CALL="))]
    script = "\n".join(lines)
    done = subprocess.run(["bash", "-euc", script], check=True, capture_output=True, text=True, timeout=120)
    started, paused, read = done.stdout.splitlines()
    call, recording = started.split()
    assert [json.loads(body)["sid"] for body in (paused, read)] == [recording] * 2
    assert (json.loads(paused)["status"], json.loads(read)["call_sid"]) == ("paused", call)


def test_head_has_no_body(standin: StandIn) -> None:
    """HEAD answers the headers of GET."""
    shown = get(standin, "/", method="HEAD")
    assert (shown.status, shown.headers["content-type"], shown.text) == (200, "text/plain; charset=utf-8", "")


@pytest.mark.parametrize(("method", "path"), [("POST", "/"), ("GET", "//"), ("GET", "/index.html"), ("PUT", "/")])
def test_other_requests_are_answered_by_the_functions(standin: StandIn, method: str, path: str) -> None:
    """Only GET and HEAD of exactly `/` are the stand-in's; the rest is 404 as in a deployment."""
    shown = get(standin, path, method=method)
    assert (shown.status, shown.body["code"]) == (404, 20404)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "headers",
    [
        ("Host: evil.example:{port}",),
        ("Host: localhost:{port}", "Origin: http://evil.example"),
        ("Host: localhost:{port}", "Origin: null"),
        ("Host: localhost:1",),
        (),
    ],
)
@pytest.mark.parametrize("accept", [BROWSER, "*/*"])
def test_web_pages_get_nothing(standin: StandIn, path: str, headers: tuple[str, ...], accept: str) -> None:
    """A foreign origin or an unknown host gets no page, no account and no token (C-334)."""
    shown = send(standin, path, *(each.format(port=standin.port) for each in headers), f"Accept: {accept}")
    assert shown.status in {400, 403, 404}
    assert standin.token not in shown.text
    assert TWILIO.format_sid(ResourceType.ACCOUNT, standin.account) not in shown.text


def page_of(host: str, token: str | None = "a<b>&'$(id)", ca_file: Path | None = None) -> tuple[str, str]:
    """Return the page as text and as HTML for a client that wrote this host."""
    page = StartPage("ab" * 16, token, ControlRouter([]).routes, ca_file)
    scheme = "https" if ca_file is not None else "http"
    given = [("Host", host)]
    text, html = (
        page.answer(ServerRequest("GET", "/", (*given, ("Accept", accept)), scheme=scheme, port=8080))
        for accept in ("*/*", BROWSER)
    )
    return text.body.decode(), html.body.decode()


def test_a_secret_token_is_not_shown() -> None:
    """With a token of one's own, the commands read it from a variable."""
    text, html = page_of("localhost:8080", None)
    sid = f"AC{'ab' * 16}"
    assert f'-u {sid}:"$TOKEN" ' in text
    assert "token     a secret of yours, which is not shown; the commands read it from $TOKEN\n" in text
    assert f"-u {sid}:&quot;$TOKEN&quot; " in html


def test_values_are_escaped() -> None:
    """What could be HTML or shell is text: the token, the host, and the path of the CA file."""
    text, html = page_of("localhost:8080", ca_file=Path("/a b<c>/ca.pem"))
    assert " --cacert '/a b<c>/ca.pem' " in text
    assert """:'a<b>&'"'"'$(id)' """ in text
    assert Page(html).text.count("<b>") == Page(text.replace("<", "&lt;")).text.count("<b>") > 0
    assert "<b>" not in html
    for host in ('x"><script>alert(1)</script>', "a$(id)", "a;b", ""):
        for shown in page_of(host):
            assert "http://127.0.0.1:8080/_standin/health" in shown
            assert host == "" or host not in shown


@pytest.mark.parametrize("host", ["localhost:3000", "127.0.0.1", "[::1]:3000", "tapedeck", "a-b.example:80"])
def test_urls_have_the_host_of_the_client(host: str) -> None:
    """URLs begin with the host and the port that the client used."""
    text, _ = page_of(host)
    assert f"  http://{host}/_standin/health\n" in text
