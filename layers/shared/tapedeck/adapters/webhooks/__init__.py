"""The HTTP client that delivers callbacks, restricted to public internet addresses."""
