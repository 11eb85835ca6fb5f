"""The contract of `ports.engines.CredentialsLender`: STS in moto, and the double. Then what STS does alone."""

import json
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from tapedeck.adapters.clients import make_client
from tapedeck.adapters.clock import system_clock
from tapedeck.adapters.sts import StsLender
from tapedeck.domain.errors import StoreUnavailable
from tapedeck.ports.engines import CredentialsLender
from tapedeck_standin.telephony.queue_access import FixedLender

ROLE = "arn:aws:iam::123456789012:role/tapedeck-EngineRole-1A2B3C"
PREFIX = "https://sqs.us-east-1.amazonaws.com/123456789012/tapedeck_engine_"


@pytest.fixture
def client(aws: None) -> Any:
    """An STS client with the adapters' settings."""
    del aws  # the emulator must be running
    return make_client("sts")


@pytest.fixture(params=["sts", "double"])
def lender(request: pytest.FixtureRequest, client: Any) -> CredentialsLender:
    """The lender under test."""
    if request.param == "sts":
        return StsLender(client, ROLE, PREFIX)
    return FixedLender("http://localhost:3000", system_clock)


def test_lends_access_to_the_engines_queue_for_an_hour(lender: CredentialsLender) -> None:
    """The URL and the region are those of the engine's queue, and the credentials end in an hour."""
    before = system_clock()
    access = lender.lend("ast1")
    assert access.url.startswith("http")
    assert access.url.rpartition("engine")[2] in {"_ast1", "-ast1"}
    assert (access.region, bool(access.access_key), bool(access.secret_key)) == ("us-east-1", True, True)
    assert before + 3_590_000 <= access.expires_at <= system_clock() + 3_600_000


def test_lends_credentials_for_one_queue_and_one_hour(client: Any) -> None:
    """The session policy allows to receive, delete and postpone messages of this engine's queue, and nothing else."""
    sent: list[dict[str, Any]] = []
    client.meta.events.register("provide-client-params.sts.AssumeRole", lambda params, **_: sent.append(params))
    access = StsLender(client, ROLE, PREFIX).lend("ast1")
    (request,) = sent
    policy = json.loads(request.pop("Policy"))
    assert request == {"RoleArn": ROLE, "RoleSessionName": "engine-ast1", "DurationSeconds": 3600}
    assert policy == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"],
                "Resource": "arn:aws:sqs:us-east-1:123456789012:tapedeck_engine_ast1",
            }
        ],
    }
    assert (access.url, access.region) == (f"{PREFIX}ast1", "us-east-1")
    assert access.access_key
    assert access.secret_key
    assert access.session_token
    assert access.expires_at > 1_700_000_000_000


def test_names_the_queue_of_another_partition(client: Any) -> None:
    """The partition of the queue is that of the role, its region that of the URL."""
    sent: list[dict[str, Any]] = []
    client.meta.events.register("provide-client-params.sts.AssumeRole", lambda params, **_: sent.append(params))
    prefix = "https://sqs.cn-north-1.amazonaws.com.cn/123456789012/t_engine_"
    access = StsLender(client, ROLE.replace("arn:aws:", "arn:aws-cn:"), prefix).lend("b")
    (statement,) = json.loads(sent[0]["Policy"])["Statement"]
    assert (access.region, statement["Resource"]) == ("cn-north-1", "arn:aws-cn:sqs:cn-north-1:123456789012:t_engine_b")


def test_secrets_are_not_in_the_text_of_an_object(client: Any) -> None:
    """Neither the secret key nor the session token is in the text of lent credentials."""
    access = StsLender(client, ROLE, PREFIX).lend("ast1")
    assert access.secret_key not in repr(access)
    assert access.session_token not in repr(access)


def test_unreachable_sts_is_store_unavailable(client: Any) -> None:
    """Lending raises StoreUnavailable if STS cannot be reached, or refuses."""

    def fail(**_: object) -> None:
        raise EndpointConnectionError(endpoint_url="https://sts")

    client.meta.events.register("before-call.sts", fail)
    with pytest.raises(StoreUnavailable):
        StsLender(client, ROLE, PREFIX).lend("ast1")
