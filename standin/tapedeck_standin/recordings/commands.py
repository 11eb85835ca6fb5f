"""The commands of the engine protocol, as the simulated engine reads them."""

from collections.abc import Callable, Mapping
from typing import Any

EventReporter = Callable[[str, Mapping[str, Any]], object]
"""Reports an event: the call or conference whose events stay in order, and the fields without id and number."""

Command = Mapping[str, Any]
"""A command as JSON."""


def has_expired(command: Command, now: int) -> bool:
    """Whether nothing may begin any more because of this copy of a command; `now` is in milliseconds."""
    not_after = command.get("not_after")
    return not_after is not None and now > not_after
