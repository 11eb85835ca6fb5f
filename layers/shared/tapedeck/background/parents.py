"""The parent of a recording, as messages of the engine protocol name it."""

from tapedeck.domain.recording import Parent, ParentKind
from tapedeck_protocol.words import ParentRef


def read_parent(account: str, parent: ParentRef) -> Parent:
    """Return the call or conference that a message of this account names."""
    return Parent(account, ParentKind.CALL if parent.type == "call" else ParentKind.CONFERENCE, parent.id)
