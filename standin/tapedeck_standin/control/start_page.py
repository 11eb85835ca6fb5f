"""The start page at `/` and `/_standin/`: what there is, for people, as HTML or as plain text."""

import hashlib
import re
import shlex
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Final

from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.selection import SIGNALWIRE, TWILIO
from tapedeck_standin.control.examples import curl_lines
from tapedeck_standin.http.addresses import url_host
from tapedeck_standin.http.messages import ServerRequest, ServerResponse

_TITLE: Final = "Tapedeck"
_SUMMARY: Final = (
    "Tapedeck stands in for the recordings and conferences APIs of Twilio and SignalWire. It makes no real calls."
)
_HOST: Final = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_STYLE: Final = "body{font:16px sans-serif;margin:2em;max-width:60em}pre{overflow:auto;background:#eee;padding:.6em}"
_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = (
    ("Cache-Control", "no-store"),
    ("Vary", "Accept"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Content-Security-Policy", _POLICY),
)


@dataclass(frozen=True, slots=True)
class _Section:
    """A part of the page: lines of the shell or of text; `is_link`: URLs."""

    title: str
    lines: Sequence[str]
    is_link: bool = False


class StartPage:
    """Lists the account, commands to try, and the routes of the control API (C-334).

    Args:
        account: the default account, 32 hex digits.
        public_token: its auth token if that is the default one, which everyone knows; None: a secret, not shown.
        routes: method and path of each route of the control API.
        ca_file: the CA certificate that clients need over HTTPS, if it is known.
    """

    def __init__(
        self,
        account: str,
        public_token: str | None,
        routes: Iterable[tuple[str, str]],
        ca_file: Path | None = None,
    ) -> None:
        self._account = account
        self._public_token = public_token
        self._routes = sorted(routes, key=lambda route: (route[1], route[0]))
        self._ca_file = ca_file

    def answer(self, request: ServerRequest) -> ServerResponse:
        """Answer with HTML if the client accepts it, as browsers do, else with plain text."""
        sections = list(self._sections(request))
        if "text/html" in (request.header("Accept") or "").lower():
            return _response("text/html", _html(sections))
        return _response("text/plain", _text(sections))

    def _sections(self, request: ServerRequest) -> Iterator[_Section]:
        url = _url_of(request)
        sids = [dialect.format_sid(ResourceType.ACCOUNT, self._account) for dialect in (TWILIO, SIGNALWIRE)]
        token = self._public_token or "a secret of yours, which is not shown; the commands read it from $TOKEN"
        yield _Section(
            "The account",
            [f"account   {sids[0]}   (Twilio's format)", f"          {sids[1]}   (SignalWire's format)",
             f"token     {token}"],
        )  # fmt: skip
        is_secure = request.scheme == "https" and self._ca_file is not None
        options = f" --cacert {shlex.quote(str(self._ca_file))}" if is_secure else ""
        password = shlex.quote(self._public_token) if self._public_token is not None else '"$TOKEN"'
        yield _Section(
            "Record a new call, pause the recording, and fetch it",
            curl_lines(url, self._account, password, options),
        )
        yield _Section(
            "The vendors' APIs", [f"{url}{dialect.account_uri(self._account)}" for dialect in (TWILIO, SIGNALWIRE)]
        )
        readable = [path for method, path in self._routes if method == "GET"]
        yield _Section("What there is", [f"{url}{path}" for path in readable if "{" not in path], is_link=True)
        yield _Section("One of these, by its sid", [f"{url}{path}" for path in readable if "{" in path])
        others = [f"{method} {path}" for method, path in self._routes if method != "GET"]
        yield _Section("What you can do, with a JSON body", others)


def _url_of(request: ServerRequest) -> str:
    """Return scheme, host and port as the client wrote them; those of the socket if they are unusable."""
    host = request.header("Host") or ""
    if _HOST.fullmatch(host) is None:
        host = f"{url_host(request.host)}:{request.port}"
    return f"{request.scheme}://{host}"


def _text(sections: Iterable[_Section]) -> str:
    parts = [f"{section.title}:\n\n" + "\n".join(f"  {line}" for line in section.lines) for section in sections]
    return "\n\n".join([_SUMMARY, *parts]) + "\n"


def _html(sections: Iterable[_Section]) -> str:
    parts = []
    for section in sections:
        lines = [escape(line) for line in section.lines]
        if section.is_link:
            lines = [f'<a href="{line}">{line}</a>' for line in lines]
        content = "\n".join(lines)
        parts.append(f"<h2>{escape(section.title)}</h2>\n<pre>{content}</pre>\n")
    return (
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{_TITLE}</title>\n<style>{_STYLE}</style>\n'
        f"<h1>{_TITLE}</h1>\n<p>{escape(_SUMMARY)}</p>\n{''.join(parts)}</html>\n"
    )


def _response(content_type: str, text: str) -> ServerResponse:
    return ServerResponse(200, (("Content-Type", f"{content_type}; charset=utf-8"), *_HEADERS), text.encode())
