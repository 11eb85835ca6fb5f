"""Answer requests that match no route; those with doubled slashes are forwarded to single ones.

$default
"""

from tapedeck.bootstrap.http import endpoint
from tapedeck.dialects.dialect import Response
from tapedeck.domain.errors import MethodNotAllowed, NotFound
from tapedeck.http.request import HttpRequest
from tapedeck.http.routes import is_known
from tapedeck.http.services import ApiServices


@endpoint.unrouted("default")
def handler(services: ApiServices, request: HttpRequest) -> Response:
    """Return 405 if the path exists for another method, else 404, in the dialect of the path."""
    raise MethodNotAllowed if is_known(request.path, has_telephony=services.has_telephony) else NotFound
