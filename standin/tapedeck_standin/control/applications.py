"""Applications of accounts in the control API and in fixtures."""

from tapedeck.admin.endpoint import format_sid_in_both_dialects
from tapedeck.dialects.dialect import ResourceType
from tapedeck.domain.application import Application
from tapedeck.operations.applications import Applications
from tapedeck_standin.control.number_schemas import CreateApplicationRequest
from tapedeck_standin.control.requests import AccountRegistry, ControlRoute, ControlRoutes, Result, read_body
from tapedeck_standin.http.messages import ServerRequest


class ApplicationRoutes:
    """Creates applications, for requests and for fixtures.

    Args:
        applications: the applications of accounts.
        registry: the known accounts.
    """

    def __init__(self, applications: Applications, registry: AccountRegistry) -> None:
        self._applications = applications
        self._registry = registry

    @property
    def routes(self) -> ControlRoutes:
        """The routes, by path and method."""
        return {("applications",): {"POST": ControlRoute(self._make_application)}}

    def create(self, body: CreateApplicationRequest) -> Application:
        """Create an application.

        Raises:
            ControlError: the account does not exist.
        """
        return self._applications.create(self._registry.account(body.account_id), body.settings)

    def _make_application(self, request: ServerRequest, _sid: str) -> Result:
        made = self.create(read_body(CreateApplicationRequest, request))
        sid = format_sid_in_both_dialects(ResourceType.APPLICATION, made.id)
        return 201, {"sid": sid, "friendly_name": made.friendly_name}
