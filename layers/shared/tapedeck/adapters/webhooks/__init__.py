"""The client that sends callbacks, and the guards that keep it on the public internet."""
