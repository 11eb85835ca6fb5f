"""The house's style, as far as a test can tell: each says what was forgotten, and where."""

import ast
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tapedeck.dialects import errors
from tapedeck.http.routes import PREFIXES, SUFFIX
from tapedeck.settings import Settings
from tests.client import DIALECTS, ROOT, TEMPLATE
from tests.conventions.sources import FUNCTIONS, OPERATIONS, PACKAGE, Module, files, modules

ROUTED: Final = {route.operation for route in TEMPLATE.routes}

MAX_LINES: Final = 40
"""Of a function: it is a sentence."""

SET_BY_THE_STANDIN: Final = {"TAPEDECK_STANDIN", "CALLBACK_HOST_MAP"}
"""No template may set these: one lets fixed credentials in, the other leads callbacks past the check of addresses."""

TOLD_NOTHING: Final = {"reconcile"}
"""Functions whose event says nothing, so that nothing in it can be wrong."""

SAYS_NOTHING: Final = re.compile(r"(utils?|helpers?|common|misc|base_\w+)\Z")
SAYS_NOTHING_OF_A_CLASS: Final = re.compile(r"\w+(Manager|Handler)\Z|Base[A-Z]\w*\Z")

FAILURE: Final = 400


@pytest.mark.parametrize("path", FUNCTIONS, ids=lambda path: path.parent.name)
def test_a_function_says_its_route(path: Path) -> None:
    """After the summary its docstring has its routes, prefix and suffix aside, or says that there are none."""
    lines = (ast.get_docstring(Module.read(path).tree) or "").splitlines()
    routes = {route.key for route in TEMPLATE.routes if route.operation == path.parent.name}
    for prefix in sorted(PREFIXES, key=len, reverse=True):
        routes = {route.replace(f" {prefix}/", " /").removesuffix(SUFFIX) for route in routes}
    assert lines[1] == ""
    assert (sorted(lines[2:]) == sorted(routes)) if routes else lines[2].startswith("No route: `{")


@pytest.mark.parametrize("path", FUNCTIONS, ids=lambda path: path.parent.name)
def test_a_function_is_named_after_its_folder(path: Path) -> None:
    """The operation that its decorator is told is the folder's name."""
    tree = Module.read(path).tree
    (handler,) = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "handler"]
    (decorator,) = handler.decorator_list
    assert isinstance(decorator, ast.Call)
    assert isinstance(decorator.args[0], ast.Constant)
    assert decorator.args[0].value == path.parent.name


