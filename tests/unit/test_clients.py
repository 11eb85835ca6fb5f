"""The credentials of botocore's clients."""

from pathlib import Path
from typing import Any

import pytest

from tapedeck.adapters.clients import make_client


def credentials_of(client: Any) -> tuple[str, str, str | None, str]:
    """The key, the secret, the token and the source of a client's credentials."""
    found = client._request_signer._credentials.get_frozen_credentials()
    return found.access_key, found.secret_key, found.token, client._request_signer._credentials.method


def test_credentials_of_the_environment_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials in the environment, as in Lambda, are used with their session token."""
    for name, value in (("ACCESS_KEY_ID", "key"), ("SECRET_ACCESS_KEY", "secret"), ("SESSION_TOKEN", "token")):
        monkeypatch.setenv(f"AWS_{name}", value)
    assert credentials_of(make_client("dynamodb")) == ("key", "secret", "token", "env")


def test_other_credentials_are_found_without_those_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without them, botocore looks in its other places, such as an operator's own file."""
    file = tmp_path / "credentials"
    file.write_text("[default]\naws_access_key_id = own\naws_secret_access_key = secret\n", encoding="utf-8")
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN", "PROFILE"):
        monkeypatch.delenv(f"AWS_{name}", raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    assert credentials_of(make_client("dynamodb")) == ("own", "secret", None, "shared-credentials-file")
