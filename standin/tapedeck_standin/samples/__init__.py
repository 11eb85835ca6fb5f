"""Sample data, and replaying event files."""
