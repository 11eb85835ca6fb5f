"""Responses with lists: the page envelope in the form of the dialect."""

from collections.abc import Callable
from typing import Final, Never, TypeVar

from tapedeck.dialects.dialect import Dialect, ResourceType, Response
from tapedeck.dialects.formatting import Body
from tapedeck.dialects.forms.lists import ListForm
from tapedeck.domain.page import Page
from tapedeck.http.endpoint import Request

FormT = TypeVar("FormT", bound=ListForm)
ResourceT = TypeVar("ResourceT")

UNASSIGNED_ID: Final = "0" * 32
"""An id that is never assigned, because its timestamp is in 1970."""


def answer_list(
    request: Request[FormT], path: str, page: Page[ResourceT], show: Callable[[ResourceT], Body]
) -> Response:
    """Return the response for one page of a list.

    Args:
        request: the request.
        path: the path of the collection below the account, in the dialect's form; its last segment names the items.
        page: the items of the page.
        show: formats one item.
    """
    dialect = request.dialect
    collection = f"{dialect.account_uri(request.path.account)}/{path}"
    return Response(200, dialect.page(collection, page, list(map(show, page.items)), request.form))


def answer_empty_list(request: Request[FormT], what: str) -> Response:
    """Return the response for a list below the call or recording of a request that never has items (C-137).

    Args:
        request: the request.
        what: the last segment of the path.
    """
    page: Page[Never] = Page((), request.form.page)
    return answer_list(request, of_parent(request, what), page, lambda item: item)


def of_parent(request: Request[FormT], what: str) -> str:
    """Return the path of a collection below the call, conference or recording of a request."""
    address, dialect = request.path, request.dialect
    if address.call is not None:
        return f"Calls/{dialect.format_sid(ResourceType.CALL, address.call)}/{what}"
    if isinstance(address.conference, str):
        return f"Conferences/{dialect.format_sid(ResourceType.CONFERENCE, address.conference)}/{what}"
    return f"Recordings/{dialect.format_sid(ResourceType.RECORDING, address.recording_id)}/{what}"


def requested_id(dialect: Dialect, kind: ResourceType, sid: str | None) -> str | None:
    """Return the id in a filter: None if not given, an unassigned id if malformed, so that nothing matches (C-98)."""
    return None if sid is None else dialect.parse_sid(kind, sid) or UNASSIGNED_ID
