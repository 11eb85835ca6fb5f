"""A double of the KMS key: it encrypts signing keys for one account, the same in each run."""

import hashlib
import hmac
from typing import Final

from tapedeck.domain.errors import StoreUnavailable

_KEY: Final = hashlib.sha256(b"the public key material of every stand-in").digest()
_TAG_BYTES: Final = hashlib.sha256().digest_size


class MemoryKeys:
    """`ports.credentials.Encryptor` and `ports.messaging.Decryptor` with a key that is no secret.

    Anyone who has this file can decrypt: the accounts of a stand-in have no secrets to protect. The key is the same in
    each run, because a database that is kept has what an earlier run encrypted. As with KMS, a secret can be decrypted
    only for the account that it was encrypted for, and not once it was changed.
    """

    def encrypt(self, account: str, secret: str) -> bytes:
        """Encrypt a secret for this account; equal secrets of an account have equal ciphertexts."""
        plaintext = secret.encode()
        tag = _tag(account, plaintext)
        return tag + _combine(plaintext, tag)

    def decrypt(self, account: str, encrypted: bytes) -> str:
        """Decrypt a secret of this account.

        Raises:
            StoreUnavailable: it was encrypted for another account, or changed.
        """
        tag = encrypted[:_TAG_BYTES]
        plaintext = _combine(encrypted[_TAG_BYTES:], tag)
        if not hmac.compare_digest(tag, _tag(account, plaintext)):
            raise StoreUnavailable("kms:Decrypt", "InvalidCiphertextException")
        return plaintext.decode()


def _tag(account: str, plaintext: bytes) -> bytes:
    return hmac.digest(_KEY, f"{account}\0".encode() + plaintext, "sha256")


def _combine(text: bytes, tag: bytes) -> bytes:
    """Encrypt or decrypt a text by the key stream of this tag."""
    stream = hashlib.shake_256(_KEY + tag).digest(len(text))
    return bytes(one ^ other for one, other in zip(text, stream, strict=True))
