"""The control API's routes for logged requests, callbacks and warnings, and for injected faults."""

from collections.abc import Callable, Collection
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StrictBool
from pydantic_core import PydanticCustomError

from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.selection import parse_any_sid
from tapedeck.domain.unsettled import UnsettledKind
from tapedeck_standin.callbacks.callback_log import CallbackLog
from tapedeck_standin.control.requests import (
    PATH_PARAM,
    AccountRegistry,
    ControlError,
    ControlRoute,
    ControlRoutes,
    Result,
    read_body,
    read_query,
)
from tapedeck_standin.control.schemas import AccountSid, ControlRequest, CreateFaultRequest, is_call_sid
from tapedeck_standin.control.unsettled import ListUnsettled, pages_of
from tapedeck_standin.faults import ANY, CALLBACK, MAX_FAULTS, MEDIA, Faults
from tapedeck_standin.gateway.request_log import ApiRequestLog
from tapedeck_standin.gateway.warning_log import WarningLog
from tapedeck_standin.http.messages import ServerRequest

MAX_WAIT_SECONDS: Final = 60
_CALLBACK_RESOURCE_TYPES: Final = (ResourceType.RECORDING, ResourceType.CONFERENCE, ResourceType.CALL)


def _is_callback_sid(sid: str) -> str:
    if not any(parse_any_sid(kind, sid) for kind in _CALLBACK_RESOURCE_TYPES):
        raise PydanticCustomError("sid", "not the sid of a recording, conference or call in either format")
    return sid


class ControlQuery(BaseModel):
    """The query of a GET or a DELETE: an optional account."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    account: AccountSid | None = None

    @property
    def account_id(self) -> str | None:
        """The account's id, 32 hex digits; None for the default account."""
        return parse_any_sid(ResourceType.ACCOUNT, self.account) if self.account is not None else None


class CallbacksQuery(ControlQuery):
    """Filter for callbacks; `wait` is how many seconds to wait for the first match."""

    sid: Annotated[str, AfterValidator(_is_callback_sid)] | None = None
    event: Annotated[str, Field(min_length=1)] | None = None
    wait: Annotated[float, Field(ge=0, le=MAX_WAIT_SECONDS, allow_inf_nan=False)] = 0

    @property
    def identifier(self) -> str | None:
        """The id of the recording, conference or call that callbacks report; None without a filter."""
        if self.sid is None:
            return None
        return next(found for kind in _CALLBACK_RESOURCE_TYPES if (found := parse_any_sid(kind, self.sid)))


class WarningsQuery(ControlQuery):
    """Filter for warnings."""

    call: Annotated[str, AfterValidator(is_call_sid)] | None = None
    code: Annotated[int, Field(ge=0)] | None = None

    @property
    def call_id(self) -> str | None:
        """The id of the call that warnings are about; None without a filter."""
        return parse_any_sid(ResourceType.CALL, self.call) if self.call is not None else None


def _read_flag(value: object) -> object:
    return {"true": True, "false": False}.get(str(value), str(value))


class UnsettledFilter(ControlQuery):
    """Filter for what is unsettled; without `account`, that of all accounts is listed."""

    what: UnsettledKind | None = None
    overdue: Annotated[StrictBool, BeforeValidator(_read_flag)] = False

    @property
    def event(self) -> dict[str, Any]:
        """The event of `list_unsettled`."""
        given = {"account_sid": self.account, "what": self.what, "overdue": self.overdue}
        return {name: value for name, value in given.items() if value is not None}


