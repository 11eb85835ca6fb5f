"""The command `tapedeck check-engine`."""

import json
import os
from collections.abc import Mapping
from typing import NoReturn

import click


@click.command("check-engine", context_settings={"ignore_unknown_options": False})
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@click.option("--only", multiple=True, metavar="NAME", help="Run only this check. May be repeated.")
@click.option("--list", "lists", is_flag=True, help="List the checks with their rules, and exit.")
@click.option("--quick", is_flag=True, help="Leave out the checks that take more than ten seconds.")
@click.option("--json", "as_json", is_flag=True, help="Print the results as one JSON object.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, show_default=True,
    help="Port of TAPEDECK_URL. 0 selects any free port.",
)  # fmt: skip
@click.option(
    "--call-command", default="", metavar="TEXT",
    help="Shell command that makes the engine report a new call. Default: Tapedeck creates the calls.",
)  # fmt: skip
@click.option("--show-output", is_flag=True, help="Show what the connector prints, on standard error.")
def check_engine(
    command: tuple[str, ...],
    only: tuple[str, ...],
    port: int,
    call_command: str,
    *,
    lists: bool,
    quick: bool,
    as_json: bool,
    show_output: bool,
) -> None:
    """Check a connector of a media engine against the rules of the engine protocol.

    COMMAND, after --, starts the connector, which gets TAPEDECK_URL and TAPEDECK_ENGINE_TOKEN in its environment.
    Without a COMMAND both are printed, and the checks begin when a connector opens a session.
    """
    environment = dict(os.environ)
    # Set the environment before any module reads it; heavy modules are imported only here.
    from tapedeck_standin.aws.backend import isolate_aws_environment  # noqa: PLC0415

    isolate_aws_environment()
    from tapedeck_standin.conformance import suite  # noqa: PLC0415

    try:
        checks = suite.select_checks(only, with_slow=not quick)
    except KeyError as unknown:
        raise click.UsageError(f"there is no check {unknown}; --list shows all") from unknown
    if lists:
        for each in checks:
            click.echo(f"{each.name:26}{each.rule:12}{each.sentence}")
        return

    def announce(settings: Mapping[str, str]) -> None:
        if not command:
            click.echo("\n".join(f"export {name}={value}" for name, value in settings.items()))
            click.echo("Start your connector with these two variables.")

    def report(result: suite.CheckResult) -> None:
        if not as_json:
            click.echo(result.as_line())

    setting = suite.ConnectorSetting(command, environment, call_command, show_output)
    try:
        with suite.serving_connectors(port) as workbench, workbench.rig(setting, announce) as rig:
            results = suite.run_checks(rig, checks, report)
    except OSError as error:
        _fail(str(error))
    counts = {kind: sum(each.result == kind for each in results) for kind in (suite.OK, suite.FAILED, suite.SKIPPED)}
    if as_json:
        click.echo(json.dumps({**counts, "checks": [each.as_json() for each in results]}, indent=2))
    else:
        click.echo(", ".join(f"{count} {kind}" for kind, count in counts.items()))
    raise SystemExit(1 if counts[suite.FAILED] else 0)


def _fail(message: str) -> NoReturn:
    click.echo(f"tapedeck: {message}", err=True)
    raise SystemExit(1)
