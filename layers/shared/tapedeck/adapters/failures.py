"""Name the AWS operation and the error code of a failed request, for the log (REL-28)."""

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from tapedeck.domain.errors import StoreFailure, StoreUnavailable

AwsError = BotoCoreError | ClientError | HTTPClientError | OSError

_CANCELED = "TransactionCanceledException"


def failure(operation: str, error: AwsError, kind: type[StoreFailure] = StoreUnavailable) -> StoreFailure:
    """Make the error to raise from botocore's error; `operation` is such as `dynamodb:UpdateItem`."""
    return kind(operation, code_of(error))


def code_of(error: AwsError) -> str:
    """Return AWS's error code, with the reasons of a canceled transaction; of an error without one, its class."""
    if not isinstance(error, ClientError):
        return type(error).__name__
    code = str(error.response["Error"]["Code"])
    if code != _CANCELED:
        return code
    reasons = {str(reason.get("Code")) for reason in error.response.get("CancellationReasons", [])}
    return " ".join([code, *sorted(reasons - {"None"})])
