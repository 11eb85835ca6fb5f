"""Port for stored applications."""

from typing import Protocol

from tapedeck.domain.application import Application
from tapedeck.ports.lists import RangeReader


class ApplicationStore(Protocol):
    """The applications of all accounts; strongly consistent.

    Raises:
        StoreBusy, StoreUnavailable: as for `ports.stores.Store`.
    """

    def get_application(self, account: str, identifier: str) -> Application | None:
        """Return the application of this account with this id."""
        ...

    def put_application(self, application: Application) -> bool:
        """Create an application; False if there is one with its id."""
        ...

    def replace_application(self, application: Application, version: int) -> bool:
        """Store an application in place of this version of it; False if it has another version or is gone."""
        ...

    def delete_application(self, application: Application) -> bool:
        """Delete an application; False if it is gone."""
        ...

    def applications(self, account: str) -> RangeReader[Application]:
        """Return all applications of an account."""
        ...
