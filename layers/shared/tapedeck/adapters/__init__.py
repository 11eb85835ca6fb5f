"""Outbound adapters: the ports, implemented on AWS and HTTP. No other package calls AWS."""
