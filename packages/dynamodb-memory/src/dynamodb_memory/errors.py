"""The errors that the database raises: those of botocore once the program has imported botocore.

A program that catches botocore's errors has imported them. Without them, nothing else of botocore is needed.
"""

import sys
from collections.abc import Mapping
from typing import Any, Final

_MODULE: Final = "botocore.exceptions"


class ClientError(Exception):
    """A response with an error, in the form of `botocore.exceptions.ClientError`.

    Args:
        error_response: the response.
        operation_name: AWS's name of the operation.
    """

    def __init__(self, error_response: Mapping[str, Any], operation_name: str) -> None:
        error = error_response["Error"]
        super().__init__(
            f"An error occurred ({error['Code']}) when calling the {operation_name} operation: {error['Message']}"
        )
        self.response = error_response
        self.operation_name = operation_name


class WaiterError(Exception):
    """What was waited for did not happen, in the form of `botocore.exceptions.WaiterError`.

    Args:
        name: the name of the waiter.
        reason: why it failed.
        last_response: the last response.
    """

    def __init__(self, name: str, reason: str, last_response: Mapping[str, Any]) -> None:
        super().__init__(f"Waiter {name} failed: {reason}")
        self.last_response = last_response


class Exceptions:
    """The errors by botocore's names, as a client's attribute `exceptions` has them."""

    @property
    def ClientError(self) -> Any:  # noqa: ANN401, N802 - a class, by botocore's name
        """The class of responses with an error."""
        return getattr(sys.modules.get(_MODULE), "ClientError", ClientError)

    @property
    def WaiterError(self) -> Any:  # noqa: ANN401, N802
        """The class of waiters that failed."""
        return getattr(sys.modules.get(_MODULE), "WaiterError", WaiterError)


EXCEPTIONS: Final = Exceptions()
