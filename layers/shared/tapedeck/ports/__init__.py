"""Protocols of what operations and background work need from the outside: stores, queues, media, clients."""
