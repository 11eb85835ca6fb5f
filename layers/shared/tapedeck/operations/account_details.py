"""Read accounts: what an account may know about itself."""

from tapedeck.domain.account import AccountInfo
from tapedeck.domain.errors import NotFound
from tapedeck.domain.page import Page, PageRequest
from tapedeck.operations.short_lists import select_page
from tapedeck.ports.credentials import CredentialStore


class AccountDetails:
    """Accounts; each method raises StoreBusy or StoreUnavailable if the store fails.

    Args:
        credentials: the store of accounts.
    """

    def __init__(self, credentials: CredentialStore) -> None:
        self._credentials = credentials

    def get(self, account: str) -> AccountInfo:
        """Return an account.

        Raises:
            NotFound: no such account.
        """
        record = self._credentials.get_account(account)
        if record is None:
            raise NotFound
        return AccountInfo(account, record.created)

    def list(
        self, account: str, page: PageRequest, *, friendly_name: str | None = None, status: str | None = None
    ) -> Page[AccountInfo]:
        """Return the accounts that this account may see: itself, if it matches the filters; None matches all."""
        own = self.get(account)
        is_match = friendly_name in {None, own.friendly_name} and status in {None, own.status}
        return select_page([own] if is_match else [], [own], page, lambda each: each.created)
