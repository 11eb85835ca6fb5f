"""The conformance suite for connectors of media engines: `tapedeck check-engine`."""
