"""Calls that a request creates: they are stored, and the media engine dials them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from tapedeck.domain.application import Application
from tapedeck.domain.call import Call, CallStatus
from tapedeck.domain.errors import InvalidParameter, NoEngineAvailable, NotEligibleForRecording
from tapedeck.domain.identity import new_id
from tapedeck.domain.phone_number import PhoneNumber
from tapedeck.domain.subscription import CallbackSubscription
from tapedeck.operations.engine_choice import EngineChooser
from tapedeck.ports.calls import CallStore
from tapedeck.ports.clock import Clock

_NEEDED: Final = frozenset({"markup"})
"""What an engine must be able to do besides dialing."""

_APPLICATION: Final = "ApplicationSid"

ApplicationFinder = Callable[[str, str], Application | None]
"""Returns an account's application by its id; None if the account has no such application."""

PhoneNumberFinder = Callable[[str], PhoneNumber | None]
"""Returns a phone number of any account by its E.164 form."""


@dataclass(frozen=True, slots=True)
class PlaceCall:
    """A call to dial.

    `flow` are its instructions and `settings` all else, both in the words of `call.place`. `callback` is the
    subscription to its status events. `application` is the id of an application, which replaces `flow` and `callback`;
    `dialect` is that of the request.
    """

    to: str
    from_: str
    dialect: str
    flow: Mapping[str, Any]
    settings: Mapping[str, Any] = field(default_factory=dict)
    callback: CallbackSubscription | None = None
    application: str | None = None


class PlacedCalls:
    """Creates calls; raises StoreBusy or StoreUnavailable if the store fails.

    Args:
        store: the calls.
        clock: milliseconds.
        choose_engine: chooses the engine of a new call.
        find_application: finds applications; by default there are none.
        find_number: finds the phone number that a call comes from.
    """

    def __init__(
        self,
        store: CallStore,
        clock: Clock,
        choose_engine: EngineChooser,
        find_application: ApplicationFinder = lambda _account, _application: None,
        find_number: PhoneNumberFinder = lambda _number: None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._choose_engine = choose_engine
        self._find_application = find_application
        self._find_number = find_number

    def create(self, account: str, wanted: PlaceCall) -> Call:
        """Create a queued call; the engine with most room that can execute markup is sent the command to dial it.

        Raises:
            InvalidParameter: the account has no such application, or it has no voice URL.
            NoEngineAvailable: no engine can take the call (C-365).
        """
        if wanted.application is not None:
            wanted = _with_application(wanted, self._find_application(account, wanted.application))
        number = self._find_number(wanted.from_) if wanted.from_.startswith("+") else None
        now = self._clock()
        call = Call(
            account, new_id(now), CallStatus.QUEUED, now // 1000, to=wanted.to, from_=wanted.from_,
            direction="outbound-api", callback=wanted.callback, requested_version=1, requested_at=now // 1000,
            placement={**wanted.settings, "flow": dict(wanted.flow)}, engine=self._find_engine(account),
            phone_number=number.id if number is not None and number.account == account else None,
        )  # fmt: skip
        self._store.put_call(call)
        return call

    def _find_engine(self, account: str) -> str:
        try:
            engine = self._choose_engine(account, _NEEDED)
        except NotEligibleForRecording as unable:
            raise NoEngineAvailable from unable
        if engine is None:
            raise NoEngineAvailable
        return engine


def _with_application(wanted: PlaceCall, found: Application | None) -> PlaceCall:
    """Return a call with the instructions and the status callback of an application."""
    if found is None:
        raise InvalidParameter(_APPLICATION, "application", "no application has this sid")
    if found.voice_url is None:
        raise InvalidParameter(_APPLICATION, "instructions_missing", "the application has no voice URL")
    flow: dict[str, Any] = {
        "url": found.voice_url, "method": found.voice_method, "dialect": wanted.dialect, "application": found.id,
    }  # fmt: skip
    if found.voice_fallback_url is not None:
        flow["fallback"] = {"url": found.voice_fallback_url, "method": found.voice_fallback_method}
    callback = None
    if found.status_callback is not None:
        callback = CallbackSubscription(found.status_callback, found.status_callback_method, (), wanted.dialect)
    return replace(wanted, flow=flow, callback=callback)
