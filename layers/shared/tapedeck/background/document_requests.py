"""Request documents from the applications of calls, signed with the keys of their accounts."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from tapedeck.dialects.callback_selection import callbacks_in
from tapedeck.dialects.instructions import (
    compose_instruction_request,
    instruction_fields,
    instruction_policy,
)
from tapedeck.domain.engine import MediaEngine
from tapedeck.domain.errors import StoreUnavailable
from tapedeck.domain.instructions import InstructionDetails
from tapedeck.ports.calls import CallStore
from tapedeck.ports.clock import Clock
from tapedeck.ports.deliveries import SigningKeyStore
from tapedeck.ports.instructions import ComposedRequest, InstructionAnswer, InstructionClient, InstructionRequest
from tapedeck.ports.messaging import Decryptor


class DocumentRefusal(StrEnum):
    """Why no document is requested, in the words of the engine protocol."""

    NOT_YOURS = "not_yours"
    UNKNOWN = "unknown"


class DocumentRefused(Exception):
    """The engine may not request documents for this call; `code` says why."""

    def __init__(self, code: DocumentRefusal) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class WantedDocument:
    """A document to request; `cookies` are those of the last answer for this call."""

    account: str
    call: str
    dialect: str
    method: str
    url: str
    details: InstructionDetails
    cookies: str = ""


class DocumentRequests:
    """Requests documents from applications.

    Args:
        calls: the recordings table.
        keys: the encrypted signing keys.
        decryptor: decrypts them.
        client: sends the requests.
        origin: of this service: scheme and host.
        clock: milliseconds.
        new_token: makes the idempotency token of a request.
    """

    def __init__(
        self,
        calls: CallStore,
        keys: SigningKeyStore,
        decryptor: Decryptor,
        client: InstructionClient,
        origin: str,
        clock: Clock,
        new_token: Callable[[], str],
    ) -> None:
        self._calls = calls
        self._keys = keys
        self._decryptor = decryptor
        self._client = client
        self._origin = origin
        self._clock = clock
        self._new_token = new_token

    def fetch(self, engine: MediaEngine, wanted: WantedDocument) -> InstructionAnswer:
        """Request a document; what the application answers is returned, failures too.

        The parameters are those of the call as it is now. A request is never sent unsigned.

        Raises:
            DocumentRefused: the call is unknown, or another engine has it.
            StoreBusy, StoreUnavailable: the table did not respond, or the signing key is unavailable.
        """
        if not engine.serves(wanted.account):
            raise DocumentRefused(DocumentRefusal.NOT_YOURS)
        call = self._calls.get_call(wanted.account, wanted.call)
        if call is None:
            raise DocumentRefused(DocumentRefusal.UNKNOWN)
        if call.engine != engine.name:
            raise DocumentRefused(DocumentRefusal.NOT_YOURS)
        callbacks = callbacks_in(wanted.dialect)
        fields = instruction_fields(callbacks, call, wanted.details, self._origin)
        key, token = self._signing_key(wanted.account, wanted.dialect), self._new_token()

        def compose(method: str, url: str) -> ComposedRequest:
            return ComposedRequest(*compose_instruction_request(callbacks, method, url, fields, key, token))

        return self._client.fetch(
            InstructionRequest(
                wanted.method,
                wanted.url,
                compose,
                instruction_policy(callbacks, wanted.url),
                callbacks.user_agent,
                wanted.cookies if callbacks.keeps_cookies else None,
            )
        )

    def _signing_key(self, account: str, dialect: str) -> str:
        keys = self._keys.get_signing_keys(account, dialect)
        encrypted = keys.at(self._clock() // 1000) if keys is not None else None
        if encrypted is None:
            raise StoreUnavailable(None, "NoSigningKey")
        return self._decryptor.decrypt(account, encrypted)
