"""The scheduler, which runs background work by the virtual clock."""
