"""The environment, read once."""

import pytest

from tapedeck.domain.account import MediaAccess
from tapedeck.settings import MAX_CREDENTIAL_CACHE_SECONDS, Settings

TABLES = {"RECORDINGS_TABLE": "r", "CREDENTIALS_TABLE": "c"}


def test_reads_all() -> None:
    """Every setting comes from its variable."""
    given = {
        **TABLES,
        "SERVICE": "stack",
        "CREDENTIAL_CACHE_SECONDS": "5",
        "SIGNING_KMS_KEY_ID": "arn",
        "MEDIA_BUCKET": "m",
        "MEDIA_ACCESS": "vendor",
        "MEDIA_INLINE_BYTES": "6",
        "TAPEDECK_STANDIN": "1",
        "OTHER": "x",
    }
    media = ("m", MediaAccess.VENDOR, 6)
    assert Settings.read(given) == Settings("stack", "r", "c", 5, "arn", True, *media)


def test_needs_little() -> None:
    """Only the tables must be named; a deployed stack is no stand-in, and opens no media, unless it is told."""
    media = ("", MediaAccess.AUTHENTICATED, 4_194_304)
    assert Settings.read(TABLES) == Settings("tapedeck", "r", "c", 60, "", False, *media)


@pytest.mark.parametrize("value", ["", "0", "true", "yes", "01", " 1"])
def test_is_a_stand_in_only_when_told_so(value: str) -> None:
    """Nothing but `1` lets the stand-in's public token in."""
    assert not Settings.read({**TABLES, "TAPEDECK_STANDIN": value}).is_standin


@pytest.mark.parametrize("name", TABLES)
def test_needs_both_tables(name: str) -> None:
    """A table that is not named is a fault of the deployment."""
    with pytest.raises(KeyError, match=name):
        Settings.read({key: value for key, value in TABLES.items() if key != name})


@pytest.mark.parametrize("value", ["-1", "61", "3600", "", "1.5", "a minute"])
def test_remembers_no_longer_than_a_minute(value: str) -> None:
    """Credentials are remembered for whole seconds from 0 to 60 (rule R12)."""
    with pytest.raises(ValueError, match=r"CREDENTIAL_CACHE|invalid literal"):
        Settings.read({**TABLES, "CREDENTIAL_CACHE_SECONDS": value})
    assert MAX_CREDENTIAL_CACHE_SECONDS == 60


@pytest.mark.parametrize("value", [0, 1, 60])
def test_remembers_up_to_a_minute(value: int) -> None:
    """0 and 60 are allowed."""
    assert Settings.read({**TABLES, "CREDENTIAL_CACHE_SECONDS": str(value)}).credential_cache_seconds == value


@pytest.mark.parametrize("value", ["", "open", "Vendor", "authenticated ", "public"])
def test_opens_media_only_when_told_so(value: str) -> None:
    """Who may fetch media is one of two words; any other is a fault of the deployment."""
    with pytest.raises(ValueError, match="MediaAccess"):
        Settings.read({**TABLES, "MEDIA_ACCESS": value})


@pytest.mark.parametrize("value", ["-1", "4194305", "", "1e6", "4 MB"])
def test_answers_with_no_more_than_lambda_can(value: str) -> None:
    """What a function answers with itself is a whole number of bytes, up to 4 MiB: 6 MB in base64."""
    with pytest.raises(ValueError, match=r"MEDIA_INLINE_BYTES|invalid literal"):
        Settings.read({**TABLES, "MEDIA_INLINE_BYTES": value})


@pytest.mark.parametrize("value", [0, 1, 4_194_304])
def test_answers_with_as_much_as_lambda_can(value: int) -> None:
    """0 sends for all of it elsewhere."""
    assert Settings.read({**TABLES, "MEDIA_INLINE_BYTES": str(value)}).media_inline_bytes == value


def test_the_standin_answers_with_as_much_as_it_likes() -> None:
    """There is no Lambda around it, and nobody could follow an address that leads into its process."""
    given = {**TABLES, "MEDIA_INLINE_BYTES": str(1 << 40), "TAPEDECK_STANDIN": "1"}
    assert Settings.read(given).media_inline_bytes == 1 << 40


def test_reads_the_process_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a mapping it is the process's own."""
    for name, value in {**TABLES, "SERVICE": "mine"}.items():
        monkeypatch.setenv(name, value)
    assert Settings.read().service == "mine"
