"""How Tapedeck gets out: AWS lives here, and nowhere else."""
