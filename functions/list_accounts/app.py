"""List the accounts that the credentials may see: only their own.

GET /Accounts
"""

from tapedeck.bootstrap.http import endpoint
from tapedeck.dialects.dialect import Response
from tapedeck.dialects.forms.lists import ListAccounts
from tapedeck.http.endpoint import Request


@endpoint("list_accounts", ListAccounts)
def handler(request: Request[ListAccounts]) -> Response:
    """Return a page with the account, or an empty one if a filter does not match it."""
    form, dialect = request.form, request.dialect
    found = request.services.account_details.list(
        request.path.account, form.page, friendly_name=form.friendly_name, status=form.status
    )
    items = [dialect.account(account, request.credentials) for account in found.items]
    return Response(200, dialect.page(f"{dialect.root}/Accounts", found, items, form))
