"""Answer what no route answers.

$default
"""

from tapedeck.bootstrap.http import endpoint
from tapedeck.dialects.dialect import Response
from tapedeck.domain.errors import MethodNotAllowed, NotFound
from tapedeck.http.request import HttpRequest
from tapedeck.http.routes import is_known


@endpoint.unrouted("default")
def handler(request: HttpRequest) -> Response:
    """405 where the path serves another method, else 404, in the dialect that the path speaks."""
    raise MethodNotAllowed if is_known(request.path) else NotFound
