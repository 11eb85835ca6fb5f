"""The stand-in: the real Lambda functions behind SAM's local gateway, in one process, without an AWS account."""
