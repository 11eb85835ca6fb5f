"""The emulated KMS key of a deployment's secrets, the same in each run of the stand-in."""

import hashlib
from typing import Any, Final

from moto.kms import models

from tapedeck_standin.aws.patching import patched

_KEY_ID: Final = "5a8f0c1e-0000-4000-8000-000000000001"

_KEY_MATERIAL: Final = hashlib.sha256(b"the public key material of every stand-in").digest()


def create_signing_key(kms: Any) -> str:  # noqa: ANN401 - botocore makes its classes at run time
    """Create the key in moto and return its id.

    A database that is kept has secrets that an earlier run has encrypted. This run must decrypt them.
    """
    with (
        patched(models, "generate_key_id", lambda _multi_region=False: _KEY_ID),
        patched(models, "generate_master_key", lambda: _KEY_MATERIAL),
    ):
        created: str = kms.create_key()["KeyMetadata"]["KeyId"]
    return created
