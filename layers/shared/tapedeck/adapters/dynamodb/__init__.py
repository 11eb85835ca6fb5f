"""The stores, on DynamoDB."""
