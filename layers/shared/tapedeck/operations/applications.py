"""The applications of accounts: create, list, read, change and delete them."""

from tapedeck.domain.application import Application
from tapedeck.domain.errors import NotFound
from tapedeck.domain.identity import new_id
from tapedeck.domain.page import ALL_TIME, MAX_PAGE_SIZE, Page, PageRequest
from tapedeck.domain.url_settings import SettingChanges
from tapedeck.operations.lists import read_page
from tapedeck.operations.url_settings import store_change, with_settings
from tapedeck.ports.applications import ApplicationStore
from tapedeck.ports.clock import Clock


class Applications:
    """The applications of accounts; each method raises StoreBusy or StoreUnavailable if the store fails.

    Settings that are None have their default value from then on (C-353).

    Args:
        store: the stored applications.
        clock: the time in milliseconds.
    """

    def __init__(self, store: ApplicationStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def create(self, account: str, settings: SettingChanges) -> Application:
        """Create an application; one without a name gets a numbered one (C-380).

        Args:
            account: the id of the account.
            settings: its settings by field; the others have their defaults.
        """
        now = self._clock()
        name = settings.get("friendly_name") or f"Untitled Application {self._count(account) + 1}"
        made = Application(account, new_id(now), "", 1, now // 1000)
        made = with_settings(made, {**settings, "friendly_name": name}, {})
        self._store.put_application(made)
        return made

    def list(self, account: str, friendly_name: str | None, page: PageRequest) -> Page[Application]:
        """Return a page of an account's applications, newest first; with a name, only those of this name."""
        keep = (lambda each: each.friendly_name == friendly_name) if friendly_name is not None else None
        return read_page(self._store.applications(account), page, ALL_TIME, keep)

    def find(self, account: str, identifier: str) -> Application | None:
        """Return an application; None if the account has no such application."""
        return self._store.get_application(account, identifier)

    def get(self, account: str, identifier: str) -> Application:
        """Return an application.

        Raises:
            NotFound: the account has no such application.
        """
        found = self.find(account, identifier)
        if found is None:
            raise NotFound
        return found

    def update(self, account: str, identifier: str, settings: SettingChanges) -> Application:
        """Change the given settings of an application, and return it; without any, it stays as it is.

        Its name stays if it is set to None (C-381).

        Raises:
            NotFound: the account has no such application.
        """
        given = {name: value for name, value in settings.items() if name != "friendly_name" or value is not None}

        def change(found: Application) -> Application:
            return with_settings(found, given, {})

        return store_change(
            lambda: self.get(account, identifier), change, self._store.replace_application,
            lambda: self._clock() // 1000,
        )  # fmt: skip

    def delete(self, account: str, identifier: str) -> None:
        """Delete an application; phone numbers that refer to it have no voice URL from then on (C-382).

        Raises:
            NotFound: the account has no such application.
        """
        if not self._store.delete_application(self.get(account, identifier)):
            raise NotFound

    def _count(self, account: str) -> int:
        """Return how many applications an account has, up to a thousand."""
        return len(read_page(self._store.applications(account), PageRequest(MAX_PAGE_SIZE), ALL_TIME).items)
