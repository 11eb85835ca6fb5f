"""Answer what no route answers.

$default
"""

from tapedeck.dialects.dialect import Response
from tapedeck.domain.errors import MethodNotAllowed, NotFound
from tapedeck.edge.http import HttpRequest
from tapedeck.edge.routes import is_known
from tapedeck.wiring import endpoint


@endpoint.unrouted("default")
def handler(request: HttpRequest) -> Response:
    """405 where the path serves another method, else 404, in the dialect that the path speaks."""
    raise MethodNotAllowed if is_known(request.path) else NotFound
