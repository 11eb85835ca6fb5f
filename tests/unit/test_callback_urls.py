"""Which URLs can be told something (rule R15)."""

from urllib.parse import urlsplit, urlunsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tapedeck.domain.subscription import is_valid_callback_url

USABLE = [
    "http://a",
    "https://a/",
    "https://app.example.com/hooks/recording",
    "https://app.example.com/hooks?tenant=42",
    "https://app.example.com/hooks?tenant=42&x=%20+y#rc=2&ct=100",
    "https://app.example.com?x=1",
    "https://app.example.com:8443/hooks",
    "http://app.example.com:80/",
    "https://user:pass@app.example.com/hooks",
    "https://user@app.example.com/",
    "https://user:p%40ss@app.example.com/",
    "http://127.0.0.1:3000/",
    "http://[::1]/",
    "http://[2001:db8::1]:8080/x",
    "http://localhost",
    "https://a.example/é",
    "https://a.example/%C3%A9?q=ü#ß",
    "https://a.example//double//slashes",
    "https://a.example/a;b=c/d",
    "https://xn--caf-dma.example/",
    "https://a.example/" + "x" * 10_000,
    "https://a.example:65535/",
    "https://a.example/?",
]

UNUSABLE = [
    # no absolute http or https
    "",
    "hooks",
    "/hooks",
    "//app.example.com/hooks",
    "app.example.com/hooks",
    "http:",
    "http:/app.example.com",
    "http://",
    "https:///path",
    "https://?x=1",
    "https://:8443/",
    "https://user@/",
    "ftp://app.example.com/",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "data:text/plain,x",
    "mailto:a@b.example",
    "httpss://app.example.com/",
    # bytes up to 0x20, 0x7f, backslashes
    " https://a.example/",
    "https://a.example/ ",
    "https://a.example/a b",
    "https://a.example/\t",
    "https://a.example/\n",
    "https://a.example/\r\nX-Header: 1",
    "https://a.example/\0",
    "https://a.example/\x1f",
    "https://a.example/\x7f",
    "ht\ntp://a.example/",
    "https://a.example\\@b.example/",
    "https://a.example/\\",
    "https:\\\\a.example\\",
    # hosts that are not ASCII, ports that are none
    "https://café.example/",
    "https://a.example\u2024com/",
    "https://\uff41.example/",
    "https://é@a.example/",
    "https://a.example:0/",
    "https://a.example:65536/",
    "https://a.example:-1/",
    "https://a.example:x/",
    "https://a.example:\uff18\uff10/",
    "https://[::1/",
    "https://::1]/",
    "https://[nonsense]/",
    # what parsing and unparsing would change
    "HTTPS://a.example/",
    "Http://a.example/",
    "https://a.example/#",
    "https://a.example/?#",
    # half of a surrogate pair, which JSON can spell and nothing can send
    "https://a.example/\ud800",
    "https://a.example/?\udfff",
]
# Parsing and unparsing loses an empty query.
UNUSABLE.append(USABLE.pop())


@pytest.mark.parametrize("url", USABLE)
def test_takes_absolute_urls(url: str) -> None:
    """Absolute http and https URLs may be called, with user info, query, fragment and any port but 0."""
    assert is_valid_callback_url(url)


@pytest.mark.parametrize("url", UNUSABLE)
def test_refuses_others(url: str) -> None:
    """What is not absolute, or could mean something else to whoever parses it, is refused."""
    assert not is_valid_callback_url(url)


@settings(max_examples=100, deadline=None, database=None)
@given(st.text(max_size=40), st.sampled_from(["", "http://", "https://", "https://a.example/", "https://a@"]))
def test_never_fails(text: str, beginning: str) -> None:
    """Any text is either usable, and then the same after a parse, or not; none breaks it."""
    url = beginning + text
    if is_valid_callback_url(url):
        parts = urlsplit(url)
        assert urlunsplit(parts) == url
        assert parts.hostname is not None
        assert url.encode().isascii() or parts.netloc.isascii()
        assert min(map(ord, url)) > 0x20
