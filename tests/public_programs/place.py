"""A stand-in for public programs: its control API and its API."""

from typing import Any, Final

import requests

ACCOUNT: Final = "AC720796a08ee9435083bd2d07a3121f1e"
TOKEN: Final = "00112233445566778899aabbccddeeff"


class Place:
    """A stand-in of its own, with its control API and its API."""

    def __init__(self, url: str) -> None:
        """Use the stand-in at this URL."""
        self.url = url
        self.environment = {"TAPEDECK_URL": url, "TAPEDECK_ACCOUNT": ACCOUNT, "TAPEDECK_TOKEN": TOKEN}
        self._api = f"{url}/2010-04-01/Accounts/{ACCOUNT}"

    def control(self, path: str, **fields: object) -> Any:
        """Send a request to the control API."""
        return requests.post(f"{self.url}/_standin/{path}", json=fields, timeout=60).json()

    def create(self, path: str, **fields: object) -> str:
        """Create a resource through the control API; return its sid."""
        sid: str = self.control(path, **fields)["sid"]["twilio"]
        return sid

    def advance(self, seconds: int) -> None:
        """Advance the clock, and wait until all work is done."""
        self.control("clock", advance=seconds)
        self.control("wait-until-idle")

    def get(self, path: str) -> requests.Response:
        """Read a resource or its media."""
        return requests.get(f"{self._api}/{path}", auth=(ACCOUNT, TOKEN), timeout=60)

    def post(self, path: str, **fields: str) -> Any:
        """Send a form to the API."""
        return requests.post(f"{self._api}/{path}", data=fields, auth=(ACCOUNT, TOKEN), timeout=60).json()

    def journal(self) -> list[tuple[str, int, int | None]]:
        """Return the operation, status and error code of each request."""
        entries = requests.get(f"{self.url}/_standin/requests", timeout=60).json()["requests"]
        return [(it["operation"], it["status"], it["code"]) for it in entries]
