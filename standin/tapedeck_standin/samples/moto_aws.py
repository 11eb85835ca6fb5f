"""AWS emulated by moto in this process, for development: functions send their requests to it."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from types import MappingProxyType
from typing import Any

from botocore.session import Session
from moto import mock_aws

from tapedeck.bootstrap.environment import rebuilt_services
from tapedeck_standin.aws.backend import STANDIN_DEFAULTS
from tapedeck_standin.aws.template import Template


def make_full_client(service: str) -> Any:  # noqa: ANN401 - botocore makes its classes at run time
    """Make a client with every operation of a service; the functions' clients support only those that they use."""
    return _session().create_client(service)


@cache
def _session() -> Session:
    """Return the shared session: making one takes longer than making a client."""
    return Session()


@contextmanager
def moto_aws(template: Template, settings: Mapping[str, str] = MappingProxyType({})) -> Iterator[None]:
    """Create the template's tables, buckets and signing key, and set the functions' environment variables.

    Args:
        template: the resources to create.
        settings: environment variables that override the defaults of the stand-in.
    """
    with mock_aws(config={"core": {"mock_credentials": False}}):
        tables = template.create_tables(make_full_client("dynamodb"))
        key = make_full_client("kms").create_key()["KeyMetadata"]["KeyId"]
        buckets = template.create_buckets(make_full_client("s3"))
        os.environ.update(template.environment({**tables, **buckets, "SigningKey": key}))
        os.environ.update({**STANDIN_DEFAULTS, **settings})
        with rebuilt_services():
            yield
