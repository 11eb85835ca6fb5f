"""The media bucket, which is not versioned, so that a deletion is final (REL-18)."""

from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from tapedeck.adapters.failures import failure
from tapedeck.domain.errors import StoreThrottled, StoreUnavailable
from tapedeck.ports.media import PresignedUpload, StoredObject

LINK_SECONDS: Final = 60
"""How long a presigned URL is valid."""

_CHUNK: Final = 1 << 20
_MISSING: Final = frozenset({"404", "NoSuchKey", "NotFound"})
_BUSY: Final = frozenset({"SlowDown", "503", "RequestLimitExceeded", "ThrottlingException"})


class Bucket:
    """`ports.media.MediaStore` on S3.

    Args:
        client: botocore's S3 client.
        bucket: the bucket's name.
    """

    def __init__(self, client: Any, bucket: str) -> None:  # noqa: ANN401 - botocore creates its classes at run time
        self._client = client
        self._bucket = bucket

    def stat(self, key: str) -> StoredObject | None:
        """1 request."""
        response = self._call("HeadObject", self._client.head_object, Key=key, ChecksumMode="ENABLED")
        if response is None:
            return None
        checksum = response.get("ChecksumSHA256")
        sha256 = b64decode(checksum).hex() if checksum is not None else None
        return StoredObject(response["ContentLength"], response["ETag"], sha256)

    def read(self, key: str, first: int, last: int) -> bytes | None:
        """1 request."""
        response = self._call("GetObject", self._client.get_object, Key=key, Range=f"bytes={first}-{last}")
        try:
            return response["Body"].read() if response is not None else None
        except (BotoCoreError, OSError) as error:
            raise failure("s3:GetObject", error) from error

    def fetch(self, key: str, target: Path) -> bool:
        """1 request, regardless of size."""
        response = self._call("GetObject", self._client.get_object, Key=key)
        if response is None:
            return False
        try:
            with target.open("wb") as file:
                for chunk in response["Body"].iter_chunks(_CHUNK):
                    file.write(chunk)
        except (BotoCoreError, OSError) as error:
            raise failure("s3:GetObject", error) from error
        return True

    def write(self, key: str, source: Path) -> None:
        """1 request."""
        with source.open("rb") as file:
            self._call("PutObject", self._client.put_object, Key=key, Body=file)

    def delete(self, keys: Sequence[str]) -> None:
        """1 request; a missing key counts as deleted."""
        targets = {"Objects": [{"Key": key} for key in keys], "Quiet": True}
        response = self._call("DeleteObjects", self._client.delete_objects, Delete=targets)
        if response is None or response.get("Errors"):
            code = response["Errors"][0]["Code"] if response is not None else "NotFound"
            raise StoreUnavailable("s3:DeleteObjects", code)

    def clear(self, key: str) -> None:
        """1 request. The bucket's lifecycle deletes empty objects after a day, when no upload can run (C-274)."""
        self._call("PutObject", self._client.put_object, Key=key, Body=b"")

    def presign(self, key: str, content_type: str) -> str:
        """No request: the URL is signed locally."""
        link: str = self._client.generate_presigned_url(
            "get_object",
            Params={
                "Bucket": self._bucket,
                "Key": key,
                "ResponseContentType": content_type,
                "ResponseCacheControl": "no-store",
            },
            ExpiresIn=LINK_SECONDS,
        )
        return link

    def presign_upload(self, key: str, size: int, sha256: str, seconds: int) -> PresignedUpload:
        """No request. The signature covers the length, the checksum and the condition (C-212)."""
        checksum = b64encode(bytes.fromhex(sha256)).decode()
        link: str = self._client.generate_presigned_url(
            "put_object",
            Params={
                "Bucket": self._bucket,
                "Key": key,
                "ContentLength": size,
                "ChecksumSHA256": checksum,
                "IfNoneMatch": "*",
            },
            ExpiresIn=seconds,
        )
        return PresignedUpload(link, {"If-None-Match": "*", "x-amz-checksum-sha256": checksum})

    def _call(
        self,
        operation: str,
        send: Callable[..., dict[str, Any]],
        **request: Any,  # noqa: ANN401 - AWS's parameters
    ) -> dict[str, Any] | None:
        """Call S3 and return the response, or None if the object does not exist."""
        try:
            return send(Bucket=self._bucket, **request)
        except ClientError as error:
            code = str(error.response["Error"]["Code"])
            if code in _MISSING:
                return None
            kind = StoreThrottled if code in _BUSY else StoreUnavailable
            raise failure(f"s3:{operation}", error, kind) from error
        except BotoCoreError as error:
            raise failure(f"s3:{operation}", error) from error
