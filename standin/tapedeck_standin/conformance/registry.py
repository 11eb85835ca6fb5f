"""The list of checks: each has a name, the rule that it checks, and a sentence."""

from collections.abc import Callable
from dataclasses import dataclass

from tapedeck_standin.conformance.rig import Rig

CheckBody = Callable[[Rig], None]


@dataclass(frozen=True, slots=True)
class Check:
    """A check of one rule of `docs/reference/engine-protocol.md`.

    `rule` is the rule's id there. `is_slow`: it takes more than ten seconds. `body` returns if the connector follows
    the rule, else it raises CheckFailed or CheckSkipped.
    """

    name: str
    rule: str
    sentence: str
    body: CheckBody
    is_slow: bool = False


class CheckList:
    """Checks in the order in which they run."""

    def __init__(self) -> None:
        self.checks: list[Check] = []

    def add(self, name: str, rule: str, sentence: str, *, is_slow: bool = False) -> Callable[[CheckBody], CheckBody]:
        """Return a decorator that adds a function to the list."""

        def register(body: CheckBody) -> CheckBody:
            self.checks.append(Check(name, rule, sentence, body, is_slow))
            return body

        return register
