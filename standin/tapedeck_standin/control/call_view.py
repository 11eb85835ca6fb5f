"""What the control API shows of a call that the simulated engine executes."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from tapedeck.domain.call import Call
from tapedeck_standin.calls.access import CallFlowAccess
from tapedeck_standin.clock import format_time

if TYPE_CHECKING:
    from tapedeck_standin.calls.leg import Leg

WITHOUT_INSTRUCTIONS: Final[dict[str, Any]] = {
    "position": None, "document": None, "played": [], "keys": [], "spoken": [], "streams": [],
}  # fmt: skip
"""What is shown of a call that the simulated engine does not execute."""


class CallCourses:
    """Shows where calls are.

    Args:
        flows: the calls that the simulated engine executes; None: there is no simulated engine.
        get_call: returns a call of an account, or raises NotFound.
    """

    def __init__(self, flows: CallFlowAccess | None, get_call: Callable[[str, str], Call]) -> None:
        self._flows = flows
        self._get_call = get_call

    def describe(self, account: str, call: str) -> dict[str, Any]:
        """Return where a call is in its instructions, and what has happened in it."""
        flows = self._flows.made if self._flows is not None else None
        leg = flows.find(account, call) if flows is not None else None
        if leg is None or flows is None:
            return WITHOUT_INSTRUCTIONS
        with flows.lock:
            return course_of(leg, flows.next_of(leg))

    def is_at(self, account: str, call: str, wanted: str) -> bool:
        """Whether a call is at a verb, or `waits` for a person, or has `ended`."""
        if wanted == "ended":
            return not self._get_call(account, call).is_live
        position = self.describe(account, call)["position"]
        if position is None:
            return False
        return (
            bool(set(position["waits_for"]) - {"application"})
            if wanted == "waits"
            else bool(position["verb"] == wanted)
        )


def course_of(leg: "Leg", due: int | None) -> dict[str, Any]:
    """Return where a call is, and what has happened in it.

    Args:
        leg: the call.
        due: when something happens in it next by itself, in milliseconds; None: nothing does.
    """
    return {
        "position": position_of(leg, due),
        "document": _document_of(leg),
        "played": [{**played, "at": format_time(played["at"])} for played in leg.played],
        "keys": [{**key, "at": format_time(key["at"])} for key in leg.keys],
        "spoken": list(leg.spoken),
        "streams": [stream.body() for stream in leg.streams],
    }


def position_of(leg: "Leg", due: int | None) -> dict[str, Any] | None:
    """Return the verb at which a call is, since when, until when, and what it waits for; None if it is at none."""
    position = leg.flow.position if leg.flow is not None else None
    if position is None:
        return None
    return {
        "verb": position.verb,
        "index": position.index,
        "since": format_time(leg.position_since),
        "until": format_time(due) if due is not None else None,
        "waits_for": list(position.waits_for),
    }


def _document_of(leg: "Leg") -> dict[str, Any] | None:
    place = leg.flow.place if leg.flow is not None else None
    if place is None:
        return None
    return {"url": place.url, "method": place.method, "verbs": [step.name for step in place.steps]}
