"""What the stand-in lends to an external media engine: the address of its queue, and fixed credentials."""

from typing import Final

from tapedeck.ports.clock import Clock
from tapedeck.ports.engines import QueueAccess
from tapedeck_standin.telephony.sqs_wire import SQS_ACCOUNT, SQS_PATH

REGION: Final = "us-east-1"
LENT_MS: Final = 3_600_000


class FixedLender:
    """`ports.engines.CredentialsLender` for the queues that the stand-in serves, which checks no signature.

    Args:
        origin: scheme and host of the stand-in.
        clock: milliseconds.
    """

    def __init__(self, origin: str, clock: Clock) -> None:
        self._origin = origin
        self._clock = clock

    def lend(self, engine: str) -> QueueAccess:
        """Return the URL of an engine's queue with fixed credentials, which end in an hour."""
        return QueueAccess(
            url=f"{self._origin}{SQS_PATH}/{SQS_ACCOUNT}/engine-{engine}",
            region=REGION,
            access_key="standin",
            secret_key="standin",  # noqa: S106 - checked by nothing
            session_token="",
            expires_at=self._clock() + LENT_MS,
        )
