"""The bill of a deployment, as `make cost` prints it."""

from benchmarks.cost.bill import price_list, report


def bill() -> str:
    """Return the bill as a block of text."""
    return f"```text\n{report()}\n```"


def prices() -> str:
    """Return the prices and what is assumed, as a block of text."""
    return f"```text\n{price_list()}\n```"
