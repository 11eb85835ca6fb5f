"""The engine protocol, version 2: the messages between Tapedeck and a media engine.

`commands` are sent to the engine, `events` are reported by it, `outcomes` answer the events. `session` and `uploads`
are the other two requests of a connector. `evidence` computes the hash chain of a recording. `schema` builds the
JSON Schemas. The package depends on Pydantic alone, and `evidence` on the standard library alone.
"""
