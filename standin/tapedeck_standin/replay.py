"""One sample event through its function, in this process: `python -m tapedeck_standin.replay events/x.json`."""

import json
import sys
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from typing import Any

import click

from tapedeck.adapters.aws import make_client
from tapedeck.adapters.kms import KmsSealer
from tapedeck.settings import Settings
from tapedeck_standin.backend import UnusableSetting, emulated, make_full_client, shut_in
from tapedeck_standin.functions import load_handler
from tapedeck_standin.project import find_root
from tapedeck_standin.seed import seed
from tapedeck_standin.template import Template


def operation_of(event: Path) -> str:
    """The function that a sample event is for: what its file is named after, up to the first dot."""
    return event.name.partition(".")[0]


def make_seeding() -> Callable[[], None]:
    """What brings the tables and the bucket that the environment names to where sample events begin."""
    settings = Settings.read()
    sealer = KmsSealer(make_client("kms"), settings.signing_key)
    return partial(seed, make_full_client("dynamodb"), make_full_client("s3"), settings, sealer)


class NoEvent(Exception):
    """A file that holds no JSON object; says which."""


def read_event(event: Path) -> dict[str, Any]:
    """What is in the file of an event.

    Raises:
        NoEvent: no JSON object.
    """
    try:
        content = json.loads(event.read_text(encoding="utf-8"))
    except ValueError as error:
        raise NoEvent(f"{event.name} holds no JSON: {error}") from error
    if not isinstance(content, dict):
        raise NoEvent(f"{event.name} holds no JSON object")
    return content


def replay(root: Path, event: Path) -> dict[str, Any]:
    """What the function answers to an event; its tables must have been seeded.

    Args:
        root: the project's.
        event: the file.

    Raises:
        FileNotFoundError: there is no such event, or no such function.
        NoEvent: the file holds none.
    """
    content = read_event(event)
    return readable(load_handler(root, operation_of(event))(content, None))


def readable(answer: Mapping[str, Any]) -> dict[str, Any]:
    """A function's answer with the JSON of its body in place of the text; audio stays in base64."""
    body = answer.get("body")
    is_json = isinstance(body, str) and body and not answer.get("isBase64Encoded")
    return {**answer, "body": json.loads(str(body))} if is_json else dict(answer)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("event", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def main(event: Path) -> None:
    """Run the sample EVENT through its function, and print the answer."""
    root = find_root()
    try:
        read_event(event)  # before anything is set up for it
        shut_in()
        with emulated(Template.load(root / "template.yaml")), redirect_stdout(sys.stderr):
            # The answer alone goes to standard output; what functions log goes beside it.
            make_seeding()()
            answer = replay(root, event)
    except FileNotFoundError as missing:
        raise click.ClickException(f"no function answers {event.name}: {missing}") from missing
    except (NoEvent, UnusableSetting) as unusable:
        raise click.ClickException(str(unusable)) from unusable
    click.echo(json.dumps(answer, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
