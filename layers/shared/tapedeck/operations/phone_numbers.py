"""The phone numbers of accounts: create, list, read, change and release them; and the instructions of calls to them."""

from typing import Final

from tapedeck.domain.errors import InvalidParameter, NotFound
from tapedeck.domain.identity import new_id
from tapedeck.domain.page import ALL_TIME, Page, PageRequest
from tapedeck.domain.phone_number import NumberInstructions, PhoneNumber, PhoneNumberFilter
from tapedeck.domain.telephone import formatted
from tapedeck.domain.url_settings import SettingChanges, UrlSettings
from tapedeck.operations.lists import read_page
from tapedeck.operations.short_lists import select_page
from tapedeck.operations.url_settings import store_change, with_settings
from tapedeck.ports.applications import ApplicationStore
from tapedeck.ports.clock import Clock
from tapedeck.ports.phone_numbers import PhoneNumberStore

_NUMBER: Final = "PhoneNumber"
_AREA_CODE: Final = "AreaCode"
_FICTITIOUS: Final = tuple(f"55501{last:02}" for last in range(100))
"""The numbers of an area code that are reserved for fiction, in the order in which they are given out (C-352)."""

_APPLICATIONS: Final = {"voice_application": "VoiceApplicationSid", "sms_application": "SmsApplicationSid"}
"""The parameters of the settings that refer to an application."""

_EMPTY_AREA: Final = "533"
_ALWAYS_TAKEN: Final = "+15005550000"
_ALWAYS_INVALID: Final = "+15005550001"


class PhoneNumbers:
    """The phone numbers of accounts; each method raises StoreBusy or StoreUnavailable if the store fails.

    Settings that are None have their default value from then on (C-353).

    Args:
        store: the stored numbers.
        applications: the stored applications, to which numbers may refer.
        clock: the time in milliseconds.
    """

    def __init__(self, store: PhoneNumberStore, applications: ApplicationStore, clock: Clock) -> None:
        self._store = store
        self._applications = applications
        self._clock = clock

    def create(self, account: str, number: str, settings: SettingChanges) -> PhoneNumber:
        """Create a phone number; some numbers have the meaning of an error (C-351).

        Args:
            account: the id of the account.
            number: the number in E.164 form.
            settings: its settings by field; the others have their defaults.

        Raises:
            InvalidParameter: an account holds the number already, it may not be used, it has a fallback without a
                voice URL, or an application that the account does not have.
        """
        if number == _ALWAYS_INVALID:
            raise InvalidParameter(_NUMBER, "number", "the number that is never valid")
        made = self._new(account, number, settings)
        self._require_applications(account, settings)
        if number == _ALWAYS_TAKEN or not self._store.put_phone_number(made):
            raise InvalidParameter(_NUMBER, "number_taken", "an account holds this number")
        return made

    def create_in_area(self, account: str, area_code: str, settings: SettingChanges) -> PhoneNumber:
        """Create the first free phone number of an area code (C-352).

        Raises:
            InvalidParameter: no number of the area code is free, or a setting is refused as by `create`.
        """
        self._require_applications(account, settings)
        numbers = [] if area_code == _EMPTY_AREA else [f"+1{area_code}{rest}" for rest in _FICTITIOUS]
        taken = self._store.find_taken(numbers) if numbers else frozenset()
        for number in numbers:
            if number in taken:
                continue
            made = self._new(account, number, settings)
            if self._store.put_phone_number(made):
                return made
        raise InvalidParameter(_AREA_CODE, "area_code_empty", "no number of this area code is free")

    def list(self, account: str, wanted: PhoneNumberFilter, page: PageRequest) -> Page[PhoneNumber]:
        """Return a page of an account's phone numbers, newest first; a whole number is looked up by itself."""
        if wanted.exact_number is not None:
            held = self._store.find_phone_number(wanted.exact_number)
            found = [held] if held is not None and held.account == account and wanted.matches(held) else []
            return select_page(found, found, page, lambda each: each.created)
        keep = wanted.matches if wanted != PhoneNumberFilter() else None
        return read_page(self._store.phone_numbers(account), page, ALL_TIME, keep)

    def get(self, account: str, identifier: str) -> PhoneNumber:
        """Return a phone number.

        Raises:
            NotFound: the account has no such phone number.
        """
        found = self._store.get_phone_number(account, identifier)
        if found is None:
            raise NotFound
        return found

    def update(self, account: str, identifier: str, settings: SettingChanges, owner: str | None = None) -> PhoneNumber:
        """Change the given settings of a phone number, and return it; without any, it stays as it is.

        Args:
            account: the id of the account.
            identifier: the id of the phone number.
            settings: the new settings by field.
            owner: the id of the account that shall hold the number; only the account itself may (C-356).

        Raises:
            NotFound: the account has no such phone number.
            InvalidParameter: a fallback is set where there is no voice URL, the owner is another account, or the
                account does not have the application.
        """

        def change(found: PhoneNumber) -> PhoneNumber:
            if owner not in {None, account}:
                raise InvalidParameter("AccountSid", "choice", "another account")
            changed = _with(found, settings)
            self._require_applications(account, settings)
            return changed

        return store_change(
            lambda: self.get(account, identifier), change, self._store.replace_phone_number,
            lambda: self._clock() // 1000,
        )  # fmt: skip

    def delete(self, account: str, identifier: str) -> None:
        """Release a phone number; calls to and from it go on.

        Raises:
            NotFound: the account has no such phone number.
        """
        if not self._store.delete_phone_number(self.get(account, identifier)):
            raise NotFound

    def instructions_of(self, number: str) -> NumberInstructions | None:
        """Return where a call to this number finds its instructions; None if no account holds it.

        It takes one read, and one more for a number with an application.

        Args:
            number: the number in E.164 form.
        """
        held = self._store.find_phone_number(number)
        if held is None:
            return None
        if held.voice_application is None:
            return NumberInstructions(held, held)
        application = self._applications.get_application(held.account, held.voice_application)
        if application is None:
            return NumberInstructions(held, UrlSettings())
        return NumberInstructions(held, application, application.id)

    def _new(self, account: str, number: str, settings: SettingChanges) -> PhoneNumber:
        now = self._clock()
        return _with(PhoneNumber(account, new_id(now), number, formatted(number), 1, now // 1000), settings)

    def _require_applications(self, account: str, settings: SettingChanges) -> None:
        """Raise InvalidParameter if a setting refers to an application that the account does not have (C-355)."""
        for name, parameter in _APPLICATIONS.items():
            identifier = settings.get(name)
            if isinstance(identifier, str) and self._applications.get_application(account, identifier) is None:
                raise InvalidParameter(parameter, "application", "no application has this sid")


def _with(found: PhoneNumber, settings: SettingChanges) -> PhoneNumber:
    """Return a phone number with these settings.

    Raises:
        InvalidParameter: a fallback is among them, but there is no voice URL.
    """
    changed = with_settings(found, settings, {"friendly_name": formatted(found.number)})
    if settings.get("voice_fallback_url") is not None and changed.voice_url is None:
        raise InvalidParameter("VoiceFallbackUrl", "fallback_url", "there is no VoiceUrl")
    return changed
