"""The control API's route that creates API keys with fixed values, such as those of a `.env` file."""

from tapedeck.admin.endpoint import format_sid_in_both_dialects
from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.errors import InvalidState
from tapedeck.operations.api_keys import ApiKeys, NewApiKey
from tapedeck.operations.authentication import hash_secret
from tapedeck_standin.control.requests import (
    AccountRegistry,
    ControlError,
    ControlRoute,
    ControlRoutes,
    Result,
    read_body,
)
from tapedeck_standin.control.schemas import CreateApiKeyRequest
from tapedeck_standin.http.messages import ServerRequest


class ApiKeyRoutes:
    """Creates API keys, for requests and for fixtures.

    Args:
        api_keys: the API keys of accounts.
        registry: the known accounts.
    """

    def __init__(self, api_keys: ApiKeys, registry: AccountRegistry) -> None:
        self._api_keys = api_keys
        self._registry = registry

    @property
    def routes(self) -> ControlRoutes:
        """The routes, by path and method."""
        return {("keys",): {"POST": ControlRoute(self._make_key)}}

    def create(self, body: CreateApiKeyRequest) -> NewApiKey:
        """Create an API key with the given id and secret, or with generated ones.

        A key of the account that has this id and this secret already is returned unchanged.

        Raises:
            ControlError: the account does not exist or has the maximum of keys, or the sid is in use.
        """
        made, _ = self._find_or_create(body)
        return made

    def _make_key(self, request: ServerRequest, _sid: str) -> Result:
        made, is_new = self._find_or_create(read_body(CreateApiKeyRequest, request))
        sid = format_sid_in_both_dialects(ResourceType.API_KEY, made.key)
        return 201 if is_new else 200, {"sid": sid, "secret": made.secret, "friendly_name": made.info.friendly_name}

    def _find_or_create(self, body: CreateApiKeyRequest) -> tuple[NewApiKey, bool]:
        """Return the key, and whether it is new."""
        account = self._registry.account(body.account_id)
        found = self._registry.account_data.api_key(body.key_id) if body.key_id is not None else None
        if found is not None:
            if found.account != account or body.secret is None or found.secret_hash != hash_secret(body.secret):
                raise ControlError(409, "an API key already has this sid", "sid")
            info = self._api_keys.get(account, found.id)
            return NewApiKey(found.id, body.secret, tuple(sorted(found.scopes)), info), False
        try:
            made = self._api_keys.create(account, friendly_name=body.friendly_name, key=body.key_id, secret=body.secret)
        except InvalidState as error:
            raise ControlError(409, "the account has the maximum number of API keys", "account") from error
        return made, True
