"""The bucket in which Lambda saves stream batches that failed after all retries (REL-5)."""

from collections.abc import Callable
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from tapedeck.adapters.failures import failure

PREFIX: Final = "aws/lambda/"
"""Prefix under which Lambda writes, by mapping, shard and time: the keys of one shard sort by time of failure."""


class FailedBatchBucket:
    """`ports.messaging.FailedBatchStore` on S3.

    Args:
        client: botocore's S3 client.
        bucket: the bucket's name.
    """

    def __init__(self, client: Any, bucket: str) -> None:  # noqa: ANN401 - botocore creates its classes at run time
        self._client = client
        self._bucket = bucket

    def list(self, limit: int, after: str | None = None) -> list[str]:
        """1 request."""
        start = {"StartAfter": after} if after is not None else {}
        response = self._call("ListObjectsV2", self._client.list_objects_v2, Prefix=PREFIX, MaxKeys=limit, **start)
        return [listed["Key"] for listed in response.get("Contents", ())]

    def read(self, key: str) -> bytes:
        """1 request."""
        content: bytes = self._call("GetObject", self._client.get_object, Key=key)["Body"].read()
        return content

    def delete(self, key: str) -> None:
        """1 request."""
        self._call("DeleteObjects", self._client.delete_objects, Delete={"Objects": [{"Key": key}], "Quiet": True})

    def _call(
        self,
        operation: str,
        send: Callable[..., dict[str, Any]],
        **request: Any,  # noqa: ANN401 - AWS's parameters
    ) -> dict[str, Any]:
        try:
            return send(Bucket=self._bucket, **request)
        except (BotoCoreError, ClientError) as error:
            raise failure(f"s3:{operation}", error) from error
