"""Simulated calls, conferences and the media engine."""
