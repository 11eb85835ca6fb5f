"""The clients with which the background functions of the stand-in send something out."""

import random

from tapedeck.adapters.webhooks.client import SafeWebhookClient
from tapedeck.adapters.webhooks.instructions import ApplicationClient
from tapedeck.bootstrap.environment import Environment, OutboundClients
from tapedeck.settings import Settings
from tapedeck_standin.app.determinism import SeededRandom
from tapedeck_standin.aws.account_queues import AccountQueues
from tapedeck_standin.aws.keys import MemoryKeys
from tapedeck_standin.aws.queues import MemoryQueue
from tapedeck_standin.aws.standard_queue import MemoryEngineQueues, MemoryStandardQueue
from tapedeck_standin.callbacks.callback_log import CallbackLog
from tapedeck_standin.calls.webhook_journal import WebhookJournal
from tapedeck_standin.clock import VirtualClock


def make_outbound_clients(
    engine_queues: MemoryEngineQueues,
    callbacks: AccountQueues[MemoryQueue],
    finishing: AccountQueues[MemoryStandardQueue],
    callback_log: CallbackLog,
    webhooks: WebhookJournal,
    seeded_random: SeededRandom | None,
    clock: VirtualClock,
    keys: MemoryKeys,
    _environment: Environment,
    settings: Settings,
) -> OutboundClients:
    """Make the clients with which background functions send something out.

    Args:
        engine_queues: the queues of media engines.
        callbacks: the queues of callbacks.
        finishing: the queues of captures to convert.
        callback_log: observes the deliveries of callbacks.
        webhooks: observes the requests for instructions.
        seeded_random: source of reproducible delays; None for the system's randomness.
        clock: the virtual clock.
        keys: decrypts signing keys.
        settings: which hosts are allowed, and which have another address.
    """
    allowed, host_map = settings.callback_allowed_hosts, dict(settings.callback_host_map)
    webhook = SafeWebhookClient(allowed_hosts=allowed, host_map=host_map, clock=clock)
    application = ApplicationClient(clock.sleep, allowed_hosts=allowed, host_map=host_map, clock=clock)
    return OutboundClients(
        commands=engine_queues,
        callbacks=callbacks,
        # The same queue: each account has threads of its own, so that no account waits for another.
        callback_retries=callbacks,
        finishing=finishing,
        bus=None,  # nothing could read the events (C-331)
        webhook_client=callback_log.observe_client(webhook),
        decryptor=keys,
        sleep=clock.sleep,
        random_float=(seeded_random or random).random,
        monotonic_clock=clock.monotonic,
        instruction_client=webhooks.observe_client(application),
    )
