"""Decrypted signing keys are remembered for five minutes, by account and ciphertext, and no failure is."""

import pytest

from tapedeck.adapters.remembered_keys import RememberingDecryptor
from tapedeck.domain.errors import StoreUnavailable


class CountingDecryptor:
    """Decrypts by reversing the bytes, and records each request; fails while `is_unavailable`."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, bytes]] = []
        self.is_unavailable = False

    def decrypt(self, account: str, encrypted: bytes) -> str:
        """Return the secret."""
        self.requests.append((account, encrypted))
        if self.is_unavailable:
            raise StoreUnavailable
        return encrypted[::-1].decode()


class Time:
    """A clock that the test sets."""

    now = 1_000_000

    def __call__(self) -> int:
        """Return the current time in milliseconds."""
        return self.now


@pytest.fixture
def kms() -> CountingDecryptor:
    """What decrypts."""
    return CountingDecryptor()


@pytest.fixture
def time() -> Time:
    """The clock."""
    return Time()


@pytest.fixture
def decryptor(kms: CountingDecryptor, time: Time) -> RememberingDecryptor:
    """The decryptor under test."""
    return RememberingDecryptor(kms, time)


def test_a_key_is_decrypted_once_in_five_minutes(
    kms: CountingDecryptor, time: Time, decryptor: RememberingDecryptor
) -> None:
    """KMS gets a request at the first use, and again after 300 seconds, also if the clock was set back."""
    found = []
    for now in (1_000_000, 1_000_001, 1_299_999, 1_300_000, 1_599_999, 1_299_999):
        time.now = now
        found.append((decryptor.decrypt("a", b"terces"), len(kms.requests)))
    assert found == [("secret", 1), ("secret", 1), ("secret", 1), ("secret", 2), ("secret", 2), ("secret", 3)]


def test_accounts_and_ciphertexts_differ(kms: CountingDecryptor, decryptor: RememberingDecryptor) -> None:
    """The same ciphertext of another account, and another ciphertext of the same account, are decrypted by KMS."""
    for _ in range(2):
        assert [decryptor.decrypt("a", b"1"), decryptor.decrypt("b", b"1"), decryptor.decrypt("a", b"2")] == [
            "1", "1", "2",
        ]  # fmt: skip
    assert kms.requests == [("a", b"1"), ("b", b"1"), ("a", b"2")]


def test_a_failure_is_not_remembered(kms: CountingDecryptor, time: Time, decryptor: RememberingDecryptor) -> None:
    """A key that could not be decrypted is requested again; an old secret is not used in its place."""
    decryptor.decrypt("a", b"terces")
    time.now += 300_000
    kms.is_unavailable = True
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            decryptor.decrypt("a", b"terces")
    kms.is_unavailable = False
    assert (decryptor.decrypt("a", b"terces"), len(kms.requests)) == ("secret", 4)


def test_at_most_a_thousand_keys_are_remembered(kms: CountingDecryptor, decryptor: RememberingDecryptor) -> None:
    """With the 1,001st key the memory begins anew, so that it stays small."""
    for number in range(1_001):
        decryptor.decrypt("a", str(number).encode())
    assert len(kms.requests) == 1_001
    decryptor.decrypt("a", b"1000")
    assert len(kms.requests) == 1_001
    decryptor.decrypt("a", b"0")
    assert len(kms.requests) == 1_002
