"""How the world gets in: requests decoded, authenticated, answered, logged and counted."""
