"""The messages between Tapedeck and a media engine: commands, events and their JSON Schemas."""
