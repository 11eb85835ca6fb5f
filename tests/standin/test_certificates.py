"""The certificate of the stand-in: made once, and read by this user alone."""

import os
import ssl
import subprocess
import sys
from pathlib import Path
from unittest.mock import patch

import pytest

from tapedeck_standin.http import certificates
from tests.client import ROOT


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the kept certificates; it does not exist yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "tapedeck"


def names_of(*names: str) -> tuple[str, tuple[str, ...]]:
    """Return the authority's certificate and the names in the server's one, as a client that trusts it sees them."""
    with certificates.issue(*names) as identity:
        text = identity.ca_file.read_text()
        incoming, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = ssl.create_default_context(cafile=str(identity.ca_file)).wrap_bio(
            incoming, to_server, server_hostname="localhost"
        )
        server = identity.tls.wrap_bio(to_server, incoming, server_side=True)
        for _ in range(4):
            for side in (client, server):
                try:
                    side.do_handshake()
                except ssl.SSLWantReadError:
                    continue
        found = client.getpeercert()
    assert found is not None
    return text, tuple(str(pair[1]) for pair in found["subjectAltName"])


def test_is_kept_for_the_next_start(cache: Path) -> None:
    """The next start has the same authority and the same certificate; other names have their own."""
    first = names_of()
    assert {"localhost", "127.0.0.1", "0:0:0:0:0:0:0:1", "api.twilio.com"} <= set(first[1])
    assert names_of() == first
    other = names_of("api.example.com")
    assert set(other[1]) == {*first[1], "api.example.com"}
    assert other[0] != first[0]
    assert names_of() == first
    assert len(list(cache.iterdir())) == 2


def test_the_key_is_for_this_user_alone(cache: Path) -> None:
    """The file has mode 0600 and one key: the server's, not the authority's. One that others can read is replaced."""
    text, _ = names_of()
    (kept,) = cache.iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert kept.read_text().count("PRIVATE KEY-----") == 2  # its begin and its end
    assert "PRIVATE KEY" not in text
    kept.chmod(0o644)
    assert names_of()[0] != text
    assert kept.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", ["", "no certificate"])
def test_a_damaged_file_is_replaced(cache: Path, content: str) -> None:
    """A kept file that is no certificate is made again."""
    names_of()
    (kept,) = cache.iterdir()
    kept.write_text(content)
    made = names_of()
    assert names_of() == made


@pytest.mark.parametrize("given", ["", "relative", "./cache"])
def test_a_relative_cache_is_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    """With an empty or a relative XDG_CACHE_HOME, the cache is that of the home folder (C-305)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", given)
    names_of()
    assert [path.name for path in tmp_path.iterdir()] == ["home"]
    assert len(list((tmp_path / "home" / ".cache" / "tapedeck").glob("*.pem"))) == 1


def test_needs_no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the cache cannot be written, each start makes a certificate."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert names_of()[1] == names_of()[1]


def test_needs_no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without a home, such as one of a container that the system does not know, gets a new certificate."""
    for name in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    with patch("pwd.getpwuid", side_effect=KeyError):
        assert names_of()[1] == names_of()[1]


def test_a_kept_certificate_needs_no_cryptography(cache: Path) -> None:
    """The package that makes certificates takes a tenth of a start; the next start does not import it."""
    del cache
    names_of()
    program = """
import sys
sys.modules["trustme"] = sys.modules["cryptography"] = None  # an import of them now fails
from tapedeck_standin.http import certificates
with certificates.issue() as identity:
    print(identity.ca_file.read_text().count("BEGIN CERTIFICATE"))
"""
    env = {**os.environ, "PYTHONPATH": str(ROOT / "standin")}
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True, env=env
    )
    assert ran.stdout == "1\n"
