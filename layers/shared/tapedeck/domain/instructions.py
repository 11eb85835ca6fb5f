"""What a request for instructions is about, besides its call."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class InstructionDetails:
    """The details of a request for instructions.

    Attributes:
        parameters: those of the verb, in the dialect's words.
        recording: the id of the recording that the request is about.
        dialed_call: the id of the call that a `<Dial>` created.
        conference: the id of the conference in which the call is.
        conference_name: its name.
    """

    parameters: Mapping[str, str] = field(default_factory=dict)
    recording: str | None = None
    dialed_call: str | None = None
    conference: str | None = None
    conference_name: str = ""
