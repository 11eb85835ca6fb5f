"""The stand-in: the real Lambda functions behind a gateway of its own, in one process, without an AWS account."""
