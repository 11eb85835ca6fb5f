"""How the simulated engine makes calls and executes their instructions."""
