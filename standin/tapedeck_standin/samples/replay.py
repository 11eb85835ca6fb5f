"""Replay a sample event through its function: `python -m tapedeck_standin.samples.replay events/x.json`."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import click

from tapedeck.adapters.clients import make_client
from tapedeck.adapters.kms import KmsDecryptor, KmsEncryptor
from tapedeck.bootstrap.environment import Environment, OutboundClients, current_environment, installed
from tapedeck.domain.subscription import is_valid_callback_url
from tapedeck.ports.instructions import ComposedRequest, FetchFailure, InstructionAnswer, InstructionRequest
from tapedeck.ports.messaging import WebhookRequest, WebhookResult
from tapedeck.settings import Settings
from tapedeck_standin.app.paths import find_root
from tapedeck_standin.aws.backend import isolate_aws_environment
from tapedeck_standin.aws.function_loader import load_handler
from tapedeck_standin.aws.queues import MemoryBus, MemoryQueue
from tapedeck_standin.aws.standard_queue import MemoryEngineQueues
from tapedeck_standin.aws.template import Template
from tapedeck_standin.samples.data import seed
from tapedeck_standin.samples.moto_aws import make_full_client, moto_aws
from tapedeck_standin.telephony.queue_access import FixedLender


def operation_of(event: Path) -> str:
    """Return the operation of a sample event: its file name up to the first dot."""
    return event.name.partition(".")[0]


def _queue(name: str) -> MemoryQueue:
    return MemoryQueue(current_environment().clock, visibility_seconds=0, max_receives=1, dead_letters=None, name=name)


def make_seeding(dynamodb: Any = None) -> Callable[[], None]:  # noqa: ANN401 - botocore makes its classes at run time
    """Return a function that seeds the tables and buckets named by the environment with the sample data.

    Args:
        dynamodb: a client of the database; None for the emulated one.
    """
    settings = Settings.read()
    encryptor = KmsEncryptor(make_client("kms"), settings.signing_kms_key_id)
    return partial(seed, dynamodb or make_full_client("dynamodb"), make_full_client("s3"), settings, encryptor)


_OK: Final = 200

SAMPLE_ENGINE: Final = "ast1"
"""Name of the media engine in the samples."""

SAMPLE_SETTINGS: Final = MappingProxyType({"CONFIRM_UPDATES": "none", "MAX_CALL_HOURS": "1000000"})
"""Environment variables of functions that are invoked alone.

