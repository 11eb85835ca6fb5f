"""Calls, conferences and recordings and their legal state transitions: pure, without I/O or a clock."""
