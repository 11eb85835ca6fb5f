"""The composition root: the only place that knows everything, and where the functions get their `endpoint`."""

import gc
import os
import time
from functools import cache
from typing import TYPE_CHECKING

from tapedeck.adapters.clients import make_client
from tapedeck.adapters.dynamodb.client import DynamoDBClient, DynamoDBTable
from tapedeck.adapters.dynamodb.credentials import CredentialsTable
from tapedeck.adapters.dynamodb.table import RecordingsTable
from tapedeck.adapters.kms import KmsEncryptor
from tapedeck.admin.endpoint import AdminEndpoint, AdminServices
from tapedeck.http.endpoint import ApiServices, Endpoint
from tapedeck.observability import CanonicalLog
from tapedeck.operations.accounts import Accounts
from tapedeck.operations.authentication import Authenticator
from tapedeck.operations.calls import Calls
from tapedeck.operations.conferences import Conferences
from tapedeck.operations.recordings import Recordings
from tapedeck.ports.stores import Clock
from tapedeck.settings import STANDIN_TOKEN, Settings

if TYPE_CHECKING:
    from tapedeck.operations.lists import Lists
    from tapedeck.operations.media import Media
    from tapedeck.operations.participants import Participants
    from tapedeck.operations.transcriptions import Transcriptions


def system_clock() -> int:
    """Milliseconds since the epoch, of this machine's clock."""
    return time.time_ns() // 1_000_000


clock: Clock = system_clock
"""What time it is for whatever is made from now on."""


def monotonic_clock() -> int:
    """Milliseconds since some moment, of a clock that nobody sets."""
    return time.monotonic_ns() // 1_000_000


def build_api_services(settings: Settings, dynamodb: DynamoDBClient) -> ApiServices:
    """Everything that a request needs, over this client; what few functions need is loaded when they ask for it."""
    now = clock
    database = DynamoDBTable(dynamodb, settings.recordings_table, time.sleep)
    store = RecordingsTable(database)
    calls, conferences, recordings = Calls(store, now), Conferences(store, now), Recordings(store, now)
    credentials = CredentialsTable(DynamoDBTable(dynamodb, settings.credentials_table, time.sleep))
    refused = frozenset() if settings.is_standin else frozenset({STANDIN_TOKEN})

    def make_media() -> "Media":
        from tapedeck.adapters.audio import WavCodec  # noqa: PLC0415
        from tapedeck.adapters.s3 import Bucket  # noqa: PLC0415
        from tapedeck.operations.media import Media  # noqa: PLC0415

        return Media(store, recordings, Bucket(make_client("s3"), settings.media_bucket), WavCodec(), now)

    def make_lists() -> "Lists":
        from tapedeck.adapters.dynamodb.lists import ListTable  # noqa: PLC0415
        from tapedeck.operations.lists import Lists  # noqa: PLC0415

        return Lists(ListTable(database), now)

    def make_participants() -> "Participants":
        from tapedeck.adapters.dynamodb.participants import ParticipantTable  # noqa: PLC0415
        from tapedeck.operations.participants import Participants  # noqa: PLC0415

        return Participants(ParticipantTable(database), calls, conferences, now)

    def make_transcriptions() -> "Transcriptions":
        from tapedeck.adapters.dynamodb.transcriptions import TranscriptionTable  # noqa: PLC0415
        from tapedeck.operations.transcriptions import Transcriptions  # noqa: PLC0415

        return Transcriptions(TranscriptionTable(database), recordings, now)

    return ApiServices(
        calls=calls,
        conferences=conferences,
        recordings=recordings,
        authenticator=Authenticator(
            credentials, now, settings.credential_cache_seconds, refused, monotonic_clock, settings.media_access
        ),
        log=CanonicalLog(settings.service),
        clock=now,
        media_inline_bytes=settings.media_inline_bytes,
        media=cache(make_media),
        make_lists=cache(make_lists),
        make_participants=cache(make_participants),
        make_transcriptions=cache(make_transcriptions),
    )


@cache
def get_api_services() -> ApiServices:
    """The service that the environment describes, made once."""
    return build_api_services(Settings.read(), make_client("dynamodb"))


@cache
def get_admin_services() -> AdminServices:
    """The same for the functions without a route, made once; only they reach the KMS key."""
    settings = Settings.read()
    credentials = CredentialsTable(DynamoDBTable(make_client("dynamodb"), settings.credentials_table, time.sleep))
    encryptor = KmsEncryptor(make_client("kms"), settings.signing_kms_key_id)
    return AdminServices(Accounts(credentials, encryptor, clock), CanonicalLog(settings.service))


endpoint = Endpoint(get_api_services)
admin_function = AdminEndpoint(get_admin_services)

if "AWS_LAMBDA_INITIALIZATION_TYPE" in os.environ:
    # Lambda does not throttle what runs before the first request, and its memory is never looked through again.
    get_api_services()
    gc.freeze()
    gc.enable()
