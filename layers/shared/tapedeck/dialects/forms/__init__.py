"""The parameters of each operation, as Pydantic models."""
