"""Functions without a route, invoked by an operator with IAM credentials."""
