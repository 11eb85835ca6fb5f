"""The body of a request: at most one byte more than the limit is kept, in memory or in a temporary file."""

import asyncio
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from tempfile import NamedTemporaryFile
from types import TracebackType
from typing import IO, Any, Final, Self

from tapedeck.http.engine_endpoint import MAX_ENGINE_BYTES
from tapedeck.http.request import MAX_BYTES
from tapedeck.http.routes import is_engine_path
from tapedeck_standin.http.messages import MAX_UPLOAD_BYTES, MEDIA_PATH

BODY_SECONDS: Final = 75
"""Time for which a client may send nothing of a body that it has announced."""
MAX_DISCARDED_BYTES: Final = 16 * 1024 * 1024
"""Size up to which an oversized body is read and discarded; beyond it the connection is closed."""


class RequestBody:
    """The body of one request; a temporary file is deleted at the end of the block.

    Args:
        path: the decoded path of the request: an upload goes to a file, everything else to memory.
    """

    def __init__(self, path: str) -> None:
        self._is_upload = path.startswith(f"{MEDIA_PATH}/")
        self._sink: IO[bytes] = NamedTemporaryFile() if self._is_upload else BytesIO()  # noqa: SIM115 - closed on exit
        if self._is_upload:
            self._max_bytes = MAX_UPLOAD_BYTES
        else:
            self._max_bytes = MAX_ENGINE_BYTES if is_engine_path(path) else MAX_BYTES

    @property
    def content(self) -> bytes:
        """The body; empty for an upload."""
        return self._sink.getvalue() if isinstance(self._sink, BytesIO) else b""

    @property
    def file(self) -> Path | None:
        """The file of an upload."""
        return Path(self._sink.name) if self._is_upload else None

    async def read(self, receive: Callable[[], Any], announced: int) -> bool:
        """Read the body; return False if it is larger than what is discarded, so that the rest is unread.

        Args:
            receive: returns the next message of the server.
            announced: the length that the client has sent; 0 without one.

        Raises:
            ConnectionError: the client has disconnected.
            TimeoutError: the client sends nothing more.
        """
        total, readable = 0, max(MAX_DISCARDED_BYTES, self._max_bytes)
        while True:
            async with asyncio.timeout(BODY_SECONDS):
                message = await receive()
            if message["type"] == "http.disconnect":
                raise ConnectionAbortedError
            piece = message["body"]
            total += len(piece)
            self._sink.write(piece[: max(0, self._max_bytes + 1 - self._sink.tell())])
            if not message["more_body"]:
                self._sink.flush()
                return True
            if total > self._max_bytes and max(total, announced) > readable:
                self._sink.flush()
                return False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sink.close()
