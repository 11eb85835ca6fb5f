"""Tapedeck on this machine: the real functions behind SAM's own local gateway, in one process, without an account."""
