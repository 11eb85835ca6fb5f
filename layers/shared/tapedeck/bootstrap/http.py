"""The composition root of HTTP functions: builds their services and those of account administration."""

import gc
import os
import time
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from tapedeck.adapters.clock import monotonic_clock
from tapedeck.adapters.dynamodb.client import DynamoDBTable
from tapedeck.adapters.dynamodb.credentials import CredentialsTable
from tapedeck.adapters.dynamodb.resources import ResourceTable
from tapedeck.bootstrap.environment import Environment, current_environment
from tapedeck.http.endpoint import Endpoint, Handler
from tapedeck.http.services import ApiServices
from tapedeck.operations.authentication import AccountRules, Authenticator
from tapedeck.operations.calls import Calls
from tapedeck.operations.conferences import Conferences
from tapedeck.operations.recordings import Recordings

if TYPE_CHECKING:
    from collections.abc import Callable

    from tapedeck.admin.endpoint import AdminServices
    from tapedeck.dialects.forms.media import GetAudio
    from tapedeck.operations.account_details import AccountDetails
    from tapedeck.operations.api_keys import ApiKeys
    from tapedeck.operations.applications import Applications
    from tapedeck.operations.confirmations import Confirmations
    from tapedeck.operations.engine_choice import EngineChooser
    from tapedeck.operations.engine_rules import EngineRules
    from tapedeck.operations.lists import Lists
    from tapedeck.operations.media import Media
    from tapedeck.operations.participants import Participants
    from tapedeck.operations.phone_numbers import PhoneNumbers
    from tapedeck.operations.placed_calls import PlacedCalls
    from tapedeck.operations.transcriptions import Transcriptions
    from tapedeck.ports.clock import Clock
    from tapedeck.ports.credentials import Encryptor
    from tapedeck.ports.media import MediaStore


def build_api_services(environment: Environment) -> ApiServices:
    """Build the services of HTTP functions; those that few functions need are imported at first use."""
    settings, now, make_client = environment.read_settings(), environment.clock, environment.make_client
    late = settings.late_audio_days
    dynamodb = make_client("dynamodb")
    database = DynamoDBTable(dynamodb, settings.recordings_table, time.sleep)
    store = ResourceTable(database)

    @cache
    def engine_rules() -> "EngineRules":
        from tapedeck.adapters.dynamodb.presence import PresenceTable  # noqa: PLC0415
        from tapedeck.operations.engine_rules import EngineRules, KnownPresences  # noqa: PLC0415

        at = environment.engine_clock
        return EngineRules(KnownPresences(PresenceTable(database), at, monotonic_clock), store, at)

    # The only engine of the simulated stand-in is alive.
    recordings = Recordings(store, now, engine_rules if environment.default_engine is None else None)
    calls, conferences = Calls(store, now), Conferences(store, now)
    credentials = CredentialsTable(DynamoDBTable(dynamodb, settings.credentials_table, time.sleep))
    refused = settings.refused_secrets

    log = environment.wrap_api_log(environment.make_log(settings))

    choose_engine = cache(partial(_make_engine_chooser, environment, dynamodb, database))

    def make_confirmations() -> "Confirmations":
        from tapedeck.bootstrap.confirmations import build_confirmations  # noqa: PLC0415

        return build_confirmations(environment, database, store, log)

    def make_media() -> "Media":
        from tapedeck.adapters.audio import WavCodec  # noqa: PLC0415
        from tapedeck.operations.media import Media  # noqa: PLC0415

        make_codec = environment.make_codec or WavCodec
        return Media(store, recordings, make_media_store(environment), make_codec(), now, late)

    # --8<-- [start:lazy]
    def make_lists() -> "Lists":
        from tapedeck.adapters.dynamodb.lists import ListTable  # noqa: PLC0415
        from tapedeck.operations.lists import Lists  # noqa: PLC0415

        return Lists(ListTable(database), now)

    # --8<-- [end:lazy]

    def make_participants() -> "Participants":
        from tapedeck.adapters.dynamodb.participants import ParticipantTable  # noqa: PLC0415
        from tapedeck.operations.participants import Participants  # noqa: PLC0415

        table = ParticipantTable(database)
        if environment.default_engine is not None:
            return Participants(table, calls, conferences, now, choose_engine())
        return Participants(table, calls, conferences, now, choose_engine(), engine_rules().require_alive)

    def make_transcriptions() -> "Transcriptions":
        from tapedeck.adapters.dynamodb.transcriptions import TranscriptionTable  # noqa: PLC0415
        from tapedeck.operations.transcriptions import Transcriptions  # noqa: PLC0415

        return Transcriptions(TranscriptionTable(database), recordings, now)

    def make_api_keys() -> "ApiKeys":
        from tapedeck.operations.api_keys import ApiKeys  # noqa: PLC0415

        return ApiKeys(credentials, now, refused)

    def make_account_details() -> "AccountDetails":
        from tapedeck.operations.account_details import AccountDetails  # noqa: PLC0415

        return AccountDetails(credentials)

    return ApiServices(
        calls=calls,
        conferences=conferences,
        recordings=recordings,
        authenticator=Authenticator(
            credentials,
            now,
            settings.credential_cache_seconds,
            refused,
            monotonic_clock,
            AccountRules(settings.media_access, settings.confirm_updates),
        ),
        log=log,
        clock=now,
        media_inline_bytes=settings.media_inline_bytes,
        forwarder=environment.forwarder,
        has_telephony=settings.has_telephony,
        make_confirmations=cache(make_confirmations),
        make_media=cache(make_media),
        make_lists=cache(make_lists),
        make_participants=cache(make_participants),
        make_transcriptions=cache(make_transcriptions),
        make_api_keys=cache(make_api_keys),
        make_placed_calls=cache(partial(_make_placed_calls, database, store, now, choose_engine)),
        make_phone_numbers=cache(partial(_make_phone_numbers, database, now)),
        make_applications=cache(partial(_make_applications, database, now)),
        make_account_details=cache(make_account_details),
    )


