"""What may be done with calls, conferences, recordings and accounts, and the ports that it needs."""
