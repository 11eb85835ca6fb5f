"""Request and carry out the conversion of uploaded captures, through the finishing queue.

The stream requests a conversion when a capture is noted; the reconciler requests it again while it is unfinished. A
message may arrive twice and at the same time: the conversion is idempotent.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from tapedeck.domain.errors import MalformedBody, NotEligibleForRecording, NotFound
from tapedeck.domain.recording import Parent, ParentKind, Recording
from tapedeck.operations.media import Media
from tapedeck.ports.changes import Change
from tapedeck.ports.messaging import Queue, QueueMessage

_KINDS: Final = {"call": ParentKind.CALL, "conference": ParentKind.CONFERENCE}
_WORDS: Final = {kind: word for word, kind in _KINDS.items()}


class Conversions:
    """Requests conversions and carries them out.

    Args:
        queue: the finishing queue.
        get_media: returns the operations of media; called only for a conversion.
    """

    def __init__(self, queue: Queue, get_media: Callable[[], Media]) -> None:
        self._queue = queue
        self._get_media = get_media

    def messages_for(self, change: Change) -> Iterator[QueueMessage]:
        """Yield the message that requests the conversion of the capture that this change notes, if any."""
        before, after = change.before, change.after
        was_captured = isinstance(before, Recording) and before.captured_at is not None
        if isinstance(after, Recording) and after.captured_at is not None and not was_captured:
            yield _message(after)

    def send(self, messages: Sequence[QueueMessage]) -> None:
        """Request conversions.

        Raises:
            StoreBusy, StoreUnavailable: the queue did not accept all messages.
        """
        self._queue.send(messages)

    def request(self, recording: Recording) -> None:
        """Request the conversion of a recording's capture; raises as `send`."""
        self.send([_message(recording)])

    def convert(self, content: str) -> bool:
        """Convert the capture that a message names; False if the recording is deleted or absent for good. Idempotent.

        Raises:
            MalformedBody: the message is not one of `request`.
            MediaMissing: the capture is missing, or is no audio that can be converted.
            StoreBusy, StoreUnavailable: the table or the bucket did not respond.
        """
        try:
            body = json.loads(content)
            parent = Parent(body["account"], _KINDS[body["parent"]["type"]], body["parent"]["id"])
            recording = str(body["recording"])
        except (ValueError, KeyError, TypeError) as error:
            raise MalformedBody from error
        try:
            self._get_media().complete(parent, recording)
        except (NotFound, NotEligibleForRecording):
            return False
        return True


def _message(recording: Recording) -> QueueMessage:
    parent = recording.parent
    body = {
        "account": parent.account,
        "parent": {"type": _WORDS[parent.kind], "id": parent.id},
        "recording": recording.id,
    }
    return QueueMessage(body, recording.id, recording.id)
