"""The API gateway: requests become Lambda events."""
