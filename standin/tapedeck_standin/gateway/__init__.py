"""The API gateway: converts HTTP requests to Lambda events and logs them."""
