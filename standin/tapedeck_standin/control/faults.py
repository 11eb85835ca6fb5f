"""What is to go wrong next: in an operation, with a callback, with a recording's media."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from tapedeck.domain.identity import new_id
from tapedeck.ports.stores import Clock
from tapedeck_standin.control.schemas import ControlRequest

ANY: Final = "*"
"""Whichever operation."""
CALLBACK: Final = "callback"
MEDIA: Final = "media"

MAX_DELAY: Final = 60
MAX_TIMES: Final = 1_000_000
MAX_FAULTS: Final = 1_000
"""Of an account at a time."""

_OF_OPERATIONS: Final = frozenset({"status", "delay", "close"})
_OF_CALLBACKS: Final = _OF_OPERATIONS | {"drop", "double", "reorder"}
_OF_MEDIA: Final = frozenset({"absent"})


class FaultAction(BaseModel):
    """What happens: exactly one thing, of which `code` is a part.

    `status` is answered in place of whoever was asked, `delay` is how many seconds everything takes longer, `close`
    ends the connection without an answer. A callback may be dropped, told twice, or told after the next one of the same
    recording or conference. Media may be absent, for a reason that a vendor's code tells.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    status: Annotated[int, Field(ge=400, le=599)] | None = None
    code: Annotated[int, Field(ge=10_000, le=99_999)] | None = None
    delay: Annotated[float, Field(ge=0, le=MAX_DELAY, allow_inf_nan=False)] | None = None
    close: bool | None = None
    drop: bool | None = None
    double: bool | None = None
    reorder: bool | None = None
    absent: Annotated[int, Field(ge=10_000, le=99_999)] | None = None

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        given = self.body().values()
        if len(self.model_fields_set - {"code"}) != 1 or any(value is None or value is False for value in given):
            raise PydanticCustomError("then", "one thing is to happen, of {known}", {"known": _listed(_KNOWN)})
        if self.code is not None and self.status is None:
            raise PydanticCustomError("then", "a code goes with a status")
        return self

    @property
    def kind(self) -> str:
        """What it is that happens, by its name."""
        (kind,) = self.model_fields_set - {"code"}
        return kind

    def body(self) -> dict[str, Any]:
        """As it was asked for."""
        return {name: getattr(self, name) for name in type(self).model_fields if name in self.model_fields_set}


_KNOWN: Final = _OF_CALLBACKS | _OF_MEDIA


class CreateFaultRequest(ControlRequest):
    """The next so many times, this goes wrong."""

    on: str
    times: Annotated[int, Field(ge=1, le=MAX_TIMES)] = 1
    then: FaultAction

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        possible = {CALLBACK: _OF_CALLBACKS, MEDIA: _OF_MEDIA}.get(self.on, _OF_OPERATIONS)
        if self.then.kind not in possible:
            raise PydanticCustomError(
                "then", "{kind} is nothing that can happen to {on}, but {possible}",
                {"kind": self.then.kind, "on": self.on, "possible": _listed(possible)},
            )  # fmt: skip
        if self.on == CALLBACK and self.then.code is not None:
            raise PydanticCustomError("then", "a receiver answers with a status alone")
        return self


@dataclass(slots=True)
class Fault:
    """What goes wrong, and how often it has."""

    id: str
    account: str
    on: str
    times: int
    then: FaultAction
    hits: int = 0

    def body(self) -> dict[str, Any]:
        """As the control API tells it."""
        return {"id": self.id, "on": self.on, "times": self.times, "then": self.then.body(), "hits": self.hits}


class Faults:
    """Those of all accounts; several threads may use it.

    Args:
        clock: makes ids.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._faults: dict[str, Fault] = {}

    def add(self, account: str, order: CreateFaultRequest) -> Fault | None:
        """One more of this account; None where it has too many."""
        with self._lock:
            if sum(fault.account == account for fault in self._faults.values()) >= MAX_FAULTS:
                return None
            fault = Fault(new_id(self._clock()), account, order.on, order.times, order.then)
            self._faults[fault.id] = fault
            return fault

    def of(self, account: str) -> list[dict[str, Any]]:
        """Those of an account, in the order in which they were asked for, used up or not."""
        with self._lock:
            return [fault.body() for fault in self._faults.values() if fault.account == account]

    def remove(self, account: str, identifier: str | None = None) -> bool:
        """Take away one of this account, or all of them; whether there was any."""
        with self._lock:
            doomed = [
                fault.id
                for fault in self._faults.values()
                if fault.account == account and identifier in {None, fault.id}
            ]
            for each in doomed:
                del self._faults[each]
            return bool(doomed)

    def take(
        self, account: str, on: str, *, if_it: Callable[[FaultAction], bool] = lambda _: True
    ) -> FaultAction | None:
        """What goes wrong now, of which that counts one: the oldest that is not used up, if it is of this sort.

        Args:
            account: whose.
            on: an operation, CALLBACK or MEDIA.
            if_it: whether now is when it can.
        """
        names = {on} if on in {CALLBACK, MEDIA} else {on, ANY}
        with self._lock:
            for fault in self._faults.values():
                if fault.account == account and fault.on in names and fault.hits < fault.times:
                    if not if_it(fault.then):
                        return None
                    fault.hits += 1
                    return fault.then
        return None


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names))
