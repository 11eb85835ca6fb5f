"""Secrets that a test plants, and the search for them in what a deployment writes, sends and answers."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from urllib.parse import quote


@cache
def spellings(secret: str) -> tuple[str, ...]:
    """Return a secret as it appears in plain text, in a URL, in hex, and in base64 at each of the three offsets."""
    content = secret.encode()
    found = [secret, quote(secret, safe=""), content.hex(), content.hex().upper()]
    for offset in range(3):
        # The characters at both ends also depend on what surrounds the secret.
        encoded = base64.b64encode(b"\0" * offset + content)
        found.append(encoded[(0, 2, 3)[offset] : len(encoded) - 4].decode())
    return tuple(dict.fromkeys([*found, *(each.translate(_URL_SAFE) for each in found[-3:])]))


_URL_SAFE = str.maketrans("+/", "-_")


@dataclass
class Canaries:
    """Secrets that must not appear in any output."""

    secrets: dict[str, str] = field(default_factory=dict)

    def plant(self, name: str, secret: str) -> str:
        """Register a secret and return it."""
        self.secrets[name] = secret
        return secret

    def found_in(self, text: str, *, but: frozenset[str] = frozenset()) -> set[str]:
        """Return the names of the secrets in a text, in any spelling."""
        return {name for name in self._names(but) if any(each in text for each in spellings(self.secrets[name]))}

    def _names(self, but: frozenset[str]) -> Iterator[str]:
        return (name for name in self.secrets if name not in but)
