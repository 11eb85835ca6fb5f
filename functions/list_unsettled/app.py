"""List what is unconfirmed, overdue or parked: commands, audio, ends and callbacks, with their ids.

No route: `{"account_sid", "what", "overdue", "limit", "page_token"}`, all optional. Without `account_sid`, of all
accounts; `what` is one of the listed kinds; with `overdue`, only what is overdue. A page looks at up to `limit`
resources, at most 500, and `next_page_token` continues.
"""

from typing import Annotated, Any

from pydantic import Field, StrictBool, StrictInt

from tapedeck.admin.endpoint import AdminRequest, sid_of
from tapedeck.admin.unsettled import PageToken, describe_page
from tapedeck.background.unsettled import UnsettledServices
from tapedeck.bootstrap.unsettled import unsettled_admin_function
from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.unsettled import MAX_LOOKED_AT, UnsettledKind, UnsettledQuery


class ListUnsettled(AdminRequest):
    """Which entries to list, and from where on."""

    account_sid: Annotated[str, sid_of(ResourceType.ACCOUNT)] | None = None
    what: UnsettledKind | None = None
    overdue: StrictBool = False
    limit: Annotated[StrictInt, Field(ge=1, le=MAX_LOOKED_AT)] = MAX_LOOKED_AT
    page_token: PageToken | None = None


@unsettled_admin_function("list_unsettled", ListUnsettled)
def handler(services: UnsettledServices, event: ListUnsettled) -> dict[str, Any]:
    """Return one page: what has waited longest first."""
    query = UnsettledQuery(event.account_sid, event.what, event.overdue, event.limit, event.page_token)
    return describe_page(services.work.list(query))