class InspectionRoutes:
    """Routes that list requests, callbacks, warnings and what is unsettled, replay callbacks and manage faults.

    Args:
        registry: the known accounts.
        requests: the log of API requests.
        callbacks: the log of callbacks.
        warnings: the log of warnings.
        replay: delivers a callback again; gets the account, the recording, conference or call, and the delivery's id.
        faults: the injected faults.
        operations: names of the operations for which faults may be injected.
        list_unsettled: the function of this name; gets its event.
    """

    def __init__(
        self,
        registry: AccountRegistry,
        requests: ApiRequestLog,
        callbacks: CallbackLog,
        warnings: WarningLog,
        replay: Callable[[str, str, str], object],
        faults: Faults,
        operations: Collection[str],
        list_unsettled: ListUnsettled,
    ) -> None:
        self._registry = registry
        self._requests = requests
        self._callbacks = callbacks
        self._warnings = warnings
        self._replay = replay
        self._faults = faults
        self._unsettled = list_unsettled
        self._fault_targets = {*operations, ANY, CALLBACK, MEDIA}

    @property
    def routes(self) -> ControlRoutes:
        """The routes, by path and method."""
        return {
            ("requests",): {"GET": ControlRoute(self._list_requests)},
            ("callbacks",): {"GET": ControlRoute(self._list_callbacks, waits=True)},
            ("warnings",): {"GET": ControlRoute(self._list_warnings)},
            ("unsettled",): {"GET": ControlRoute(self._list_unsettled)},
            ("callbacks", PATH_PARAM, "replay"): {"POST": ControlRoute(self._replay_callback)},
            ("faults",): {
                "GET": ControlRoute(self._list_faults),
                "POST": ControlRoute(self._add_fault),
                "DELETE": ControlRoute(self._remove_faults),
            },
            ("faults", PATH_PARAM): {"DELETE": ControlRoute(self._remove_fault)},
        }

    def _list_requests(self, request: ServerRequest, _param: str) -> Result:
        return 200, {"requests": self._requests.of(self._account(request))}

    def _list_callbacks(self, request: ServerRequest, _param: str) -> Result:
        query = read_query(CallbacksQuery, request)
        account = self._registry.account(query.account_id)
        found = self._callbacks.wait(account, query.identifier, query.event, query.wait)
        return 200, {"callbacks": [entry.body() for entry in found]}

    def _list_warnings(self, request: ServerRequest, _param: str) -> Result:
        query = read_query(WarningsQuery, request)
        account = self._registry.account(query.account_id)
        return 200, {"warnings": self._warnings.find(account, query.call_id, query.code)}

    def _list_unsettled(self, request: ServerRequest, _param: str) -> Result:
        query = read_query(UnsettledFilter, request)
        if query.account is not None:
            self._registry.account(query.account_id)
        pages = list(pages_of(self._unsettled, query.event))
        found = [entry for page in pages for entry in page["unsettled"]]
        return 200, {"at": pages[-1]["at"], "unsettled": found}

    def _replay_callback(self, request: ServerRequest, param: str) -> Result:
        account = self._registry.account(read_body(ControlRequest, request).account_id)
        found = self._callbacks.get(account, param)
        if found is None:
            raise ControlError(404, "the account has no callback with this id", "id")
        self._replay(account, found.delivery.resource_id, found.delivery.id)
        return 202, {"id": found.id}

    def _list_faults(self, request: ServerRequest, _param: str) -> Result:
        return 200, {"faults": self._faults.of(self._account(request))}

    def _add_fault(self, request: ServerRequest, _param: str) -> Result:
        body = read_body(CreateFaultRequest, request)
        if body.on not in self._fault_targets:
            raise ControlError(400, f"on: must be an operation, {ANY}, {CALLBACK} or {MEDIA}", "on")
        fault = self._faults.add(self._registry.account(body.account_id), body.on, body.then, body.times)
        if fault is None:
            raise ControlError(409, f"the account already has {MAX_FAULTS} faults; remove some first", "on")
        return 201, fault.body()

    def _remove_faults(self, request: ServerRequest, _param: str) -> Result:
        self._faults.remove(self._account(request))
        return 204, None

    def _remove_fault(self, request: ServerRequest, param: str) -> Result:
        if not self._faults.remove(self._account(request), param):
            raise ControlError(404, "the account has no fault with this id", "id")
        return 204, None

    def _account(self, request: ServerRequest) -> str:
        """Return the account of the query or the body; some clients cannot send a query with DELETE."""
        query: Any = read_query(ControlQuery, request)
        if request.body and query.account is None:
            query = read_body(ControlRequest, request)
        return self._registry.account(query.account_id)
