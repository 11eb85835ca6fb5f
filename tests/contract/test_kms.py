"""Sealing and opening (`ports.stores.Sealer`, `ports.messaging.Opener`), held against moto's KMS."""

import os
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from tapedeck.adapters.clients import make_client
from tapedeck.adapters.kms import KmsDecryptor, KmsEncryptor
from tapedeck.domain.errors import StoreUnavailable

MINE, OTHER = "1" * 32, "2" * 32


@pytest.fixture
def client(aws: None) -> Any:
    """The adapters' own."""
    del aws  # only has to be there
    return make_client("kms")


@pytest.fixture
def key() -> str:
    """The template's."""
    return os.environ["SIGNING_KMS_KEY_ID"]


@pytest.mark.parametrize("secret", ["0123456789abcdef", "é\x00", "x" * 4096])
def test_opens_what_was_sealed(client: Any, key: str, secret: str) -> None:
    """For the same account it is the same text, and nothing of it can be read in between."""
    sealed = KmsEncryptor(client, key).encrypt(MINE, secret)
    assert secret.encode() not in sealed
    assert KmsDecryptor(client, key).decrypt(MINE, sealed) == secret


def test_opens_nothing_for_another(client: Any, key: str) -> None:
    """Neither for another account nor what has been tampered with."""
    sealed = KmsEncryptor(client, key).encrypt(MINE, "secret")
    with pytest.raises(StoreUnavailable):
        KmsDecryptor(client, key).decrypt(OTHER, sealed)
    with pytest.raises(StoreUnavailable):
        KmsDecryptor(client, key).decrypt(MINE, sealed[:-1] + bytes([sealed[-1] ^ 1]))


def test_tells_that_there_is_no_answer(client: Any, key: str) -> None:
    """KMS that cannot be reached is a fault like any other."""

    def fail(**_: object) -> None:
        raise EndpointConnectionError(endpoint_url="https://kms")

    client.meta.events.register("before-call.kms", fail)
    with pytest.raises(StoreUnavailable):
        KmsDecryptor(client, key).decrypt(MINE, b"sealed")
    with pytest.raises(StoreUnavailable):
        KmsEncryptor(client, key).encrypt(MINE, "secret")
