"""Port for stored phone numbers."""

from collections.abc import Sequence
from typing import Protocol

from tapedeck.domain.phone_number import PhoneNumber
from tapedeck.ports.lists import RangeReader


class PhoneNumberStore(Protocol):
    """The phone numbers of all accounts; strongly consistent. A number is held by one account at a time (C-350).

    Raises:
        StoreBusy, StoreUnavailable: as for `ports.stores.Store`.
    """

    def get_phone_number(self, account: str, identifier: str) -> PhoneNumber | None:
        """Return the phone number of this account with this id."""
        ...

    def find_phone_number(self, number: str) -> PhoneNumber | None:
        """Return the phone number in E.164 form of whichever account holds it."""
        ...

    def find_taken(self, numbers: Sequence[str]) -> frozenset[str]:
        """Return those of up to 100 numbers that some account holds."""
        ...

    def put_phone_number(self, phone_number: PhoneNumber) -> bool:
        """Create a phone number; False if an account holds it already."""
        ...

    def replace_phone_number(self, phone_number: PhoneNumber, version: int) -> bool:
        """Store a phone number in place of this version of it; False if it has another version or is gone."""
        ...

    def delete_phone_number(self, phone_number: PhoneNumber) -> bool:
        """Release a phone number; False if its account does not hold it any more."""
        ...

    def phone_numbers(self, account: str) -> RangeReader[PhoneNumber]:
        """Return all phone numbers of an account."""
        ...
