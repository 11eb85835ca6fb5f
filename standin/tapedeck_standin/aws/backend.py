"""The emulated AWS: moto in this process with the template's resources, or another database for the tables."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from botocore.config import Config
from botocore.session import Session
from moto import mock_aws

from dynamodb_memory.client import MemoryChanges, MemoryDynamoDB
from tapedeck.adapters.clients import make_client
from tapedeck.bootstrap.environment import current_environment, installed, rebuilt_services
from tapedeck.domain.account import MediaAccess
from tapedeck_standin.aws.moto_lock import one_request_at_a_time
from tapedeck_standin.aws.moto_patches import quick_moto
from tapedeck_standin.aws.signing_key import create_signing_key
from tapedeck_standin.aws.table_stream import Changes, MotoChanges, StreamChanges
from tapedeck_standin.aws.template import Template

DATABASE: Final = "AWS_ENDPOINT_URL_DYNAMODB"
"""Environment variable: the endpoint of another DynamoDB, such as DynamoDB Local."""

MEDIA: Final = "TAPEDECK_MEDIA_ACCESS"
"""Environment variable: who may fetch media, `vendor` as with the vendors or `authenticated` as in a deployment."""

VENDOR: Final = "vendor"
DURABLE: Final = "durable"
RETRY_HOURS: Final = {VENDOR: "0", DURABLE: "72"}
"""Hours for which a callback is retried after the vendor's own attempts."""

LOOPBACK_HOSTS: Final = "localhost,127.0.0.1,::1"
"""Hosts without a public address that callbacks are always delivered to."""

STANDIN_DEFAULTS: Final = {
    "MEDIA_ACCESS": "vendor",
    "MEDIA_INLINE_BYTES": str(1 << 40),
    "CALLBACK_RETRY_HOURS": RETRY_HOURS[VENDOR],
    "CALLBACK_ALLOWED_HOSTS": LOOPBACK_HOSTS,
    "CALLBACK_CONCURRENCY": "65536",
    "CALLBACK_RETRY_CONCURRENCY": "65536",
}
"""The vendor's behaviour; media are always inline: no server answers presigned URLs of the emulated S3.

With so many senders, hardly two recordings, conferences or calls share a FIFO group: only the number of threads limits
an account.
"""

_ENVIRONMENT: Final = {
    # Invalid credentials: a request that leaves this machine by mistake fails.
    "AWS_ACCESS_KEY_ID": "standin",
    "AWS_SECRET_ACCESS_KEY": "standin",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_REGION": "us-east-1",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
    "SAM_CLI_TELEMETRY": "0",
    "TAPEDECK_STANDIN": "1",
}


class InvalidSetting(Exception):
    """An environment variable has an invalid value; the message names it and the accepted values."""


def isolate_aws_environment() -> None:
    """Replace the user's AWS configuration by one that reaches no real account, and disable SAM's telemetry.

    Of all `AWS_*` variables only `AWS_ENDPOINT_URL_DYNAMODB` is kept.
    """
    for name in [name for name in os.environ if name.startswith("AWS_") and name != DATABASE]:
        del os.environ[name]
    os.environ.update(_ENVIRONMENT)


def make_full_client(service: str) -> Any:  # noqa: ANN401 - botocore makes its classes at run time
    """Make a client with every operation of a service; the functions' clients support only those that they use."""
    if service == "dynamodb" and _memory.database is not None:
        return _memory.database
    config = Config(connect_timeout=1, read_timeout=10, retries={"mode": "legacy", "total_max_attempts": 4})
    return _session().create_client(service, config=config)


@cache
def _session() -> Session:
    """Return the shared session: making one takes longer than making a client."""
    return Session()


@dataclass
class _Memory:
    """The in-memory database that replaces moto's, or None."""

    database: MemoryDynamoDB | None = None


_memory: Final = _Memory()


@contextmanager
def using_memory_dynamodb(database: MemoryDynamoDB) -> Iterator[None]:
    """Use this database in place of every DynamoDB client until the block is left.

    Raises:
        InvalidSetting: `AWS_ENDPOINT_URL_DYNAMODB` is set as well.
    """
    if os.environ.get(DATABASE):
        raise InvalidSetting(f"{DATABASE} is set, but the in-memory store was selected: use only one of them")

    def make(service: str) -> Any:  # noqa: ANN401 - botocore makes its classes at run time
        return database if service == "dynamodb" else make_client(service)

    with installed(replace(current_environment(), make_client=make)):
        _memory.database = database
        try:
            yield
        finally:
            _memory.database = None


@contextmanager
def emulated_aws(template: Template, settings: Mapping[str, str] = MappingProxyType({})) -> Iterator[None]:
    """Create the template's tables, buckets and signing key, and set the functions' environment variables.

    If `AWS_ENDPOINT_URL_DYNAMODB` names another database, the tables are created there. KMS and S3 are always emulated
    in this process. Services are built again from these variables.

    Args:
        template: the resources to create.
        settings: environment variables that override the defaults of the stand-in.

    Raises:
        InvalidSetting: `TAPEDECK_MEDIA_ACCESS` has an unknown value.
        botocore.exceptions.BotoCoreError: the other database does not respond.
    """
    variables = {**STANDIN_DEFAULTS, "MEDIA_ACCESS": _media_access(), **settings}
    with mock_aws(config=_config(os.environ.get(DATABASE))), quick_moto(), one_request_at_a_time():
        tables = template.create_tables(make_full_client("dynamodb"))
        key = create_signing_key(make_full_client("kms"))
        buckets = template.create_buckets(make_full_client("s3"))
        os.environ.update(template.environment({**tables, **buckets, "SigningKey": key}))
        os.environ.update(variables)
        with rebuilt_services():
            yield


def _media_access() -> str:
    access = os.environ.get(MEDIA) or STANDIN_DEFAULTS["MEDIA_ACCESS"]
    if access not in set(MediaAccess):
        raise InvalidSetting(f"{MEDIA} must be {' or '.join(MediaAccess)}")
    return access


def stream_of(table: str) -> Changes:
    """Return a reader for the stream of a table, in the database that is in use."""
    if _memory.database is not None:
        return MemoryChanges(_memory.database, table)
    if not os.environ.get(DATABASE):
        return MotoChanges(table)
    described = make_full_client("dynamodb").describe_table(TableName=table)["Table"]
    client = _session().create_client("dynamodbstreams", endpoint_url=os.environ[DATABASE])
    return StreamChanges(client, described["LatestStreamArn"])


def _config(database: str | None) -> Any:  # noqa: ANN401 - moto's type lacks its own option
    core: dict[str, Any] = {"mock_credentials": False}
    if database:
        core["passthrough"] = {"urls": [re.escape(database)]}
    return {"core": core}
