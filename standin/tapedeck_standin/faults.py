"""Injected faults: failures of operations, of callback deliveries and of a recording's media."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from tapedeck.domain.identity import new_id
from tapedeck.domain.recording import ParentKind
from tapedeck.ports.clock import Clock

ANY: Final = "*"
"""Every operation."""
CALLBACK: Final = "callback"
MEDIA: Final = "media"
CONFIRMED_UPDATES: Final = {
    ParentKind.CALL: "update_call_recording",
    ParentKind.CONFERENCE: "update_conference_recording",
}
"""The operations that can wait for the media engine, by what is recorded."""

MAX_DELAY_SECONDS: Final = 60
MAX_FAULTS: Final = 1_000
"""Faults per account, exhausted ones included."""

_OPERATION_EFFECTS: Final = frozenset({"status", "delay", "close"})
_CALLBACK_EFFECTS: Final = _OPERATION_EFFECTS | {"drop", "double", "reorder"}
_MEDIA_EFFECTS: Final = frozenset({"absent"})
_UPDATE_EFFECTS: Final = _OPERATION_EFFECTS | {"unconfirmed"}


class FaultAction(BaseModel):
    """The effect of a fault: exactly one field, besides `code`, which goes with `status`.

    `status`: the HTTP status to respond with; `code`: the vendor's error code.
    `delay`: seconds by which to delay the request or the delivery.
    `close`: close the connection without a response.
    `drop`: do not deliver the callback.
    `double`: deliver the callback twice.
    `reorder`: deliver the callback after the next one of its recording, conference or call.
    `absent`: end the recording as absent, with this vendor's error code.
    `unconfirmed`: answer an update that waits for the media engine as if the engine had not confirmed it in time.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    status: Annotated[int, Field(ge=400, le=599)] | None = None
    code: Annotated[int, Field(ge=10_000, le=99_999)] | None = None
    delay: Annotated[float, Field(ge=0, le=MAX_DELAY_SECONDS, allow_inf_nan=False)] | None = None
    close: bool | None = None
    drop: bool | None = None
    double: bool | None = None
    reorder: bool | None = None
    absent: Annotated[int, Field(ge=10_000, le=99_999)] | None = None
    unconfirmed: bool | None = None

    @model_validator(mode="after")
    def _has_one_effect(self) -> Self:
        given = self.body().values()
        if len(self.model_fields_set - {"code"}) != 1 or any(value is None or value is False for value in given):
            known = ", ".join(sorted(_ALL_EFFECTS))
            raise PydanticCustomError("then", "exactly one of {known} is required", {"known": known})
        if self.code is not None and self.status is None:
            raise PydanticCustomError("then", "code requires status")
        return self

    @property
    def kind(self) -> str:
        """The name of the field that is set, other than `code`."""
        (kind,) = self.model_fields_set - {"code"}
        return kind

    def body(self) -> dict[str, Any]:
        """Return the fields that were set, as JSON."""
        return {name: getattr(self, name) for name in type(self).model_fields if name in self.model_fields_set}


_ALL_EFFECTS: Final = _CALLBACK_EFFECTS | _MEDIA_EFFECTS | _UPDATE_EFFECTS


def supported_effects(on: str) -> frozenset[str]:
    """Return the kinds of effect that a fault may have on an operation, on `callback` or on `media`."""
    updates = dict.fromkeys(CONFIRMED_UPDATES.values(), _UPDATE_EFFECTS)
    return {CALLBACK: _CALLBACK_EFFECTS, MEDIA: _MEDIA_EFFECTS, **updates}.get(on, _OPERATION_EFFECTS)


@dataclass(slots=True)
class Fault:
    """An injected fault; `hits` counts how often it was applied."""

    id: str
    account: str
    on: str
    times: int
    then: FaultAction
    hits: int = 0

    def body(self) -> dict[str, Any]:
        """Return the JSON representation."""
        return {"id": self.id, "on": self.on, "times": self.times, "then": self.then.body(), "hits": self.hits}


class Faults:
    """The injected faults of all accounts. Thread-safe.

    Args:
        clock: source of the timestamps in ids.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._faults: dict[str, Fault] = {}

    def add(self, account: str, on: str, then: FaultAction, times: int) -> Fault | None:
        """Add a fault to an account; return None if it has reached `MAX_FAULTS`.

        Args:
            account: the account's id.
            on: an operation, ANY, CALLBACK or MEDIA.
            then: the effect, one that `on` supports.
            times: how often to apply it.
        """
        with self._lock:
            if sum(fault.account == account for fault in self._faults.values()) >= MAX_FAULTS:
                return None
            fault = Fault(new_id(self._clock()), account, on, times, then)
            self._faults[fault.id] = fault
            return fault

    def of(self, account: str) -> list[dict[str, Any]]:
        """Return an account's faults in order of creation, exhausted ones included."""
        with self._lock:
            return [fault.body() for fault in self._faults.values() if fault.account == account]

    def remove(self, account: str, identifier: str | None = None) -> bool:
        """Remove one fault of an account, or all; return False if there was none."""
        with self._lock:
            removed = [
                fault.id
                for fault in self._faults.values()
                if fault.account == account and identifier in {None, fault.id}
            ]
            for fault_id in removed:
                del self._faults[fault_id]
            return bool(removed)

    def apply_next(
        self, account: str, on: str, *, is_applicable: Callable[[FaultAction], bool] = lambda _: True
    ) -> FaultAction | None:
        """Apply the oldest fault that is not exhausted: count a hit and return its effect; None without one.

        Args:
            account: the account's id.
            on: an operation, CALLBACK or MEDIA.
            is_applicable: whether the effect is applicable now; if not, the fault stays and the result is None.
        """
        names = {on} if on in {CALLBACK, MEDIA} else {on, ANY}
        with self._lock:
            for fault in self._faults.values():
                if fault.account == account and fault.on in names and fault.hits < fault.times:
                    if not is_applicable(fault.then):
                        return None
                    fault.hits += 1
                    return fault.then
        return None
