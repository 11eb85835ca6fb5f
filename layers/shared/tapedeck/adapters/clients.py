"""botocore clients, configured for fast cold starts and short timeouts."""

from pathlib import Path
from typing import Any, Final

import botocore
from botocore.config import Config
from botocore.credentials import CredentialResolver, EnvProvider
from botocore.loaders import Loader
from botocore.session import Session

from tapedeck.adapters.failures import HAD_UNACKNOWLEDGED_ATTEMPT

CONNECT_SECONDS: Final = 1
READ_SECONDS: Final = 2
READ_SECONDS_OF_MEDIA: Final = 10
"""S3 responds only after it has received the whole object."""

MAX_ATTEMPTS: Final = 4
"""For botocore's legacy retry mode, whose DynamoDB delays start at 50 ms; standard mode waits for seconds."""

USER_AGENT: Final = "tapedeck"
"""User agent that AWS logs for every request."""

_CLIENT_ERRORS: Final = range(400, 500)

_MODELS: Final = Path(__file__).parent / "aws_models"
"""botocore's service models, trimmed to the operations in use by scripts/trim_botocore.py."""


def make_client(service: str) -> Any:  # noqa: ANN401 - botocore creates its classes at run time
    """Create a client of an AWS service with the environment's region, credentials and endpoints."""
    session = Session()
    session.register_component(
        "data_loader", Loader(extra_search_paths=[str(_MODELS)], include_default_search_paths=False)
    )
    if EnvProvider().load() is not None:
        # As in Lambda. The default chain reads the environment first as well, but makes an HTTP session with an SSL
        # context for each of its other sources.
        session.register_component("credential_provider", CredentialResolver([EnvProvider()]))
    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS_OF_MEDIA if service == "s3" else READ_SECONDS,
        retries={"mode": "legacy", "total_max_attempts": MAX_ATTEMPTS},
        # Newer regions reject botocore's default signature version for presigned URLs.
        signature_version="s3v4" if service == "s3" else None,
        # Only the adapters build requests; validation took a tenth of a warm update.
        parameter_validation=False,
        # A fixed string: botocore would build its own twice per request, which also took a tenth.
        user_agent=f"Botocore/{botocore.__version__} {USER_AGENT}",
    )
    client = session.create_client(service, config=config)
    client.meta.events.register("response-received", _flag_unacknowledged_attempt)
    return client


def _flag_unacknowledged_attempt(
    *, parsed_response: dict[str, Any] | None, context: dict[str, Any], **_: object
) -> None:
    """Flag a 4xx response if an earlier attempt was unacknowledged; `context` is shared by a request's attempts."""
    metadata = parsed_response["ResponseMetadata"] if parsed_response is not None else {}
    if metadata.get("HTTPStatusCode") not in _CLIENT_ERRORS:
        context[HAD_UNACKNOWLEDGED_ATTEMPT] = True
    elif HAD_UNACKNOWLEDGED_ATTEMPT in context:
        metadata[HAD_UNACKNOWLEDGED_ATTEMPT] = True
