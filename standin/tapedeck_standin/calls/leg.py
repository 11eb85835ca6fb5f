"""A leg: one call as the simulated engine has it, with its party and its instructions."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from tapedeck_callflow.effects import Callback, Dial, Listen, Party
from tapedeck_callflow.events import Event
from tapedeck_callflow.flow import Flow
from tapedeck_callflow.recording_settings import Dialect

from tapedeck_standin.calls.parties import AnsweredBy, PartyOutcome, PartyRule
from tapedeck_standin.calls.wire import Placement
from tapedeck_standin.recordings.captures import Capture


class LegStatus(Enum):
    """Where a leg is."""

    RINGING = "ringing"
    IN_PROGRESS = "in-progress"
    ENDED = "ended"


@dataclass(slots=True, eq=False)
class MediaStream:
    """A `<Stream>` or its like: only noted, no connection is opened."""

    kind: str
    name: str
    url: str
    track: str
    parameters: Mapping[str, str]
    number: int
    """The number of its effect."""
    is_connected: bool = False
    """Whether the call waits for its end."""
    is_open: bool = True

    def body(self) -> dict[str, Any]:
        """Return it for the control API."""
        return {
            "kind": self.kind, "name": self.name, "url": self.url, "track": self.track,
            "parameters": dict(self.parameters), "open": self.is_open,
        }  # fmt: skip


@dataclass(slots=True, eq=False)
class Leg:
    """One call in the simulated engine.

    Attributes:
        rule: how the party at the other end behaves.
        callback: the subscription to its status events, which the first event about it reports.
        flow: its instructions; None if it has none.
        cookies: what the last answer of the application set.
        placement: how it was to be dialed; None unless the API created it.
        version: that of the command which created it.
        parameters: what each request for instructions says besides the parameters of the verb and of the call.
        dialing: the dialing of its parent, and what it dialed (`party`).
        room: of a leg that executes a wait document, the id and the name of the conference.
        timer_prefix: what the names of its timers begin with.
        events: what its flow has not handled yet, while it handles an event (`is_fed`).
        is_reported: whether Tapedeck knows the call: from an event about it, or because a command redirected it.
        listening: what the flow listens to now.
        speaks_until: when the party stops speaking (milliseconds); None: it does not speak.
        running: what each effect that is not over needs for its end, by number.
        played: what was spoken and played.
        keys: the keys that the party pressed.
    """

    account: str
    id: str
    to: str
    from_: str
    direction: str
    dialect: str
    rule: PartyRule
    status: LegStatus = LegStatus.RINGING
    parent: str | None = None
    callback: Mapping[str, Any] | None = None
    flow: Flow | None = None
    answered_at: int | None = None
    cookies: str = ""
    placement: Placement | None = None
    version: int | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    listening: Listen | None = None
    dialing: "Dialing | None" = None
    party: Party | None = None
    room: tuple[str, str] | None = None
    timer_prefix: str = ""
    events: deque[Event] = field(default_factory=deque)
    is_fed: bool = False
    is_reported: bool = False
    speaks_until: int | None = None
    speech: tuple[str, str] = ("", "")
    """The text and the confidence of what the party says now."""
    running: dict[int, Any] = field(default_factory=dict)
    played: list[dict[str, Any]] = field(default_factory=list)
    keys: list[dict[str, Any]] = field(default_factory=list)
    streams: list[MediaStream] = field(default_factory=list)
    pressed_rules: set[int] = field(default_factory=set)
    """The rules for keys at a verb that were used."""
    spoken: list[str] = field(default_factory=list)
    """The texts of what the party said."""
    place: tuple[str | None, int | None] | None = None
    """The verb at which the flow is, and its index in the document."""
    last_verb: str | None = None
    """The verb that was executed last."""
    position_since: int = 0
    """When the flow came to its present verb (milliseconds)."""
    answer: Mapping[str, Any] = field(default_factory=dict)
    """What the application answered last."""

    @property
    def is_ringing(self) -> bool:
        """Whether it is not answered yet."""
        return self.status is LegStatus.RINGING

    @property
    def document_url(self) -> str | None:
        """The URL of its document; None if it came with the request for the call."""
        place = self.flow.place if self.flow is not None else None
        return place.url if place is not None else None

    def subscription(self, callback: Callback | None) -> dict[str, Any] | None:
        """Return the subscription of a callback that its instructions request."""
        if callback is None:
            return None
        return {
            "url": callback.url, "method": callback.method, "events": list(callback.events), "dialect": self.dialect,
        }  # fmt: skip

    @property
    def callflow_dialect(self) -> Dialect:
        """The dialect of its instructions, as call flows name it."""
        return "signalwire" if self.dialect == "signalwire" else "twilio"

    def decide(self, outcome: PartyOutcome, answered_by: AnsweredBy | None) -> None:
        """Set what becomes of the call, and who answers it (None: as the rule says)."""
        self.rule = replace(self.rule, outcome=outcome, answered_by=answered_by or self.rule.answered_by)


@dataclass(slots=True, eq=False)
class Dialing:
    """A `<Dial>` that runs in the call of `leg`.

    Attributes:
        waiting: the parties that have not been called yet.
        children: the calls to those that have been.
        connected: the call that is connected, since `connected_at` (milliseconds).
        capture: the recording, if it is recorded.
        last: the call that ended last, and the `DialCallStatus` that follows from it.
        was_answered: whether that call had been answered.
        is_over: whether the verb has ended, so that no event follows.
    """

    leg: Leg
    effect: Dial
    waiting: list[Party]
    children: list[Leg] = field(default_factory=list)
    connected: Leg | None = None
    connected_at: int = 0
    capture: Capture | None = None
    last: Leg | None = None
    status: str = "failed"
    was_answered: bool = False
    is_over: bool = False

    @property
    def timer(self) -> str:
        """The name of its timers."""
        return f"dial-{self.effect.n}"
