"""An application: a named set of URLs, to which phone numbers and new calls refer."""

from dataclasses import dataclass

from tapedeck.domain.identity import created_at
from tapedeck.domain.url_settings import UrlSettings


@dataclass(frozen=True, slots=True)
class Application(UrlSettings):
    """An application of an account; `updated` is in seconds since the epoch."""

    account: str
    id: str
    friendly_name: str
    version: int
    updated: int
    sms_status_callback: str | None = None
    sms_status_callback_method: str = "POST"
    message_status_callback: str | None = None
    public_application_connect_enabled: bool = False

    @property
    def created(self) -> int:
        """Creation time in seconds since the epoch, from the id."""
        return created_at(self.id)
