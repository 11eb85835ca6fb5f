"""Settings, read from environment variables."""

import re
from typing import Final

import pytest

from tapedeck.domain.account import MediaAccess
from tapedeck.settings import STANDIN_SIGNING_KEY, STANDIN_TOKEN, Settings

MAX_CREDENTIAL_CACHE_SECONDS: Final = 60

TABLES = {"RECORDINGS_TABLE": "r", "CREDENTIALS_TABLE": "c"}


def test_reads_every_variable() -> None:
    """Each setting comes from its variable; other variables are ignored."""
    environment = {
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
    assert Settings.read(environment) == Settings("stack", "r", "c", 5, "arn", True, *media)


def test_defaults() -> None:
    """Only the tables are required; by default there is no stand-in, and media require authentication."""
    media = ("", MediaAccess.AUTHENTICATED, 4_194_304)
    assert Settings.read(TABLES) == Settings("tapedeck", "r", "c", 60, "", False, *media)


@pytest.mark.parametrize("value", ["", "0", "true", "yes", "01", " 1"])
def test_stand_in_requires_exactly_1(value: str) -> None:
    """Only the value `1` enables the stand-in, which accepts its public token."""
    assert not Settings.read({**TABLES, "TAPEDECK_STANDIN": value}).is_standin


def test_a_deployed_stack_refuses_the_published_secrets() -> None:
    """The secrets of the stand-in and the secret of the sample key are refused, except by the stand-in."""
    published = {
        "00112233445566778899aabbccddeeff",
        "PSK_00112233445566778899aabb",
        "tdk_standin_TapedeckStandInEngineTokenPublicOnPurpose01",
        "key-secret",
    }
    assert Settings.read(TABLES).refused_secrets == published
    assert Settings.read({**TABLES, "TAPEDECK_STANDIN": "1"}).refused_secrets == frozenset()


def test_the_published_secrets_have_the_forms_of_the_vendors() -> None:
    """The token has 32 hex digits, because Twilio's SDK for Go accepts only letters and digits."""
    assert re.fullmatch("[0-9a-f]{32}", STANDIN_TOKEN)
    assert re.fullmatch("PSK_[0-9A-Za-z]{24}", STANDIN_SIGNING_KEY)


def test_late_audio_days() -> None:
    """Late audio is accepted for any number of days, by default 14; a negative number is refused (C-211)."""
    found = [Settings.read({**TABLES, **more}).late_audio_days for more in ({}, {"LATE_AUDIO_DAYS": "0"})]
    assert found == [14, 0]
    with pytest.raises(ValueError, match="LATE_AUDIO_DAYS"):
        Settings.read({**TABLES, "LATE_AUDIO_DAYS": "-1"})


def test_confirmed_updates() -> None:
    """Updates wait as configured, by default pauses; for 0.5 to 10 seconds, 2.5 by default (C-225)."""
    found = [
        Settings.read({**TABLES, "CONFIRM_UPDATES": rule, "CONFIRM_WITHIN_MS": within})
        for rule, within in (("none", "500"), ("pause", "2500"), ("pause+stop", "10000"))
    ]
    assert [(each.confirm_updates, each.confirm_within_ms) for each in found] == [
        ("none", 500),
        ("pause", 2500),
        ("pause+stop", 10_000),
    ]
    default = Settings.read(TABLES)
    assert (default.confirm_updates, default.confirm_within_ms) == ("pause", 2500)
    for name, value in (("CONFIRM_UPDATES", "stop"), ("CONFIRM_WITHIN_MS", "499"), ("CONFIRM_WITHIN_MS", "10001")):
        with pytest.raises(ValueError, match=r"ConfirmUpdates|CONFIRM_WITHIN_MS"):
            Settings.read({**TABLES, name: value})


@pytest.mark.parametrize("name", TABLES)
def test_requires_both_tables(name: str) -> None:
    """A missing table name raises `KeyError`."""
    with pytest.raises(KeyError, match=name):
        Settings.read({key: value for key, value in TABLES.items() if key != name})


@pytest.mark.parametrize("value", ["-1", "61", "3600", "", "1.5", "a minute"])
def test_rejects_invalid_credential_cache_seconds(value: str) -> None:
    """Credentials are cached for a whole number of seconds from 0 to 60 (REL-12)."""
    with pytest.raises(ValueError, match=r"CREDENTIAL_CACHE|invalid literal"):
        Settings.read({**TABLES, "CREDENTIAL_CACHE_SECONDS": value})
    assert MAX_CREDENTIAL_CACHE_SECONDS == 60


@pytest.mark.parametrize("value", [0, 1, 60])
def test_accepts_credential_cache_seconds(value: int) -> None:
    """0 and 60 seconds are allowed."""
    assert Settings.read({**TABLES, "CREDENTIAL_CACHE_SECONDS": str(value)}).credential_cache_seconds == value


@pytest.mark.parametrize("value", ["", "open", "Vendor", "authenticated ", "public"])
def test_rejects_invalid_media_access(value: str) -> None:
    """`MEDIA_ACCESS` has two allowed values; any other raises `ValueError`."""
    with pytest.raises(ValueError, match="MediaAccess"):
        Settings.read({**TABLES, "MEDIA_ACCESS": value})


@pytest.mark.parametrize("value", ["-1", "4194305", "", "1e6", "4 MB"])
def test_rejects_invalid_inline_bytes(value: str) -> None:
    """Inline media are limited to a whole number of bytes up to 4 MiB, which is 6 MB in base64."""
    with pytest.raises(ValueError, match=r"MEDIA_INLINE_BYTES|invalid literal"):
        Settings.read({**TABLES, "MEDIA_INLINE_BYTES": value})


@pytest.mark.parametrize("value", [0, 1, 4_194_304])
def test_accepts_inline_bytes(value: int) -> None:
    """Sizes from 0 to 4 MiB are allowed; 0 redirects every download."""
    assert Settings.read({**TABLES, "MEDIA_INLINE_BYTES": str(value)}).media_inline_bytes == value


def test_the_standin_has_no_limit_of_inline_bytes() -> None:
    """The stand-in has no Lambda response limit, and a redirect into its process would not work."""
    environment = {**TABLES, "MEDIA_INLINE_BYTES": str(1 << 40), "TAPEDECK_STANDIN": "1"}
    assert Settings.read(environment).media_inline_bytes == 1 << 40


def test_reads_the_process_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a mapping, settings come from the environment of the process."""
    for name, value in {**TABLES, "SERVICE": "mine"}.items():
        monkeypatch.setenv(name, value)
    assert Settings.read().service == "mine"
