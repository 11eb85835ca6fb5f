"""An in-memory DynamoDB with the interface of a boto3 client."""
