"""Remember decrypted signing keys in this process, so that each callback does not cost a request to KMS."""

from typing import Final

from tapedeck.ports.clock import Clock
from tapedeck.ports.messaging import Decryptor

KEPT_MS: Final = 300_000
"""How long a key is remembered: a KMS key that is disabled stops all signatures within this time (C-290)."""

MAX_KEYS: Final = 1_000


class RememberingDecryptor:
    """`ports.messaging.Decryptor` that remembers what another one has decrypted, by account and ciphertext.

    A failure is not remembered. A new ciphertext, as after a rotation, is a new key.

    Args:
        decryptor: decrypts what is not remembered.
        clock: milliseconds.
    """

    def __init__(self, decryptor: Decryptor, clock: Clock) -> None:
        self._decryptor = decryptor
        self._clock = clock
        self._secrets: dict[tuple[str, bytes], tuple[str, int]] = {}
        """The secret, and when it was decrypted."""

    def decrypt(self, account: str, encrypted: bytes) -> str:
        """Return the secret that was encrypted for this account.

        Raises:
            StoreUnavailable: it is not remembered, and decryption failed.
        """
        now, key = self._clock(), (account, encrypted)
        secret, at = self._secrets.get(key, ("", 0))
        if not (secret and 0 <= now - at < KEPT_MS):
            self._secrets.pop(key, None)
            secret = self._decryptor.decrypt(account, encrypted)
            if len(self._secrets) >= MAX_KEYS:
                self._secrets.clear()
            self._secrets[key] = secret, now
        return secret
