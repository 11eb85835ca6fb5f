"""Phone numbers of accounts in the control API, in fixtures, and of the first account."""

from typing import Final

from tapedeck.admin.endpoint import format_sid_in_both_dialects
from tapedeck.dialects.dialect import ResourceType
from tapedeck.dialects.selection import parse_any_sid
from tapedeck.domain.errors import InvalidParameter
from tapedeck.domain.page import PageRequest
from tapedeck.domain.phone_number import PhoneNumber
from tapedeck.operations.applications import Applications
from tapedeck.operations.phone_numbers import PhoneNumbers
from tapedeck_standin.control.number_schemas import CreatePhoneNumberRequest
from tapedeck_standin.control.requests import (
    AccountRegistry,
    ControlError,
    ControlRoute,
    ControlRoutes,
    Result,
    read_body,
)
from tapedeck_standin.http.messages import ServerRequest

DEFAULT_NUMBER: Final = "+12025550100"
"""The phone number of the default account, from its start and after each reset (C-359)."""

_FIELDS: Final = {"VoiceFallbackUrl": "voice_fallback_url"}
_APPLICATION: Final = "voice_application"


class PhoneNumberRoutes:
    """Creates phone numbers, for requests and for fixtures.

    Args:
        phone_numbers: the phone numbers of accounts.
        applications: the applications of accounts.
        registry: the known accounts.
    """

    def __init__(self, phone_numbers: PhoneNumbers, applications: Applications, registry: AccountRegistry) -> None:
        self._phone_numbers = phone_numbers
        self._applications = applications
        self._registry = registry

    @property
    def routes(self) -> ControlRoutes:
        """The routes, by path and method."""
        return {("numbers",): {"POST": ControlRoute(self._make_number)}}

    def create(self, body: CreatePhoneNumberRequest) -> PhoneNumber:
        """Create a phone number.

        Raises:
            ControlError: the account or its application does not exist, an account holds the number already, the number
                is one that has the meaning of an error, or it has a fallback without a voice URL.
        """
        account = self._registry.account(body.account_id)
        application = self._application(account, body.voice_application) if body.voice_application else None
        try:
            return self._phone_numbers.create(account, body.phone_number, {**body.settings, _APPLICATION: application})
        except InvalidParameter as error:
            if error.fault == "number_taken":
                raise ControlError(409, "an account holds this number already", "phone_number") from error
            field = _FIELDS.get(error.name, "phone_number")
            raise ControlError(400, f"{field}: {error.reason}", field) from error

    def _application(self, account: str, sid_or_name: str) -> str:
        """Return the id of an application by its sid in either format, or the newest with this name (C-385)."""
        identifier = parse_any_sid(ResourceType.APPLICATION, sid_or_name)
        if identifier is not None:
            found = self._applications.find(account, identifier)
        else:
            found = next(iter(self._applications.list(account, sid_or_name, PageRequest(1)).items), None)
        if found is None:
            raise ControlError(404, "no application has this sid or name", _APPLICATION)
        return found.id

    def give_default(self, account: str) -> None:
        """Give the default number to the default account, unless an account holds it already.

        Args:
            account: an account that was made or reset; any but the default one stays as it is.
        """
        if account != self._registry.default:
            return
        try:
            self._phone_numbers.create(account, DEFAULT_NUMBER, {})
        except InvalidParameter:
            return

    def _make_number(self, request: ServerRequest, _sid: str) -> Result:
        made = self.create(read_body(CreatePhoneNumberRequest, request))
        sid = format_sid_in_both_dialects(ResourceType.PHONE_NUMBER, made.id)
        return 201, {"sid": sid, "phone_number": made.number, "friendly_name": made.friendly_name}
