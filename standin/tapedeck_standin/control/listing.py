"""The control API's routes that show what there is: calls, conferences, recordings, accounts and fixtures."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Final, TypeVar

from pydantic import Field

from tapedeck.admin.endpoint import format_sid_in_both_dialects
from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.selection import parse_any_sid
from tapedeck.domain.call import Call, CallStatus
from tapedeck.domain.conference import Conference
from tapedeck.domain.errors import NotFound
from tapedeck.domain.page import MAX_PAGE_SIZE, Cursor, Page, PageRequest
from tapedeck.domain.participant import Participant
from tapedeck.domain.recording import ParentKind, Recording
from tapedeck.operations.lists import CallFilter, ConferenceFilter, HasId, Lists, RecordingFilter
from tapedeck_standin.aws.account_data import StoredAccount
from tapedeck_standin.clock import format_time
from tapedeck_standin.control.inspection import ControlQuery
from tapedeck_standin.control.requests import (
    PATH_PARAM,
    AccountRegistry,
    ControlError,
    ControlRoute,
    ControlRoutes,
    Result,
    read_query,
    read_sid,
)
from tapedeck_standin.http.messages import ServerRequest

MAX_LISTED: Final = 1_000
"""Entries of one answer."""

T = TypeVar("T", bound=HasId)
Body = dict[str, Any]


class PageQuery(ControlQuery):
    """A page of a list: at most `limit` entries that follow the one with the sid `after`, newest first (C-332)."""

    limit: Annotated[int, Field(ge=1, le=MAX_LISTED)] = 50
    after: str | None = None

    def cursor(self, kind: ResourceType) -> Cursor | None:
        """Return the position at which the page begins; None for the start.

        Raises:
            ControlError: `after` is not a sid of this kind.
        """
        if self.after is None:
            return None
        identifier = parse_any_sid(kind, self.after)
        if identifier is None:
            words = kind.name.lower().replace("_", " ")
            raise ControlError(400, f"after: not the sid of the kind {words} in either format", "after")
        return Cursor(identifier)


class CallsQuery(PageQuery):
    """Filter for calls."""

    status: CallStatus | None = None
    number: Annotated[str, Field(min_length=1)] | None = None


class AccountsQuery(PageQuery):
    """A page of the accounts, or one account."""


class ListRoutes:
    """Routes that list an account's calls, conferences and recordings, the accounts, and what the fixtures created.

    One call or conference has the form that it has in its list; a call also has its course (C-339).

    Args:
        registry: the known accounts.
        lists: the lists of an account.
        get_call: returns a call of an account, or raises NotFound.
        list_participants: returns a conference, and all participants that were ever in it.
        get_fixtures: returns the sids of what a fixtures file created in an account, by kind.
        describe: returns where a call of an account is in its instructions, and what has happened in it.
    """

    def __init__(
        self,
        registry: AccountRegistry,
        lists: Lists,
        get_call: Callable[[str, str], Call],
        list_participants: Callable[[str, str], tuple[Conference | None, Sequence[Participant]]],
        get_fixtures: Callable[[str], Mapping[str, Any]],
        describe: Callable[[str, str], Body],
    ) -> None:
        self._registry = registry
        self._lists = lists
        self._get_call = get_call
        self._list_participants = list_participants
        self._get_fixtures = get_fixtures
        self._describe = describe

    @property
    def routes(self) -> ControlRoutes:
        """The routes, by path and method."""
        return {
            ("calls",): {"GET": ControlRoute(self._list_calls)},
            ("calls", PATH_PARAM): {"GET": ControlRoute(self._show_call)},
            ("conferences",): {"GET": ControlRoute(self._list_conferences)},
            ("conferences", PATH_PARAM): {"GET": ControlRoute(self._show_conference)},
            ("recordings",): {"GET": ControlRoute(self._list_recordings)},
            ("accounts",): {"GET": ControlRoute(self._list_accounts)},
            ("fixtures",): {"GET": ControlRoute(self._list_fixtures)},
        }

    def _list_calls(self, request: ServerRequest, _param: str) -> Result:
        query = read_query(CallsQuery, request)
        account = self._registry.account(query.account_id)
        wanted = CallFilter(status=query.status)
        found, following = _collect(
            lambda page: self._lists.calls(account, wanted, page),
            query.cursor(ResourceType.CALL),
            query.limit,
            None if query.number is None else lambda call: query.number in {call.to, call.from_},
        )
        bodies = [{**_call_body(call), "position": self._describe(account, call.id)["position"]} for call in found]
        return _page("calls", ResourceType.CALL, bodies, following)

    def _show_call(self, request: ServerRequest, sid: str) -> Result:
        account = self._registry.account(read_query(ControlQuery, request).account_id)
        call = self._get_call(account, read_sid(ResourceType.CALL, sid))
        return 200, {
            **_call_body(call),
            **self._describe(account, call.id),
            "children": [
                format_sid_in_both_dialects(ResourceType.CALL, each) for each in self._children(account, call)
            ],
        }

    def _children(self, account: str, call: Call) -> list[str]:
        """Return the ids of the calls that a call dialed, oldest first."""
        wanted = CallFilter(parent_call=call.id)
        found, _ = _collect(lambda page: self._lists.calls(account, wanted, page), None, MAX_LISTED)
        return [child.id for child in reversed(found)]

    def _list_conferences(self, request: ServerRequest, _param: str) -> Result:
        query = read_query(PageQuery, request)
        account = self._registry.account(query.account_id)
        found, following = _collect(
            lambda page: self._lists.conferences(account, ConferenceFilter(), page),
            query.cursor(ResourceType.CONFERENCE),
            query.limit,
        )
        bodies = [_conference_body(each, self._list_participants(account, each.id)[1]) for each in found]
        return _page("conferences", ResourceType.CONFERENCE, bodies, following)

    def _show_conference(self, request: ServerRequest, sid: str) -> Result:
        account = self._registry.account(read_query(ControlQuery, request).account_id)
        conference, participants = self._list_participants(account, read_sid(ResourceType.CONFERENCE, sid))
        if conference is None:
            raise NotFound
        return 200, _conference_body(conference, participants)

    def _list_recordings(self, request: ServerRequest, _param: str) -> Result:
        query = read_query(PageQuery, request)
        account = self._registry.account(query.account_id)
        found, following = _collect(
            lambda page: self._lists.recordings(account, RecordingFilter(), page),
            query.cursor(ResourceType.RECORDING),
            query.limit,
        )
        bodies = [_recording_body(recording) for recording in found]
        return _page("recordings", ResourceType.RECORDING, bodies, following)

    def _list_accounts(self, request: ServerRequest, _param: str) -> Result:
        query = read_query(AccountsQuery, request)
        known = self._registry.account_data.accounts()
        if query.account is not None:
            own = self._registry.account(query.account_id)
            known = [each for each in known if each.id == own]
        cursor = query.cursor(ResourceType.ACCOUNT)
        places = [place for place, each in enumerate(known, 1) if cursor is not None and each.id == cursor.id]
        if cursor is not None and not places:
            raise ControlError(404, "the account does not exist", "after")
        following = known[places[0] if places else 0 :]
        shown = following[: query.limit]
        last = shown[-1].id if len(following) > len(shown) else None
        return _page("accounts", ResourceType.ACCOUNT, [self._account_body(each) for each in shown], last)

    def _account_body(self, account: StoredAccount) -> Body:
        return {
            "sid": format_sid_in_both_dialects(ResourceType.ACCOUNT, account.id),
            "created": format_time(account.created * 1000),
            "keys": account.keys,
            "is_default": account.id == self._registry.default,
        }

    def _list_fixtures(self, request: ServerRequest, _param: str) -> Result:
        account = self._registry.account(read_query(ControlQuery, request).account_id)
        return 200, {"fixtures": self._get_fixtures(account)}


def _collect(
    read: Callable[[PageRequest], Page[T]],
    cursor: Cursor | None,
    limit: int,
    is_wanted: Callable[[T], bool] | None = None,
) -> tuple[list[T], str | None]:
    """Read pages until there are `limit` entries; return them, and the id after which the list goes on, if it does."""
    found: list[T] = []
    size = limit if is_wanted is None else MAX_PAGE_SIZE
    while True:
        page = read(PageRequest(size, cursor=cursor))
        found += page.items if is_wanted is None else filter(is_wanted, page.items)
        if len(found) >= limit:
            goes_on = len(found) > limit or page.next is not None
            return found[:limit], found[limit - 1].id if goes_on else None
        if page.next is None:
            return found, None
        cursor = page.next


def _page(name: str, kind: ResourceType, bodies: list[Body], after: str | None) -> Result:
    return 200, {name: bodies, "next": _sid_or_null(kind, after)}


def _sid_or_null(kind: ResourceType, identifier: str | None) -> dict[str, str] | None:
    return format_sid_in_both_dialects(kind, identifier) if identifier is not None else None


def _call_body(call: Call) -> Body:
    return {
        "sid": format_sid_in_both_dialects(ResourceType.CALL, call.id),
        "status": str(call.status),
        "direction": call.direction,
        "from": call.from_,
        "to": call.to,
        "parent": _sid_or_null(ResourceType.CALL, call.parent_call),
        "conference": _sid_or_null(ResourceType.CONFERENCE, call.conference),
    }


def _conference_body(conference: Conference, participants: Sequence[Participant]) -> Body:
    """Return a conference with those of its participants that are in it."""
    inside = [each for each in participants if conference.is_live and each.is_inside]
    return {
        "sid": format_sid_in_both_dialects(ResourceType.CONFERENCE, conference.id),
        "friendly_name": conference.name,
        "status": str(conference.status),
        "participants": [_participant_body(participant) for participant in inside],
    }


def _participant_body(participant: Participant) -> Body:
    return {
        "call": format_sid_in_both_dialects(ResourceType.CALL, participant.call),
        "status": str(participant.status),
        "label": participant.label,
        "muted": participant.muted,
        "hold": participant.hold,
        "coaching": participant.coaching,
    }


def _recording_body(recording: Recording) -> Body:
    is_of_conference = recording.parent.kind is ParentKind.CONFERENCE
    return {
        "sid": format_sid_in_both_dialects(ResourceType.RECORDING, recording.id),
        "status": str(recording.status),
        "call": _sid_or_null(ResourceType.CALL, recording.call),
        "conference": _sid_or_null(ResourceType.CONFERENCE, recording.parent.id if is_of_conference else None),
        "source": str(recording.source),
        "channels": recording.channels,
        "duration": recording.duration,
    }
