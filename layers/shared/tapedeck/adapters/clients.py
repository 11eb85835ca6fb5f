"""botocore's clients, set up for quick starts and short answers: a request is worth seconds, not minutes."""

from pathlib import Path
from typing import Any, Final

import botocore
from botocore.config import Config
from botocore.loaders import Loader
from botocore.session import Session

CONNECT_SECONDS: Final = 1
READ_SECONDS: Final = 2
READ_SECONDS_OF_MEDIA: Final = 10
"""S3 answers when it has taken the whole of an object."""

MAX_ATTEMPTS: Final = 4
"""Of botocore's legacy mode, whose pauses for DynamoDB begin at 50 ms; its standard mode would pause for seconds."""

HAD_UNACKNOWLEDGED_ATTEMPT: Final = "TapedeckUnanswered"
"""In a refusal's `ResponseMetadata` where an earlier copy of the request got no answer, or none that tells its outcome:
that copy may have taken effect, or may still do so."""

USER_AGENT: Final = "tapedeck"
"""What AWS's own logs call whoever asks."""

_REFUSALS: Final = range(400, 500)

_MODELS: Final = Path(__file__).parent / "aws_models"
"""botocore's own descriptions, cut to what is used here (scripts/trim_botocore.py)."""


def make_client(service: str) -> Any:  # noqa: ANN401 - botocore makes its classes at run time
    """A client of this AWS service, from the environment's region, credentials and endpoints."""
    session = Session()
    session.register_component(
        "data_loader", Loader(extra_search_paths=[str(_MODELS)], include_default_search_paths=False)
    )
    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS_OF_MEDIA if service == "s3" else READ_SECONDS,
        retries={"mode": "legacy", "total_max_attempts": MAX_ATTEMPTS},
        # What botocore signs presigned addresses with by itself, the younger regions do not take.
        signature_version="s3v4" if service == "s3" else None,
        # The adapters make every request; checking each against its model took a tenth of a warm update.
        parameter_validation=False,
        # Named once: botocore would put its own together twice for each request, which took a tenth as well.
        user_agent=f"Botocore/{botocore.__version__} {USER_AGENT}",
    )
    client = session.create_client(service, config=config)
    client.meta.events.register("response-received", _remember_unanswered)
    return client


def _remember_unanswered(*, parsed_response: dict[str, Any] | None, context: dict[str, Any], **_: object) -> None:
    """Called for each copy of a request that was sent, `context` being the request's; without an answer it is None."""
    told = parsed_response["ResponseMetadata"] if parsed_response is not None else {}
    if told.get("HTTPStatusCode") not in _REFUSALS:
        context[HAD_UNACKNOWLEDGED_ATTEMPT] = True
    elif HAD_UNACKNOWLEDGED_ATTEMPT in context:
        told[HAD_UNACKNOWLEDGED_ATTEMPT] = True
