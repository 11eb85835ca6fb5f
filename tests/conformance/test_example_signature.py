"""The example connector signs its requests to SQS as AWS's own SDK does, at any time by Tapedeck's clock."""

from datetime import UTC, datetime
from unittest.mock import patch

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.conformance.variants import load_example


@pytest.mark.parametrize("session_token", ["", "token/+="])
@pytest.mark.parametrize("endpoint", ["https://sqs.eu-central-1.amazonaws.com", "http://localhost:3000/_standin/sqs"])
def test_the_signature_is_that_of_botocore(endpoint: str, session_token: str) -> None:
    """The same headers, body and time give the same `Authorization`."""
    source = {"region": "eu-central-1", "access_key": "AKIA", "secret_key": "se/cret", "session_token": session_token}
    now, body = datetime(2001, 2, 3, 4, 5, 6, tzinfo=UTC), b'{"QueueUrl": "a"}'
    headers = load_example().sign(endpoint, source, "ReceiveMessage", body, round(now.timestamp() * 1000) + 7)
    kept = {name: headers[name] for name in ("content-type", "x-amz-target")}
    expected = AWSRequest("POST", endpoint, kept, body)
    with patch("botocore.auth.get_current_datetime", return_value=now):
        SigV4Auth(Credentials("AKIA", "se/cret", session_token or None), "sqs", "eu-central-1").add_auth(expected)
    assert headers.pop("host") in endpoint
    assert headers == {name.lower(): value for name, value in expected.headers.items()}
