"""The contracts of `ports.credentials.Encryptor` and `ports.messaging.Decryptor`: KMS in moto, and the double.

Then what the adapters of KMS do alone.
"""

import os
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from tapedeck.adapters.clients import make_client
from tapedeck.adapters.kms import KmsDecryptor, KmsEncryptor
from tapedeck.domain.errors import StoreUnavailable
from tapedeck.ports.credentials import Encryptor
from tapedeck.ports.messaging import Decryptor
from tapedeck_standin.aws.keys import MemoryKeys

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


@pytest.fixture(params=["kms", "double"])
def keys(request: pytest.FixtureRequest, client: Any, key: str) -> tuple[Encryptor, Decryptor]:
    """What encrypts, and what decrypts."""
    if request.param == "kms":
        return KmsEncryptor(client, key), KmsDecryptor(client, key)
    return MemoryKeys(), MemoryKeys()  # the second one is that of a later run


@pytest.mark.parametrize("secret", ["0123456789abcdef", "é\x00", "x" * 4096])
def test_decrypts_what_was_encrypted(keys: tuple[Encryptor, Decryptor], secret: str) -> None:
    """Decrypting for the same account returns the secret; the ciphertext does not contain it."""
    encryptor, decryptor = keys
    sealed = encryptor.encrypt(MINE, secret)
    assert secret.encode() not in sealed
    assert decryptor.decrypt(MINE, sealed) == secret


@pytest.mark.parametrize("changed", ["account", "last", "first", "shorter"])
def test_rejects_other_accounts_and_modified_ciphertexts(keys: tuple[Encryptor, Decryptor], changed: str) -> None:
    """A ciphertext of another account, or a modified one, raises StoreUnavailable."""
    encryptor, decryptor = keys
    sealed = encryptor.encrypt(MINE, "secret")
    account, text = {
        "account": (OTHER, sealed),
        "last": (MINE, sealed[:-1] + bytes([sealed[-1] ^ 1])),
        "first": (MINE, bytes([sealed[0] ^ 1]) + sealed[1:]),
        "shorter": (MINE, sealed[:-1]),
    }[changed]
    with pytest.raises(StoreUnavailable):
        decryptor.decrypt(account, text)


def test_the_double_has_the_same_key_in_each_run() -> None:
    """A secret in a database that is kept can be decrypted by a later run."""
    sealed = (
        "9cd4778b1ebbdf161433f1ba31dd2900cac51c6f663364bfd56f6682a4b93ff8"
        "082e3a2a784ced2e4adafd83f2ae4ba6d4961b0d986b55a4e2e62324"
    )
    assert MemoryKeys().decrypt(MINE, bytes.fromhex(sealed)) == "PSK_00112233445566778899aabb"


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
