"""A certificate authority that only the tests trust."""

import ssl
from dataclasses import dataclass

import pytest
import trustme


@dataclass(frozen=True)
class Authority:
    """Issues certificates; the context `trusted` accepts them."""

    ca: trustme.CA
    trusted: ssl.SSLContext

    def issue(self, *names: str) -> ssl.SSLContext:
        """Return a server context with a certificate for these names."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert(*names).configure_cert(context)
        return context


@pytest.fixture(scope="session")
def authority() -> Authority:
    """Return the certificate authority of this test run."""
    ca = trustme.CA()
    trusted = ssl.create_default_context()
    ca.configure_trust(trusted)
    return Authority(ca, trusted)
