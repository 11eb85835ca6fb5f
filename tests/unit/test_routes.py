"""Known paths, independent of the method."""

import pytest

from tapedeck.http.routes import has_audio_suffix, is_audio, is_known, is_list_of_accounts, split

PREFIXES = ("/2010-04-01", "/api/laml/2010-04-01")


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("suffix", ["", ".json"])
@pytest.mark.parametrize(
    ("path", "known"),
    [
        ("Calls/x", True),
        ("Calls/x/Recordings", True),
        ("Calls/x/Recordings/y", True),
        ("Conferences/x", True),
        ("Conferences/x/Recordings/y", True),
        ("Keys", True),
        ("Keys/x", True),
        ("Keys/x/y", False),
        ("Conferences/x.json/Recordings/y", True),
        ("Messages/x", False),
        ("Applications", True),
        ("Applications/x", True),
        ("Applications/x/y", False),
        ("Calls/x/Participants", False),
        ("Calls/x/Recordings/y/z", False),
        ("calls/x", False),
        ("Calls/x/recordings", False),
        ("Calls//Recordings", False),
    ],
)
def test_knows_paths(prefix: str, suffix: str, path: str, *, known: bool) -> None:
    """A path is known by its shape, under both prefixes, with and without `.json`."""
    assert is_known(f"{prefix}/Accounts/a/{path}{suffix}") == known


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize(
    ("path", "known"), [("Applications", False), ("Applications/x.json", False), ("IncomingPhoneNumbers", True)]
)
def test_knows_fewer_paths_without_telephony(prefix: str, path: str, *, known: bool) -> None:
    """Without `Telephony` there are no applications."""
    assert is_known(f"{prefix}/Accounts/a/{path}", has_telephony=False) == known


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("suffix", ["", ".json"])
def test_knows_accounts(prefix: str, suffix: str) -> None:
    """An account and the list of accounts are known paths, under both prefixes, with and without `.json`."""
    assert is_known(f"{prefix}/Accounts{suffix}")
    assert is_known(f"{prefix}/Accounts/a{suffix}")
    assert is_list_of_accounts(f"{prefix}/Accounts{suffix}")
    assert not is_list_of_accounts(f"{prefix}/Accounts/a{suffix}")


@pytest.mark.parametrize(
    "path",
    ["", "/", "/2010-04-01", "/2010-04-01/Account", "/2010-04-01/Accounts/", "/x/2010-04-01/Accounts",
     "/2010-04-01/Accounts/a/", "/2010-04-01/Accounts//Calls/x", "/2010-04-02/Accounts/a/Calls/x",
     "/x/2010-04-01/Accounts/a/Calls/x", "2010-04-01/Accounts/a/Calls/x"],
)  # fmt: skip
def test_does_not_know_other_paths(path: str) -> None:
    """A path without prefix, account or a resource below it is unknown."""
    assert not is_known(path)


@pytest.mark.parametrize("prefix", PREFIXES)
def test_splits_paths(prefix: str) -> None:
    """Splitting returns the account and the segments below it, without `.json`."""
    assert split(f"{prefix}/Accounts/a.json") == ("a", [])
    assert split(f"{prefix}/Accounts/a/b/c.json") == ("a", ["b", "c"])
    assert split(f"{prefix}/Accounts/a.json/b.json.json") == ("a.json", ["b.json"])
    assert split(f"{prefix}/Other/a") is None


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize(
    ("path", "has_suffix", "audio"),
    [
        ("Recordings/x", False, True),
        ("Recordings/x.wav", True, True),
        ("Recordings/x.mp3", True, True),
        ("Recordings/x.json", False, False),
        ("Calls/x/Recordings/y", False, False),
        ("Calls/x/Recordings/y.wav", True, True),
        ("Conferences/x.wav/Recordings/y", False, False),
        ("Recordings/x.wav/Transcriptions", False, False),
        ("Recordings/x/Transcriptions/y.wav", False, False),
        ("Recordings.wav", False, False),
        ("Calls/x.wav", False, False),
    ],
)
def test_knows_audio(prefix: str, path: str, *, has_suffix: bool, audio: bool) -> None:
    """Audio is a recording with a suffix of audio, or without a suffix directly below the account."""
    path = f"{prefix}/Accounts/a/{path}"
    assert has_audio_suffix(path) == has_suffix
    assert [is_audio(method, path) for method in ("GET", "HEAD", "POST", "DELETE")] == [audio, audio, False, False]
