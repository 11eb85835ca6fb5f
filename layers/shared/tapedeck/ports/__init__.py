"""Protocols of the outside dependencies of operations and background work: stores, queues, media, clients."""
