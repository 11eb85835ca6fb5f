"""The HTTP and HTTPS server of the stand-in."""
