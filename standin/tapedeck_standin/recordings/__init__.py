"""Recordings of the simulated engine: what is captured, and how commands change it."""
