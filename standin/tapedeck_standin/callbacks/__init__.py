"""The callback log, and the faults injected into deliveries."""
