"""An authority that the tests trust, and nobody else."""

import ssl
from dataclasses import dataclass

import pytest
import trustme


@dataclass(frozen=True)
class Authority:
    """Issues certificates; `trusted` believes them."""

    ca: trustme.CA
    trusted: ssl.SSLContext

    def issue(self, *names: str) -> ssl.SSLContext:
        """What a server of these names needs."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert(*names).configure_cert(context)
        return context


@pytest.fixture(scope="session")
def authority() -> Authority:
    """The one of this run."""
    ca = trustme.CA()
    trusted = ssl.create_default_context()
    ca.configure_trust(trusted)
    return Authority(ca, trusted)
