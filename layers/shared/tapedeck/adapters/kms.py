"""Encrypt and decrypt signing keys with AWS KMS, so that a leak of the credentials table leaks no secret."""

from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from tapedeck.adapters.failures import failure
from tapedeck.domain.errors import StoreUnavailable


class KmsClient(Protocol):
    """The operations of botocore's KMS client that this project uses."""

    def encrypt(self, **request: Any) -> dict[str, Any]: ...  # noqa: ANN401, D102 - AWS's parameters
    def decrypt(self, **request: Any) -> dict[str, Any]: ...  # noqa: ANN401, D102


class KmsEncryptor:
    """`ports.credentials.Encryptor` with this deployment's KMS key; the encryption context is the account."""

    def __init__(self, client: KmsClient, key: str) -> None:
        self._client = client
        self._key = key

    def encrypt(self, account: str, secret: str) -> bytes:
        """Encrypt a signing key for this account: 1 request to KMS.

        Raises:
            StoreUnavailable: KMS rejects the request or does not respond.
        """
        try:
            response = self._client.encrypt(
                KeyId=self._key, Plaintext=secret.encode(), EncryptionContext={"account": account}
            )
        except (BotoCoreError, ClientError) as error:
            raise failure("kms:Encrypt", error) from error
        encrypted: bytes = response["CiphertextBlob"]
        return encrypted


class KmsDecryptor:
    """`ports.messaging.Decryptor` with the KMS key of `KmsEncryptor`.

    Args:
        client: botocore's KMS client.
        key: the id of the KMS key.
        refused_secrets: signing keys that are not used, such as the stand-in's on a deployed stack.
    """

    def __init__(self, client: KmsClient, key: str, refused_secrets: frozenset[str] = frozenset()) -> None:
        self._client = client
        self._key = key
        self._refused = refused_secrets

    def decrypt(self, account: str, encrypted: bytes) -> str:
        """Decrypt a signing key of this account: 1 request to KMS.

        Raises:
            StoreUnavailable: KMS rejects the request, as for another account's ciphertext, or does not respond; or the
                signing key is refused.
        """
        try:
            response = self._client.decrypt(
                KeyId=self._key, CiphertextBlob=encrypted, EncryptionContext={"account": account}
            )
        except (BotoCoreError, ClientError) as error:
            raise failure("kms:Decrypt", error) from error
        plaintext: bytes = response["Plaintext"]
        secret = plaintext.decode()
        if secret in self._refused:
            raise StoreUnavailable("kms:Decrypt", "RefusedSigningKey")
        return secret
