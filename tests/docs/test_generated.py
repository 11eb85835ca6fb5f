"""Tests that the reference pages agree with the template and the code, and that a difference is noticed."""

import copy
import re
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from pydantic import TypeAdapter

from scripts import make_docs
from scripts.docs_generators import aws, llms
from scripts.docs_generators.markdown import UndescribedError, table, type_of
from tapedeck_protocol import schema
from tapedeck_protocol.events import CallEnded
from tapedeck_standin.aws.template import Template
from tapedeck_standin.cli import main
from tapedeck_standin.control import call_schemas
from tapedeck_standin.control.call_schemas import MakeCallRequest
from tests.client import ROOT, TEMPLATE


def stale() -> list[str]:
    """Return the pages that differ from the code, by their paths below `docs/`."""
    return [str(path.relative_to(make_docs.DOCS)) for path in make_docs.stale_pages(make_docs.make_pages())]


def test_the_pages_agree_with_the_code() -> None:
    """No generated table, and no entry of `llms.txt`, differs from the code; `make docs-reference` updates them."""
    assert stale() == []


def test_every_variable_is_on_the_page_of_settings() -> None:
    """The page names every environment variable that the stand-in and the pytest plugin read."""
    page = (make_docs.DOCS / "reference" / "settings.md").read_text(encoding="utf-8")
    sources = [*(ROOT / "standin").rglob("*.py"), *(ROOT / "plugins").rglob("*.py")]
    code = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    read = set(re.findall(r"\"((?:TAPEDECK|AWS_ENDPOINT)_[A-Z_]+)\"", code))
    assert {"TAPEDECK_FIXTURES", "TAPEDECK_URL", "AWS_ENDPOINT_URL_DYNAMODB"} <= read
    assert sorted(name for name in read if f"`{name}`" not in page) == []


def _change_route(template: Template) -> None:
    routes = template.content["Resources"]["ListCallsFunction"]["Properties"]["Events"]
    for route in routes.values():
        route["Properties"]["Path"] = route["Properties"]["Path"].replace("/Calls", "/AllCalls")


def _change_default(template: Template) -> None:
    template.content["Parameters"]["RateLimit"]["Default"] = 501


def _add_parameter(template: Template) -> None:
    template.content["Parameters"]["Colour"] = {"Type": "String", "Default": "red", "Description": "A colour."}


def _change_threshold(template: Template) -> None:
    template.content["Resources"]["SlowAlarm"]["Properties"]["Threshold"] = 3000


