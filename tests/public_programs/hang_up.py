"""Hangs up a call twice with pipecat's Twilio serializer, and prints what it logs.

Arguments: URL, account, token and call. The program runs in an environment with pipecat.
"""

import asyncio
import sys

from loguru import logger
from pipecat.frames.frames import EndFrame
from pipecat.serializers.twilio import TwilioFrameSerializer


async def main(url: str, account: str, token: str, call: str) -> None:
    """Let two serializers hang up the same call, as two pipelines of one call do."""
    logger.remove()
    logger.add(sys.stdout, format="{level} {message}")
    for _ in range(2):
        serializer = TwilioFrameSerializer(
            "MZ0", call_sid=call, account_sid=account, auth_token=token, base_url=url
        )  # fmt: skip
        await serializer.serialize(EndFrame())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
