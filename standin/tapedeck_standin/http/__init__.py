"""The HTTP and HTTPS server."""