@pytest.mark.parametrize(
    ("change", "page"),
    [
        (_change_route, "reference/endpoints.md"),
        (_change_default, "reference/settings.md"),
        (_add_parameter, "reference/settings.md"),
        (_change_threshold, "reference/metrics-and-alarms.md"),
    ],
)
def test_a_change_of_the_template_is_noticed(
    change: Callable[[Template], None], page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A changed route, default, parameter or alarm makes its page differ, and no other."""
    changed = Template(copy.deepcopy(dict(TEMPLATE.content)))
    change(changed)
    monkeypatch.setattr(aws, "template", lambda: changed)
    assert stale() == [page]


def test_a_new_variable_or_alarm_without_a_text_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable and an alarm that no text describes fail the generation."""
    changed = Template(copy.deepcopy(dict(TEMPLATE.content)))
    changed.content["Globals"]["Function"]["Environment"]["Variables"]["COLOUR"] = "red"
    monkeypatch.setattr(aws, "template", lambda: changed)
    with pytest.raises(UndescribedError, match=r"variables: VARIABLES lacks \['COLOUR'\] and has \[\]"):
        make_docs.make_pages()
    del changed.content["Globals"]["Function"]["Environment"]["Variables"]["COLOUR"]
    changed.content["Resources"]["ColourAlarm"] = changed.content["Resources"]["SlowAlarm"]
    with pytest.raises(UndescribedError, match=r"alarms: ALARM_ACTIONS lacks \['ColourAlarm'\] and has \[\]"):
        make_docs.make_pages()


def test_a_changed_metric_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A metric that the code emits under another name fails the generation."""
    names = [name.replace("EventsStale", "EventsIgnored") for name in aws.metric_names()]
    monkeypatch.setattr(aws, "metric_names", lambda: names)
    with pytest.raises(UndescribedError, match=r"METRICS lacks \['EventsIgnored'\] and has \['EventsStale'\]"):
        make_docs.make_pages()


def test_the_metrics_are_found_in_the_code() -> None:
    """The metrics are those that requests, tasks, records and the reconciler emit."""
    assert sorted(aws.metric_names()) == [
        "Busy", "CallbackHostsSuspended", "CallbacksExhausted", "CallbacksUnsigned", "CallsTooLong", "CaptureConflict",
        "CommandsExpired", "CommandsUnconfirmed", "CommandsUnreadable", "CommandsUnroutable", "EngineClockSkewMs",
        "EngineClockSkewed", "EngineLost", "EngineTrespass", "EngineUnavailable", "EventsDead", "EventsLater",
        "EventsRefused", "EventsStale", "Faults", "Milliseconds", "PausesEndedByEngine", "PausesRefused",
        "PausesUnconfirmed", "RecordingsTimedOut", "ResourcesLost", "TaskFaults", "UploadAgeMs", "UrgentSendsFailed",
    ]  # fmt: skip


def test_a_changed_option_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new option of the command line makes the pages of the command line and of the settings differ."""
    serve = main.commands["serve"]
    option = click.Option(["--colour"], envvar="TAPEDECK_COLOUR", help="The colour.")
    monkeypatch.setattr(serve, "params", [*serve.params, option])
    assert stale() == ["reference/settings.md", "reference/cli.md"]


def test_a_changed_field_of_the_control_api_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new field of a control request without a text fails the generation; a new default makes the page differ."""

    class WithDefault(MakeCallRequest):
        to: str = "+12025550100"

    class WithField(MakeCallRequest):
        colour: str = "red"

    WithDefault.__name__ = WithField.__name__ = "MakeCallRequest"
    monkeypatch.setattr(call_schemas, "MakeCallRequest", WithDefault)
    assert stale() == ["reference/control-api.md"]
    monkeypatch.setattr(call_schemas, "MakeCallRequest", WithField)
    with pytest.raises(UndescribedError, match=r"lacks \['MakeCallRequest.colour'\]"):
        make_docs.make_pages()


def test_a_changed_engine_event_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new field of an engine event makes the page of the engine protocol differ."""

    class WithField(CallEnded):
        """A call ended."""

        colour: str

    schemas = schema.make_schemas()
    schemas["engine-events.json"]["$defs"]["CallEnded"] = TypeAdapter(WithField).json_schema()
    monkeypatch.setattr(schema, "make_schemas", lambda: schemas)
    assert stale() == ["reference/engine-protocol.md"]


def test_the_check_names_what_differs(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """`--check` prints each page that differs and what to do, writes nothing, and fails."""
    monkeypatch.setattr(aws, "endpoints", lambda: "")
    shown = {"endpoints": lambda: "nothing", "functions": aws.functions_without_routes}
    blocks = {"reference/endpoints.md": {**shown, "engine-endpoints": aws.engine_endpoints}}
    monkeypatch.setattr(make_docs, "BLOCKS", blocks)
    page = make_docs.DOCS / "reference" / "endpoints.md"
    before = page.read_text(encoding="utf-8")
    assert make_docs.main(["--check"]) == 1
    assert capsys.readouterr().out == "docs/reference/endpoints.md differs from the code: run make docs-reference\n"
    assert page.read_text(encoding="utf-8") == before


def test_blocks_are_filled_in_place() -> None:
    """Generated text replaces what is between the markers, twice with the same result; a missing marker is an error."""
    page = "Before.\n\n<!-- generated: one -->\nold\n<!-- /generated -->\n\nAfter.\n"
    filled = make_docs.fill(page, {"one": lambda: "new"})
    assert filled == "Before.\n\n<!-- generated: one -->\n\nnew\n\n<!-- /generated -->\n\nAfter.\n"
    assert make_docs.fill(filled, {"one": lambda: "new"}) == filled
    with pytest.raises(make_docs.MarkerError, match=r"page: has the generated blocks \['one'\] instead of \['two'\]"):
        make_docs.fill(page, {"two": lambda: ""}, "page")


def test_tables_and_types_are_plain() -> None:
    """Cells are escaped, an empty column is left out, and limits are words."""
    assert table(("A", "B", "C"), [("x|y", "", "z")]) == "| A | C |\n| --- | --- |\n| x\\|y | z |"
    assert [
        type_of({"type": "integer", "minimum": 0, "maximum": 60}, {}),
        type_of({"type": "string", "minLength": 1, "maxLength": 256}, {}),
        type_of({"type": "string", "maxLength": 256}, {}),
        type_of({"anyOf": [{"type": "string", "minLength": 1}, {"type": "null"}]}, {}),
        type_of({"$ref": "#/$defs/Word"}, {"Word": {"enum": ["a", "b"]}}),
    ] == [
        "integer from 0 to 60",
        "string of 1 to 256 characters",
        "string, at most 256 characters",
        "string, at least 1 character or null",
        "`a`, `b`",
    ]


def test_the_index_describes_each_page(tmp_path: Path) -> None:
    """`llms.txt` has a section for each section of the navigation, and each page's title and first sentences."""
    (tmp_path / "docs" / "how").mkdir(parents=True)
    (tmp_path / "docs" / "index.md").write_text(
        "# Start here\n\nThe [first](a.md) sentence. A second one. A third:\n\n```bash\n# A comment\n```\n\nMore.\n"
    )
    (tmp_path / "docs" / "how" / "one.md").write_text(
        "# `One` {#one}\n\n!!! note\n    A note.\n\n- An item.\n\n`Do`\n**this**.\n"
    )
    (tmp_path / "mkdocs.yml").write_text(
        "site_name: Site\nsite_description: What it is\nformat: !!python/name:module.name\n"
        "nav:\n  - Home: index.md\n  - How to:\n    - how/one.md\n"
    )
    assert llms.make_index(tmp_path / "mkdocs.yml", tmp_path / "docs") == (
        "# Site\n\n> What it is.\n\nThe links are Markdown files. The site also has the complete text in one file: "
        "[llms-full.txt](llms-full.txt).\n\n## Start\n\n- [Start here](index.md): The first sentence. A second one.\n\n"
        "## How to\n\n- [`One`](how/one.md): `Do` this.\n"
    )


def test_a_page_without_a_paragraph_is_an_error(tmp_path: Path) -> None:
    """A page of the navigation that is missing, or has no title or no first paragraph, fails the generation."""
    (tmp_path / "mkdocs.yml").write_text("site_name: Site\nsite_description: What it is\nnav: [index.md]\n")
    with pytest.raises(llms.IndexFailure, match=r"docs/index\.md: is in the navigation, but does not exist"):
        llms.make_index(tmp_path / "mkdocs.yml", tmp_path)
    for text, message in (
        ("No title.", "has no title"),
        ("# Title\n\n| a |\n", "has no paragraph of prose"),
        ("# Title\n\nA list:\n\n- one\n", "its first paragraph has no complete sentence"),
    ):
        (tmp_path / "index.md").write_text(text)
        with pytest.raises(llms.IndexFailure, match=message):
            llms.make_index(tmp_path / "mkdocs.yml", tmp_path)
