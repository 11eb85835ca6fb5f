"""Warnings: the operation was done, but a client should correct its request."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AccountWarning:
    """A warning that the account's operator can read.

    Args:
        code: the vendor's code.
        text: what is wrong and what happens instead; never a value of the request.
        parameter: the parameter as spelled on the wire; None if the warning is not about one.
    """

    code: int
    text: str
    parameter: str | None = None
