"""Phone numbers of accounts in the control API, in fixtures, and of the first account."""

from typing import Final

from tapedeck.admin.endpoint import format_sid_in_both_dialects
from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.errors import InvalidParameter
from tapedeck.domain.phone_number import PhoneNumber
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


class PhoneNumberRoutes:
    """Creates phone numbers, for requests and for fixtures.

    Args:
        phone_numbers: the phone numbers of accounts.
        registry: the known accounts.
    """

    def __init__(self, phone_numbers: PhoneNumbers, registry: AccountRegistry) -> None:
        self._phone_numbers = phone_numbers
        self._registry = registry

    @property
    def routes(self) -> ControlRoutes:
        """The routes, by path and method."""
        return {("numbers",): {"POST": ControlRoute(self._make_number)}}

    def create(self, body: CreatePhoneNumberRequest) -> PhoneNumber:
        """Create a phone number.

        Raises:
            ControlError: the account does not exist, an account holds the number already, the number is one that has
                the meaning of an error, or it has a fallback without a voice URL.
        """
        account = self._registry.account(body.account_id)
        try:
            return self._phone_numbers.create(account, body.phone_number, body.settings)
        except InvalidParameter as error:
            if error.fault == "number_taken":
                raise ControlError(409, "an account holds this number already", "phone_number") from error
            field = _FIELDS.get(error.name, "phone_number")
            raise ControlError(400, f"{field}: {error.reason}", field) from error

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
