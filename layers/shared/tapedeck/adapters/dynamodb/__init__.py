"""The store ports, implemented on DynamoDB."""
