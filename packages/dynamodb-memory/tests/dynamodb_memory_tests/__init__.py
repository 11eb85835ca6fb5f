"""Tables, requests and comparisons that the tests of dynamodb-memory share."""
