"""Encryption and decryption of secrets (`KmsEncryptor`, `KmsDecryptor`) with moto's KMS."""

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
    """A KMS client with the adapters' settings."""
    del aws  # the emulator must be running
    return make_client("kms")


@pytest.fixture
def key() -> str:
    """The id of the template's key."""
    return os.environ["SIGNING_KMS_KEY_ID"]


@pytest.mark.parametrize("secret", ["0123456789abcdef", "é\x00", "x" * 4096])
def test_decrypts_what_was_encrypted(client: Any, key: str, secret: str) -> None:
    """Decrypting for the same account returns the secret; the ciphertext does not contain it."""
    sealed = KmsEncryptor(client, key).encrypt(MINE, secret)
    assert secret.encode() not in sealed
    assert KmsDecryptor(client, key).decrypt(MINE, sealed) == secret


def test_rejects_other_accounts_and_modified_ciphertexts(client: Any, key: str) -> None:
    """A ciphertext of another account, or a modified one, raises StoreUnavailable."""
    sealed = KmsEncryptor(client, key).encrypt(MINE, "secret")
    with pytest.raises(StoreUnavailable):
        KmsDecryptor(client, key).decrypt(OTHER, sealed)
    with pytest.raises(StoreUnavailable):
        KmsDecryptor(client, key).decrypt(MINE, sealed[:-1] + bytes([sealed[-1] ^ 1]))


def test_does_not_sign_with_a_refused_key(client: Any, key: str) -> None:
    """A signing key that is refused raises StoreUnavailable, so its callbacks are not sent; others decrypt."""
    sealed = KmsEncryptor(client, key).encrypt(MINE, "PSK_00112233445566778899aabb")
    other = KmsEncryptor(client, key).encrypt(MINE, "PSK_of_this_account")
    decryptor = KmsDecryptor(client, key, frozenset({"PSK_00112233445566778899aabb"}))
    with pytest.raises(StoreUnavailable) as raised:
        decryptor.decrypt(MINE, sealed)
    assert raised.value.args == ("kms:Decrypt", "RefusedSigningKey")  # for the log (REL-28)
    assert decryptor.decrypt(MINE, other) == "PSK_of_this_account"


def test_unreachable_kms_is_store_unavailable(client: Any, key: str) -> None:
    """Encrypting and decrypting raise StoreUnavailable if KMS cannot be reached."""

    def fail(**_: object) -> None:
        raise EndpointConnectionError(endpoint_url="https://kms")

    client.meta.events.register("before-call.kms", fail)
    with pytest.raises(StoreUnavailable):
        KmsDecryptor(client, key).decrypt(MINE, b"sealed")
    with pytest.raises(StoreUnavailable):
        KmsEncryptor(client, key).encrypt(MINE, "secret")
