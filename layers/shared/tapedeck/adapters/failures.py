"""Name the AWS operation and the error code of a failed request, for the log (REL-28)."""

import sys
from typing import Any, Final

from tapedeck.domain.errors import StoreFailure, StoreUnavailable

HAD_UNACKNOWLEDGED_ATTEMPT: Final = "TapedeckUnacknowledged"
"""Key in the `ResponseMetadata` of a 4xx response, set if an earlier attempt of the request was unacknowledged.

Such an attempt got no response, or one that does not show its outcome. It may have taken effect, or may still do so.
"""

_EXCEPTIONS: Final = "botocore.exceptions"
_CANCELED = "TransactionCanceledException"


def rejected(client: Any) -> Any:  # noqa: ANN401 - a class for `except`
    """Return botocore's error for responses with an error; without botocore, that of the client, which is a double."""
    loaded = sys.modules.get(_EXCEPTIONS)
    return client.exceptions.ClientError if loaded is None else loaded.ClientError


def unanswered() -> Any:  # noqa: ANN401 - a class for `except`
    """Return botocore's error for requests without a response; nothing raises one unless botocore is imported."""
    loaded = sys.modules.get(_EXCEPTIONS)
    return () if loaded is None else loaded.BotoCoreError


def failure(operation: str, error: Exception, kind: type[StoreFailure] = StoreUnavailable) -> StoreFailure:
    """Make the error to raise from botocore's error; `operation` is such as `dynamodb:UpdateItem`."""
    return kind(operation, code_of(error))


def code_of(error: Exception) -> str:
    """Return AWS's error code, with the reasons of a canceled transaction; of an error without one, its class."""
    response = getattr(error, "response", None)
    if not isinstance(response, dict):
        return type(error).__name__
    code = str(response["Error"]["Code"])
    if code != _CANCELED:
        return code
    reasons = {str(reason.get("Code")) for reason in response.get("CancellationReasons", [])}
    return " ".join([code, *sorted(reasons - {"None"})])
