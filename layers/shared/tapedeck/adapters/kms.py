"""AWS KMS: seals and opens signing keys, so that a leak of the credentials table leaks no secret."""

from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from tapedeck.domain.errors import StoreUnavailable


class KmsClient(Protocol):
    """The operations of botocore's KMS client that are used."""

    def encrypt(self, **request: Any) -> dict[str, Any]: ...  # noqa: ANN401, D102 - AWS's own words
    def decrypt(self, **request: Any) -> dict[str, Any]: ...  # noqa: ANN401, D102


class KmsEncryptor:
    """`ports.stores.Sealer` with a KMS key of this deployment's own; the account is bound into each ciphertext."""

    def __init__(self, client: KmsClient, key: str) -> None:
        self._client = client
        self._key = key

    def encrypt(self, account: str, secret: str) -> bytes:
        """1 request to KMS.

        Raises:
            StoreUnavailable: KMS refuses or does not answer.
        """
        try:
            answer = self._client.encrypt(
                KeyId=self._key, Plaintext=secret.encode(), EncryptionContext={"account": account}
            )
        except (BotoCoreError, ClientError) as error:
            raise StoreUnavailable from error
        sealed: bytes = answer["CiphertextBlob"]
        return sealed


class KmsDecryptor:
    """`ports.messaging.Opener` with the key that `KmsEncryptor` seals with."""

    def __init__(self, client: KmsClient, key: str) -> None:
        self._client = client
        self._key = key

    def decrypt(self, account: str, sealed: bytes) -> str:
        """1 request to KMS.

        Raises:
            StoreUnavailable: KMS refuses, as it does what was sealed for another account, or does not answer.
        """
        try:
            answer = self._client.decrypt(
                KeyId=self._key, CiphertextBlob=sealed, EncryptionContext={"account": account}
            )
        except (BotoCoreError, ClientError) as error:
            raise StoreUnavailable from error
        secret: bytes = answer["Plaintext"]
        return secret.decode()
