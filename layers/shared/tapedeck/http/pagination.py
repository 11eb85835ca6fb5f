"""How lists are answered: their envelope, and what of it is the dialect's."""

from collections.abc import Callable
from typing import Final, TypeVar

from tapedeck.dialects.dialect import Dialect, ResourceType, Response
from tapedeck.dialects.formatting import Body
from tapedeck.dialects.forms.lists import ListForm
from tapedeck.domain.page import Page
from tapedeck.http.endpoint import Request

FormT = TypeVar("FormT", bound=ListForm)
ResourceT = TypeVar("ResourceT")

UNASSIGNED_ID: Final = "0" * 32
"""An id that is never given: it was made in 1970."""


def answer_list(
    request: Request[FormT], path: str, page: Page[ResourceT], show: Callable[[ResourceT], Body]
) -> Response:
    """The answer to a list (resources.md, section 7).

    Args:
        request: what was asked.
        path: of the collection below the account, in the dialect's spelling; its last word names the items.
        page: what is in it.
        show: the body of one of them.
    """
    dialect = request.dialect
    collection = f"{dialect.account_uri(request.path.account)}/{path}"
    return Response(200, dialect.page(collection, page, list(map(show, page.items)), request.form))


def of_parent(request: Request[FormT], what: str) -> str:
    """The path of what hangs on the call, conference or recording that a request names."""
    address, dialect = request.path, request.dialect
    if address.call is not None:
        return f"Calls/{dialect.format_sid(ResourceType.CALL, address.call)}/{what}"
    if isinstance(address.conference, str):
        return f"Conferences/{dialect.format_sid(ResourceType.CONFERENCE, address.conference)}/{what}"
    return f"Recordings/{dialect.format_sid(ResourceType.RECORDING, address.recording_id)}/{what}"


def requested_id(dialect: Dialect, kind: ResourceType, sid: str | None) -> str | None:
    """The id that a filter names, nobody's where it spells none; None where it is not given."""
    return None if sid is None else dialect.parse_sid(kind, sid) or UNASSIGNED_ID