No media engine runs that could confirm (C-253). Calls may last a century, because those of the sample data are of 2025.
"""


@dataclass
class CapturedOutput:
    """Captures the commands, callbacks and domain events of replayed functions; sends nothing.

    `commands` are the queues of media engines, which functions also create and delete.
    """

    commands: MemoryEngineQueues = field(
        default_factory=lambda: MemoryEngineQueues(current_environment().clock, [SAMPLE_ENGINE])
    )
    callbacks: MemoryQueue = field(default_factory=partial(_queue, "callbacks.fifo"))
    callback_retries: MemoryQueue = field(default_factory=partial(_queue, "callback-retries.fifo"))
    finishing: MemoryQueue = field(default_factory=partial(_queue, "finishing"))
    bus: MemoryBus = field(default_factory=MemoryBus)
    requests: list[WebhookRequest] = field(default_factory=list)
    instructions: list[ComposedRequest] = field(default_factory=list)

    def send(self, request: WebhookRequest) -> WebhookResult:
        """Capture a callback request, and answer 200."""
        self.requests.append(request)
        return WebhookResult(_OK, None, 0)

    def fetch(self, request: InstructionRequest) -> InstructionAnswer:
        """Capture a request for instructions, and answer with an empty document; a URL that is none is refused."""
        if not is_valid_callback_url(request.url):
            return InstructionAnswer(FetchFailure.INVALID_URL, 0, 1, cookies=request.cookies)
        self.instructions.append(request.compose(request.method, request.url))
        return InstructionAnswer(None, 0, 1, request.url, _OK, "text/xml", b"<Response/>", request.cookies)

    def outbound_clients(self, environment: Environment, settings: Settings) -> OutboundClients:
        """Return outbound clients that are captured here."""
        return OutboundClients(
            commands=self.commands,
            callbacks=self.callbacks,
            callback_retries=self.callback_retries,
            finishing=self.finishing,
            bus=self.bus,
            webhook_client=self,
            decryptor=KmsDecryptor(environment.make_client("kms"), settings.signing_kms_key_id),
            instruction_client=self,
        )

    @property
    def sent(self) -> list[str]:
        """Captured messages, one line each."""
        commands = [f"{queue.name} {body}" for queue in self.commands.values() for body in queue.bodies]
        queues = (self.callbacks, self.callback_retries, self.finishing)
        queued = [f"{queue.name} {body}" for queue in queues for _, body in queue.messages]
        events = [f"bus {event.kind} {json.dumps(event.detail)}" for event in self.bus.events]
        sent = [f"{request.method} {request.url} {request.body.decode()}" for request in self.requests]
        instructions = [f"instructions {request.url} {request.body.decode()}" for request in self.instructions]
        return commands + queued + events + sent + instructions


LOCAL_ORIGIN: Final = "http://localhost:3000"
"""Where a connector on this machine would find the queues of the stand-in."""


@contextmanager
def capturing_output() -> Iterator[CapturedOutput]:
    """Capture what background functions send until the block is left."""
    captured = CapturedOutput()
    environment = replace(
        current_environment(),
        make_outbound_clients=captured.outbound_clients,
        default_engine=SAMPLE_ENGINE,
        make_engine_queue_admin=lambda: captured.commands,
        make_credentials_lender=lambda: FixedLender(LOCAL_ORIGIN, current_environment().clock),
    )
    with installed(environment):
        yield captured


class InvalidEventFile(Exception):
    """The event file is not a JSON object; the message names the file."""


def read_event(event: Path) -> dict[str, Any]:
    """Read an event file.

    Raises:
        InvalidEventFile: the file is not a JSON object.
    """
    try:
        content = json.loads(event.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InvalidEventFile(f"{event.name} is not valid JSON: {error}") from error
    if not isinstance(content, dict):
        raise InvalidEventFile(f"{event.name} is not a JSON object")
    return content


def replay(root: Path, event: Path) -> dict[str, Any]:
    """Return the function's answer to an event; the tables must have been seeded.

    Args:
        root: the root of the project.
        event: the event file.

    Raises:
        FileNotFoundError: the file or its function does not exist.
        InvalidEventFile: the file is not a JSON object.
    """
    content = read_event(event)
    return readable(load_handler(root, operation_of(event))(content, None))


def readable(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return a function's answer with its JSON body parsed; audio stays in base64."""
    body = answer.get("body")
    is_json = isinstance(body, str) and body and not answer.get("isBase64Encoded")
    return {**answer, "body": json.loads(str(body))} if is_json else dict(answer)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("event", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def main(event: Path) -> None:
    """Run the sample EVENT through its function, and print the answer."""
    root = find_root()
    try:
        read_event(event)  # fail early, before the slow setup
        isolate_aws_environment()
        with (
            moto_aws(Template.load(root / "template.yaml"), SAMPLE_SETTINGS),
            # Standard output is for the answer only; logs and captured messages go to standard error.
            redirect_stdout(sys.stderr),
            capturing_output() as captured,
        ):
            make_seeding()()
            answer = replay(root, event)
    except FileNotFoundError as missing:
        raise click.ClickException(f"no function for {event.name}: {missing}") from missing
    except InvalidEventFile as unusable:
        raise click.ClickException(str(unusable)) from unusable
    for line in captured.sent:
        click.echo(line, err=True)
    click.echo(json.dumps(answer, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
