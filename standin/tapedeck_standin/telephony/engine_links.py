"""What connects a simulated engine to Tapedeck."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from tapedeck_standin.calls.instruction_requests import WantedRequest
from tapedeck_standin.telephony.capture_uploads import Upload

if TYPE_CHECKING:
    from tapedeck_standin.calls.rooms import FindConference

Post = Callable[[str, dict[str, Any]], tuple[int, Mapping[str, Any]]]
"""Sends a request to a route, such as `events`; returns the status and the body of the answer."""


class CommandMessage(Protocol):
    """A received message of the engine's queue."""

    @property
    def body(self) -> str:
        """The command as JSON."""

    @property
    def receipt(self) -> str:
        """What deletes the message."""


@dataclass(frozen=True, slots=True)
class EngineLinks:
    """All that connects an engine to Tapedeck.

    `receive` returns some commands of its queue, `delete` deletes one by its receipt. `post` sends a request to a route
    of the engine API. `upload` sends a file to the address in an upload's answer and returns the HTTP status. `request`
    requests instructions from the application of a call, and returns the answer of the route `documents`.
    `find_conference` returns the id of the live conference with a name.
    """

    receive: Callable[[], Sequence[CommandMessage]]
    delete: Callable[[str], object]
    post: Post
    upload: Upload
    request: Callable[[WantedRequest], Mapping[str, Any]]
    find_conference: "FindConference"
