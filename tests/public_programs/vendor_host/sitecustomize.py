"""Sends requests for the vendor's host to the stand-in: the interpreter imports this module before a program.

The program itself stays as it is.
"""

import os
from typing import Any

import aiohttp
import requests

STANDIN = os.environ["TAPEDECK_URL"]


def _at_the_standin(url: object) -> str:
    _, separator, path = str(url).partition("://api.twilio.com")
    return STANDIN + path if separator else str(url)


def _session_send(session: requests.Session, request: requests.PreparedRequest, **options: Any) -> requests.Response:
    request.url = _at_the_standin(request.url)
    return SEND(session, request, **options)


async def _session_request(session: aiohttp.ClientSession, method: str, url: Any, **options: Any) -> Any:
    return await REQUEST(session, method, _at_the_standin(url), **options)


# All requests of these libraries use these methods.
SEND = requests.Session.send
REQUEST = aiohttp.ClientSession._request
requests.Session.send = _session_send  # type: ignore[assignment, method-assign]
aiohttp.ClientSession._request = _session_request  # type: ignore[assignment, method-assign]
