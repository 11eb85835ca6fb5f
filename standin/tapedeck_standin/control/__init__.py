"""The control API under `/_standin`."""
