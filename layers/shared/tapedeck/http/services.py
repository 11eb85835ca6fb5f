"""The services that HTTP handlers use."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tapedeck.observability import CanonicalLog
from tapedeck.operations.authentication import Authenticator
from tapedeck.operations.calls import Calls
from tapedeck.operations.conferences import Conferences
from tapedeck.operations.recordings import Recordings
from tapedeck.ports.clock import Clock
from tapedeck.ports.forwarding import Forwarder

if TYPE_CHECKING:
    from collections.abc import Callable

    from tapedeck.operations.account_details import AccountDetails
    from tapedeck.operations.api_keys import ApiKeys
    from tapedeck.operations.applications import Applications
    from tapedeck.operations.confirmations import Confirmations
    from tapedeck.operations.lists import Lists
    from tapedeck.operations.media import Media
    from tapedeck.operations.participants import Participants
    from tapedeck.operations.phone_numbers import PhoneNumbers
    from tapedeck.operations.placed_calls import PlacedCalls
    from tapedeck.operations.transcriptions import Transcriptions


@dataclass(frozen=True, slots=True)
class ApiServices:
    """The services that HTTP handlers use."""

    calls: Calls
    conferences: Conferences
    recordings: Recordings
    authenticator: Authenticator
    log: CanonicalLog
    clock: Clock
    media_inline_bytes: int
    """Maximum bytes of audio in a response; larger audio is answered with a redirect."""
    forwarder: Forwarder
    has_telephony: bool
    """Whether the paths exist that need the parameter `Telephony`."""

    # Created at first use: most functions need none of them, and importing them slows the cold start.
    make_confirmations: "Callable[[], Confirmations]"
    make_media: "Callable[[], Media]"
    make_lists: "Callable[[], Lists]"
    make_participants: "Callable[[], Participants]"
    make_transcriptions: "Callable[[], Transcriptions]"
    make_api_keys: "Callable[[], ApiKeys]"
    make_phone_numbers: "Callable[[], PhoneNumbers]"
    make_applications: "Callable[[], Applications]"
    make_placed_calls: "Callable[[], PlacedCalls]"
    make_account_details: "Callable[[], AccountDetails]"

    @property
    def confirmations(self) -> "Confirmations":
        """The waits for media engines."""
        return self.make_confirmations()

    @property
    def media(self) -> "Media":
        """The audio of recordings."""
        return self.make_media()

    @property
    def lists(self) -> "Lists":
        """The lists of accounts, calls and conferences."""
        return self.make_lists()

    @property
    def participants(self) -> "Participants":
        """The participants of conferences."""
        return self.make_participants()

    @property
    def transcriptions(self) -> "Transcriptions":
        """The transcriptions of recordings."""
        return self.make_transcriptions()

    @property
    def api_keys(self) -> "ApiKeys":
        """The API keys of accounts."""
        return self.make_api_keys()

    @property
    def phone_numbers(self) -> "PhoneNumbers":
        """The phone numbers of accounts."""
        return self.make_phone_numbers()

    @property
    def applications(self) -> "Applications":
        """The applications of accounts."""
        return self.make_applications()

    @property
    def placed_calls(self) -> "PlacedCalls":
        """The creation of calls."""
        return self.make_placed_calls()

    @property
    def account_details(self) -> "AccountDetails":
        """The accounts themselves."""
        return self.make_account_details()
