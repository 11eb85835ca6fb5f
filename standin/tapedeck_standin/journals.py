"""The journals of a stand-in: bounded lists of entries, in which no account displaces the entries of a quieter one."""

import threading
from collections import deque
from collections.abc import Mapping, Sized
from typing import Final, Generic, TypeVar

MAX_ENTRIES: Final = 10_000
"""Entries of one journal, of all accounts together."""

EntryT = TypeVar("EntryT")


def busiest(entries: Mapping[str, Sized]) -> str:
    """Return the account with the most entries, whose oldest entry a full journal drops first (C-308)."""
    return max(entries, key=lambda account: len(entries[account]))


class AccountJournal(Generic[EntryT]):
    """The latest entries of all accounts. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: dict[str, deque[EntryT]] = {}
        self._size = 0

    def append(self, account: str, entry: EntryT) -> None:
        """Append an entry of this account."""
        with self._lock:
            self._entries.setdefault(account, deque()).append(entry)
            self._size += 1
            while self._size > MAX_ENTRIES:
                dropped_from = busiest(self._entries)
                self._entries[dropped_from].popleft()
                self._size -= 1
                if not self._entries[dropped_from]:
                    del self._entries[dropped_from]

    def of(self, account: str) -> list[EntryT]:
        """Return an account's entries, oldest first."""
        with self._lock:
            return list(self._entries.get(account, ()))

    def forget(self, account: str) -> None:
        """Delete the entries of this account."""
        with self._lock:
            self._size -= len(self._entries.pop(account, ()))