def _make_engine_chooser(environment: Environment, dynamodb: Any, database: DynamoDBTable) -> "EngineChooser":  # noqa: ANN401 - botocore's
    """Make what chooses the engine of a new call or conference."""
    from tapedeck.adapters.dynamodb.engine_registry import EngineRegistryTable  # noqa: PLC0415
    from tapedeck.adapters.dynamodb.presence import PresenceTable  # noqa: PLC0415
    from tapedeck.operations.engine_choice import EngineChoice  # noqa: PLC0415

    only = environment.default_engine
    if only is not None:
        return lambda _account, _needed: only
    credentials = DynamoDBTable(dynamodb, environment.read_settings().credentials_table, time.sleep)
    return EngineChoice(PresenceTable(database), EngineRegistryTable(credentials), environment.engine_clock).choose


def _make_placed_calls(
    database: DynamoDBTable, store: ResourceTable, clock: "Clock", choose_engine: "Callable[[], EngineChooser]"
) -> "PlacedCalls":
    from tapedeck.adapters.dynamodb.applications import ApplicationTable  # noqa: PLC0415
    from tapedeck.adapters.dynamodb.phone_numbers import PhoneNumberTable  # noqa: PLC0415
    from tapedeck.operations.placed_calls import PlacedCalls  # noqa: PLC0415

    applications, numbers = ApplicationTable(database), PhoneNumberTable(database)
    return PlacedCalls(store, clock, choose_engine(), applications.get_application, numbers.find_phone_number)


def _make_phone_numbers(database: DynamoDBTable, clock: "Clock") -> "PhoneNumbers":
    from tapedeck.adapters.dynamodb.applications import ApplicationTable  # noqa: PLC0415
    from tapedeck.adapters.dynamodb.phone_numbers import PhoneNumberTable  # noqa: PLC0415
    from tapedeck.operations.phone_numbers import PhoneNumbers  # noqa: PLC0415

    return PhoneNumbers(PhoneNumberTable(database), ApplicationTable(database), clock)


def _make_applications(database: DynamoDBTable, clock: "Clock") -> "Applications":
    from tapedeck.adapters.dynamodb.applications import ApplicationTable  # noqa: PLC0415
    from tapedeck.operations.applications import Applications  # noqa: PLC0415

    return Applications(ApplicationTable(database), clock)


def build_admin_services(environment: Environment) -> "AdminServices":
    """Build the services of account administration; no other function encrypts with the KMS key."""
    from tapedeck.admin.endpoint import AdminServices  # noqa: PLC0415
    from tapedeck.operations.accounts import Accounts  # noqa: PLC0415

    settings, make_client = environment.read_settings(), environment.make_client
    credentials = CredentialsTable(DynamoDBTable(make_client("dynamodb"), settings.credentials_table, time.sleep))

    def make_encryptor() -> "Encryptor":
        from tapedeck.adapters.kms import KmsEncryptor  # noqa: PLC0415

        return KmsEncryptor(make_client("kms"), settings.signing_kms_key_id)

    encryptor = (environment.make_encryptor or make_encryptor)()
    accounts = Accounts(credentials, encryptor, environment.clock, settings.refused_secrets)
    return AdminServices(accounts, environment.make_log(settings))


def make_media_store(environment: Environment, client: Any = None) -> "MediaStore":  # noqa: ANN401 - botocore's
    """Make the store of media: in a deployment S3, by this client or else by a new one."""
    if environment.make_media_store is not None:
        return environment.make_media_store()
    from tapedeck.adapters.s3 import Bucket  # noqa: PLC0415

    client = environment.make_client("s3") if client is None else client
    return Bucket(client, environment.read_settings().media_bucket)


def get_api_services() -> ApiServices:
    """Return the services of HTTP functions in the current environment."""
    return current_environment().cached(build_api_services)


def get_admin_services() -> "AdminServices":
    """Return the services of account administration in the current environment."""
    return current_environment().cached(build_admin_services)


def load_audio() -> "tuple[type[GetAudio], Handler[GetAudio]]":
    """Import the form and the handler of audio, which requests for metadata do not need (C-135)."""
    from tapedeck.dialects.forms.media import GetAudio  # noqa: PLC0415
    from tapedeck.http.audio_response import send_audio  # noqa: PLC0415

    return GetAudio, send_audio


endpoint = Endpoint(get_api_services, load_audio)

# --8<-- [start:init]
IN_LAMBDA = "AWS_LAMBDA_INITIALIZATION_TYPE" in os.environ

if IN_LAMBDA:
    # Every function imports this module, background and admin functions too. Lambda grants full CPU until the first
    # request, so build the API services now. The garbage collector never scans these frozen objects, only later ones.
    get_api_services()
    gc.freeze()
    gc.enable()
    # --8<-- [end:init]
