"""List the API keys of an account.

GET /Accounts/{AccountSid}/Keys
"""

from tapedeck.bootstrap.http import endpoint
from tapedeck.dialects.dialect import Response
from tapedeck.dialects.forms.lists import ListKeys
from tapedeck.http.endpoint import Request
from tapedeck.http.pagination import answer_list


@endpoint("list_keys", ListKeys, accepts_api_keys=False, accepts_cached_credentials=False)
def handler(request: Request[ListKeys]) -> Response:
    """Return one page, newest first."""
    found = request.services.api_keys.list(request.path.account, request.form.page)
    return answer_list(request, "Keys", found, request.dialect.api_key)
