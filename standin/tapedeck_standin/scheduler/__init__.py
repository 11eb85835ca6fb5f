"""The virtual clock, and the scheduler that runs background work by it."""
