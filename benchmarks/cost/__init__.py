"""The bill of a deployment, computed from counted requests."""