@pytest.mark.parametrize("path", FUNCTIONS, ids=lambda path: path.parent.name)
def test_a_function_is_short(path: Path) -> None:
    """One file of at most forty lines, and nothing beside it."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_LINES
    assert [each.name for each in path.parent.iterdir() if each.name != "__pycache__"] == ["app.py"]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_function_has_tests(operation: str) -> None:
    """Behind a route: `tests/functions/test_<operation>.py`; the others, which need one another, may share a file."""
    folder = ROOT / "tests" / "functions"
    shared = [] if operation in ROUTED else [module for module in modules(folder) if operation in module.words()]
    assert (folder / f"test_{operation}.py").is_file() or shared, f"tests/functions/test_{operation}.py"


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_function_has_sample_events(operation: str) -> None:
    """One at least that succeeds and one that fails, in each dialect; what is none of it only ever refuses.

    Of records, one fails where Lambda is told to hand it over again.
    """
    outcomes: defaultdict[str, set[bool]] = defaultdict(set)
    for path in (ROOT / "events" / "expected").glob(f"{operation}.*.json"):
        answer = json.loads(path.read_text(encoding="utf-8"))
        dialect = path.name.split(".")[1] if "statusCode" in answer else "none"
        has_failed = "error" in answer or answer.get("batchItemFailures") or answer.get("statusCode", 0) >= FAILURE
        outcomes[dialect].add(not has_failed)
    spoken = DIALECTS if operation in ROUTED else ["none"]
    lacking = {name for name, dialect in DIALECTS.items() if operation in {*dialect.unsupported_operations, "default"}}
    known = {True} if operation in TOLD_NOTHING else {True, False}
    assert outcomes == {name: {False} if name in lacking else known for name in spoken}


def _tests() -> Iterator[tuple[Module, ast.FunctionDef]]:
    for module in modules(ROOT / "tests"):
        for node in ast.walk(module.tree):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                yield module, node


def test_a_test_says_what_is_promised() -> None:
    """Each has a docstring that begins with one whole sentence, so that the list of tests reads as a specification."""
    wrong = [
        f"{module}: {test.name}"
        for module, test in _tests()
        if not re.match(r"[A-Z`$0-9].*[.!?]\Z", (ast.get_docstring(test) or "").partition("\n\n")[0], re.DOTALL)
    ]
    assert wrong == []


def test_names_say_something() -> None:
    """No module, folder or class has a name that would suit any other."""
    ours = [
        path for folder in ("functions", "layers", "standin", "tests", "scripts", "examples") for path in _below(folder)
    ]
    vague = [str(path.relative_to(ROOT)) for path in ours if SAYS_NOTHING.match(path.stem)]
    for path in ours:
        if path.suffix == ".py":
            classes = [node.name for node in ast.walk(Module.read(path).tree) if isinstance(node, ast.ClassDef)]
            vague += [f"{path.relative_to(ROOT)}: {name}" for name in classes if SAYS_NOTHING_OF_A_CLASS.match(name)]
    assert vague == []


def _below(folder: str) -> list[Path]:
    return [path for path in files() if path.relative_to(ROOT).parts[0] == folder]


@pytest.mark.parametrize("path", sorted((ROOT / "requirements").glob("*.txt")), ids=lambda path: path.stem)
def test_a_pin_has_its_hashes(path: Path) -> None:
    """Every requirement is one version with at least one hash."""
    text = re.sub(r"#.*", "", path.read_text(encoding="utf-8")).replace("\\\n", " ")
    requirements = [line.strip() for line in text.splitlines() if line.strip()]
    assert requirements
    loose = [line for line in requirements if not re.match(r"[\w.\[\],-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", line)]
    assert loose == []


def test_no_lock_names_the_host_of_a_registry() -> None:
    """Whoever installs chooses the registry: neither pins nor a lock of Node's say where it is."""
    locks = [path for path in files() if path.parent.name == "requirements" or "lock" in path.name]
    assert locks
    named = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in locks
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.match(r'\s*(--(extra-)?index-url|-i |--find-links|"resolved":|registry *=)', line)
        or (path.parent.name == "requirements" and re.search(r"https?://", re.sub(r"\s#.*", "", line)))
    ]
    assert named == []


def test_the_template_sets_what_the_settings_read() -> None:
    """Every variable that `settings` reads is set by the template, and the template sets no other."""
    tree = Module.read(PACKAGE / "settings.py").tree
    read = {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch(r"[A-Z][A-Z_]+", node.value)
    }
    declared = set(TEMPLATE.content["Globals"]["Function"]["Environment"]["Variables"])
    for function in TEMPLATE.resources("AWS::Serverless::Function").values():
        declared |= function.get("Environment", {}).get("Variables", {}).keys()
    assert read == declared | SET_BY_THE_STANDIN
    # What is declared is enough, and nothing that is declared is left unread.
    numbers = dict.fromkeys(["CREDENTIAL_CACHE_SECONDS", "MEDIA_INLINE_BYTES", "CALLBACK_RETRY_HOURS"], "1")
    typed = {**numbers, "MEDIA_ACCESS": "vendor"}
    assert Settings.read({**dict.fromkeys(declared, "x"), **typed}).signing_kms_key_id == "x"


def _messages(table: Any) -> Iterator[str]:
    match table:
        case errors.ErrorAnswer(message=message):
            yield message
        case dict():
            for value in table.values():
                yield from _messages(value)
        case tuple():
            for value in table:
                yield from _messages(value)


def test_a_message_stands_in_the_error_table_only() -> None:
    """What a vendor says of a refusal is said in one place of the layer and the functions."""
    messages = {message for value in vars(errors).values() for message in _messages(value)}
    assert len(messages) > 10, "the table is read"
    elsewhere = [
        f"{module}: {word}"
        for module in [*modules(PACKAGE), *(Module.read(path) for path in FUNCTIONS)]
        if module.path.name != "errors.py" or module.path.parent.name != "dialects"
        for word in module.words()
        if word in messages
    ]
    assert elsewhere == []


def test_nothing_tells_where_it_was_written() -> None:
    """No file names a folder of somebody's machine, or a ticket that a reader cannot open."""
    workplace = re.compile(r"(?<![\w.])/(?:work|root|home/\w+|Users/\w+)/|\b(?:ticket|issue) #?\d+\b", re.IGNORECASE)
    telling = []
    for path in files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        telling += [f"{path.relative_to(ROOT)}: {found.group()}" for found in workplace.finditer(text)]
    assert telling == []
