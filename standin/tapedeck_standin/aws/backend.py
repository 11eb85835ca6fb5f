"""What the stand-in has in place of AWS: tables in memory or in another DynamoDB, media, and a key."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Any, Final

from dynamodb_memory.client import MemoryChanges, MemoryDynamoDB
from tapedeck.adapters.clock import system_clock
from tapedeck.bootstrap.environment import current_environment, installed
from tapedeck.domain.account import MediaAccess
from tapedeck.ports.clock import Clock
from tapedeck_standin.aws.keys import MemoryKeys
from tapedeck_standin.aws.late_mp3 import LateMp3Codec
from tapedeck_standin.aws.media import MediaFolder
from tapedeck_standin.aws.table_stream import Changes, StreamChanges
from tapedeck_standin.aws.template import Template

DATABASE: Final = "AWS_ENDPOINT_URL_DYNAMODB"
"""Environment variable: the endpoint of another DynamoDB, such as DynamoDB Local."""

INVALID_DATABASE: Final = f"{DATABASE} must be the URL of a database, such as http://localhost:8000"

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
"""The vendor's behaviour; media are always inline: no server answers presigned URLs.

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
    """An environment variable has an invalid value; the message names it and the accepted values (C-341)."""


class DatabaseUnavailable(Exception):
    """The other database does not respond, or cannot be reached without the extra `aws`; the message says which."""


def isolate_aws_environment() -> None:
    """Replace the user's AWS configuration by one that reaches no real account.

    Of all `AWS_*` variables only `AWS_ENDPOINT_URL_DYNAMODB` is kept.
    """
    for name in [name for name in os.environ if name.startswith("AWS_") and name != DATABASE]:
        del os.environ[name]
    os.environ.update(_ENVIRONMENT)


@dataclass(frozen=True, slots=True)
class Backend:
    """The databases and stores of a stand-in.

    dynamodb: a client with all operations.
    stream_of: opens a reader for the stream of a table, by the table's name.
    media: the media of all accounts.
    keys: encrypts and decrypts signing keys.
    """

    dynamodb: Any
    stream_of: Callable[[str], Changes]
    media: MediaFolder
    keys: MemoryKeys


@contextmanager
def emulated_aws(
    template: Template, settings: Mapping[str, str] = MappingProxyType({}), clock: Clock = system_clock
) -> Iterator[Backend]:
    """Create the template's tables, and set the functions' environment variables and their environment.

    If `AWS_ENDPOINT_URL_DYNAMODB` names another database, the tables are created there.

    Args:
        template: the resources to create.
        settings: environment variables that override the defaults of the stand-in.
        clock: dates the records of the tables in memory, in milliseconds.

    Raises:
        InvalidSetting: `TAPEDECK_MEDIA_ACCESS` has an unknown value, or `AWS_ENDPOINT_URL_DYNAMODB` is no URL.
        DatabaseUnavailable: the other database does not respond, or cannot be reached without the extra `aws`.
    """
    variables = {**STANDIN_DEFAULTS, "MEDIA_ACCESS": _media_access(), **settings}
    open_database = _open_other_database if os.environ.get(DATABASE) else partial(_open_memory, clock)
    client, make_client, stream_of, names = open_database(template)
    with MediaFolder.temporary() as media:
        keys = MemoryKeys()
        os.environ.update(template.environment({**names, **template.bucket_names(), "SigningKey": "standin"}))
        os.environ.update(variables)
        environment = replace(
            current_environment(), make_client=make_client, make_media_store=lambda: media,
            make_codec=lambda: LateMp3Codec(media), make_encryptor=lambda: keys,
        )  # fmt: skip
        with installed(environment):
            yield Backend(client, stream_of, media, keys)


Database = tuple[Any, Callable[[str], Any], Callable[[str], Changes], dict[str, str]]
"""A client with all operations, what makes clients for the functions, what opens streams, and the tables' names."""


def _open_memory(clock: Clock, template: Template) -> Database:
    memory = MemoryDynamoDB(clock)
    return memory, {"dynamodb": memory}.__getitem__, partial(MemoryChanges, memory), template.create_tables(memory)


def _open_other_database(template: Template) -> Database:
    try:
        # The base distribution has no botocore: no other service of AWS is used.
        from botocore.config import Config  # noqa: PLC0415
        from botocore.exceptions import BotoCoreError  # noqa: PLC0415
        from botocore.session import Session  # noqa: PLC0415

        from tapedeck.adapters.clients import make_client  # noqa: PLC0415
    except ImportError as error:
        raise DatabaseUnavailable(f"{DATABASE} needs botocore: install tapedeck-api[aws]") from error
    session = Session()
    config = Config(connect_timeout=1, read_timeout=10, retries={"mode": "legacy", "total_max_attempts": 4})
    try:
        client: Any = session.create_client("dynamodb", config=config)
    except ValueError as error:  # a host that is none
        raise InvalidSetting(INVALID_DATABASE) from error

    def stream_of(table: str) -> Changes:
        streams = session.create_client("dynamodbstreams", endpoint_url=os.environ[DATABASE])
        return StreamChanges(streams, client.describe_table(TableName=table)["Table"]["LatestStreamArn"])

    try:
        return client, make_client, stream_of, template.create_tables(client)
    except BotoCoreError as error:
        raise DatabaseUnavailable(f"the database does not respond: {error}") from error


def _media_access() -> str:
    access = os.environ.get(MEDIA) or STANDIN_DEFAULTS["MEDIA_ACCESS"]
    if access not in set(MediaAccess):
        raise InvalidSetting(f"{MEDIA} must be {' or '.join(MediaAccess)}")
    return access
