"""Tests of the project's style; each failure names the file and what is missing in it."""

import ast
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tapedeck.dialects import errors
from tapedeck.http.routes import PREFIXES, SUFFIX, is_engine_path
from tapedeck.settings import Settings
from tests.client import DIALECTS, ROOT, TEMPLATE
from tests.conventions.sources import (
    CALLFLOW,
    DYNAMODB_MEMORY,
    FUNCTIONS,
    OPERATIONS,
    PACKAGE,
    PROTOCOL,
    Module,
    files,
    modules,
)

ROUTED: Final = {route.operation for route in TEMPLATE.routes if not is_engine_path(route.path or "")}
"""Functions of the vendors' APIs."""

MAX_LINES: Final = 40
"""The maximum length of a function's file."""

MAX_MODULE_LINES: Final = 400
"""The maximum length of a file of the layer, the engine protocol, the stand-in and the in-memory DynamoDB."""

SET_BY_THE_STANDIN: Final = {"TAPEDECK_STANDIN", "CALLBACK_HOST_MAP"}
"""Not set by the template: one permits fixed credentials, the other bypasses the check of callback addresses."""

WITHOUT_INPUT: Final = {"reconcile"}
"""Functions whose event has no input, so that no event is invalid."""

VAGUE_NAME: Final = re.compile(r"(utils?|helpers?|common|misc|base_\w+)\Z")
VAGUE_CLASS: Final = re.compile(r"\w+(Manager|Handler)\Z|Base[A-Z]\w*\Z")

FAILURE: Final = 400


@pytest.mark.parametrize("path", FUNCTIONS, ids=lambda path: path.parent.name)
def test_a_functions_docstring_lists_its_routes(path: Path) -> None:
    """After the summary, a function's docstring lists its routes, or states that it has none."""
    lines = (ast.get_docstring(Module(path).tree) or "").splitlines()
    routes = {route.key for route in TEMPLATE.routes if route.operation == path.parent.name}
    for prefix in sorted(PREFIXES, key=len, reverse=True):
        routes = {route.replace(f" {prefix}/", " /").removesuffix(SUFFIX) for route in routes}
    assert lines[1] == ""
    if routes:
        assert sorted(lines[2:]) == sorted(routes)
    else:
        assert lines[2].startswith("No route: `{"), f"{path.parent.name} has no route in template.yaml"


@pytest.mark.parametrize("path", FUNCTIONS, ids=lambda path: path.parent.name)
def test_a_function_is_named_after_its_folder(path: Path) -> None:
    """The name in a function's decorator is the name of its folder."""
    tree = Module(path).tree
    (handler,) = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "handler"]
    (decorator,) = handler.decorator_list
    assert isinstance(decorator, ast.Call)
    assert isinstance(decorator.args[0], ast.Constant)
    assert decorator.args[0].value == path.parent.name


@pytest.mark.parametrize("path", FUNCTIONS, ids=lambda path: path.parent.name)
def test_a_function_is_short(path: Path) -> None:
    """A function is one file of at most 40 lines."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_LINES
    assert [each.name for each in path.parent.iterdir() if each.name != "__pycache__"] == ["app.py"]


@pytest.mark.parametrize(
    "folder", [PACKAGE, PROTOCOL, CALLFLOW, ROOT / "standin", DYNAMODB_MEMORY / "src"], ids=lambda path: path.name
)
def test_modules_are_short(folder: Path) -> None:
    """No file has more than 400 lines."""
    lines = {str(module): len(module.path.read_text(encoding="utf-8").splitlines()) for module in modules(folder)}
    assert {name: count for name, count in lines.items() if count > MAX_MODULE_LINES} == {}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_function_has_tests(operation: str) -> None:
    """A function, with or without a route, has `tests/functions/test_<operation>.py`."""
    path = Path("tests", "functions", f"test_{operation}.py")
    assert (ROOT / path).is_file(), f"{path} is missing"


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_function_has_sample_events(operation: str) -> None:
    """A function has a sample event that succeeds and one that fails, in each dialect that supports it.

    In a dialect without the operation, all events fail. A batch fails if it reports failed items to Lambda.
    """
    outcomes: defaultdict[str, set[bool]] = defaultdict(set)
    for path in (ROOT / "events" / "expected").glob(f"{operation}.*.json"):
        answer = json.loads(path.read_text(encoding="utf-8"))
        dialect = path.name.split(".")[1] if "statusCode" in answer and operation in ROUTED else "none"
        has_failed = "error" in answer or answer.get("batchItemFailures") or answer.get("statusCode", 0) >= FAILURE
        outcomes[dialect].add(not has_failed)
    dialects = DIALECTS if operation in ROUTED else ["none"]
    unsupported = {
        name for name, dialect in DIALECTS.items() if operation in {*dialect.unsupported_operations, "default"}
    }
    required = {True} if operation in WITHOUT_INPUT else {True, False}
    wanted = {name: {False} if name in unsupported else required for name in dialects}
    differences = [
        f"{'missing' if succeeds in wanted.get(dialect, ()) else 'unexpected'}: an event of {operation} "
        f"({dialect if dialect in DIALECTS else 'no route'}) that {'succeeds' if succeeds else 'fails'}"
        for dialect in sorted({*wanted, *outcomes})
        for succeeds in sorted(wanted.get(dialect, set()) ^ outcomes[dialect])
    ]
    assert differences == [], "\n".join(differences)


def _tests() -> Iterator[tuple[Module, ast.FunctionDef]]:
    for module in (*modules(ROOT / "tests"), *modules(DYNAMODB_MEMORY / "tests")):
        for node in _definitions(module.tree):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                yield module, node


def _definitions(parent: ast.AST) -> Iterator[ast.FunctionDef | ast.ClassDef]:
    for node in getattr(parent, "body", ()):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node
            yield from _definitions(node)


def test_a_test_has_a_docstring() -> None:
    """Each test's docstring starts with a complete sentence, so that the list of tests reads as a specification."""
    wrong = [
        f"{module}: {test.name}"
        for module, test in _tests()
        if not re.match(r"[A-Z`$0-9].*[.!?]\Z", (ast.get_docstring(test) or "").partition("\n\n")[0], re.DOTALL)
    ]
    assert wrong == []


def test_scaled_tests_have_the_marker() -> None:
    """A module whose tests depend on `TAPEDECK_TEST_SIZE` marks them, so that `make test-ci` runs them at its size."""
    texts = {str(module): module.path.read_text(encoding="utf-8") for module in modules(ROOT / "tests")}
    texts |= {str(module): module.path.read_text(encoding="utf-8") for module in modules(DYNAMODB_MEMORY / "tests")}
    scaled = [name for name, text in texts.items() if "thoroughness import scaled" in text]
    marked = {name for name, text in texts.items() if "pytest.mark.sized" in text or "mark.dynamodb_local_only" in text}
    assert len(scaled) > 20
    assert [name for name in scaled if name not in marked] == []


def test_names_are_specific() -> None:
    """No module, folder or class has a generic name such as `utils` or `...Manager`."""
    paths = [
        path
        for folder in ("functions", "layers", "packages", "standin", "tests", "scripts", "examples")
        for path in _below(folder)
    ]
    vague = [str(path.relative_to(ROOT)) for path in paths if VAGUE_NAME.match(path.stem)]
    for path in paths:
        if path.suffix == ".py":
            classes = re.findall(r"^\s*class (\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
            vague += [f"{path.relative_to(ROOT)}: {name}" for name in classes if VAGUE_CLASS.match(name)]
    assert vague == []


def _below(folder: str) -> list[Path]:
    return [path for path in files() if path.relative_to(ROOT).parts[0] == folder]


@pytest.mark.parametrize("path", sorted((ROOT / "requirements").glob("*.txt")), ids=lambda path: path.stem)
def test_pins_have_hashes(path: Path) -> None:
    """Every requirement pins one version with at least one hash."""
    text = re.sub(r"#.*", "", path.read_text(encoding="utf-8")).replace("\\\n", " ")
    requirements = [line.strip() for line in text.splitlines() if line.strip()]
    assert requirements
    loose = [line for line in requirements if not re.match(r"[\w.\[\],-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", line)]
    assert loose == []


def test_no_lock_names_the_host_of_a_registry() -> None:
    """No pin or lock file names a package registry, so that an installation may use any."""
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
    tree = Module(PACKAGE / "settings.py").tree
    read = {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch(r"[A-Z][A-Z_]+", node.value)
    }
    declared = set(TEMPLATE.content["Globals"]["Function"]["Environment"]["Variables"])
    for function in TEMPLATE.resources("AWS::Serverless::Function").values():
        declared |= function.get("Environment", {}).get("Variables", {}).keys()
    assert read == declared | SET_BY_THE_STANDIN
    # The declared variables are sufficient for reading the settings.
    names = (
        "CREDENTIAL_CACHE_SECONDS",
        "MEDIA_INLINE_BYTES",
        "CALLBACK_RETRY_HOURS",
        "CALLBACK_CONCURRENCY",
        "CALLBACK_RETRY_CONCURRENCY",
        "LATE_AUDIO_DAYS",
        "ENGINE_GONE_AFTER_MINUTES",
        "MAX_CALL_HOURS",
    )
    numbers = dict.fromkeys(names, "1")
    typed = {**numbers, "MEDIA_ACCESS": "vendor", "CONFIRM_UPDATES": "pause", "CONFIRM_WITHIN_MS": "500"}
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


def test_error_messages_are_in_the_error_table_only() -> None:
    """A vendor's error message occurs only in the error table, not elsewhere in the layer or the functions."""
    messages = {message for value in vars(errors).values() for message in _messages(value)}
    assert len(messages) > 10, "the error table has messages"
    elsewhere = [
        f"{module}: {word}"
        for module in [*modules(PACKAGE), *(Module(path) for path in FUNCTIONS)]
        if module.path.name != "errors.py" or module.path.parent.name != "dialects"
        for word in module.words()
        if word in messages
    ]
    assert elsewhere == []


def test_no_file_names_a_private_place() -> None:
    """No file names a folder of a developer's machine, or a ticket that readers cannot open."""
    workplace = re.compile(r"(?<![\w.])/(?:work|root|home/\w+|Users/\w+)/|\b(?:ticket|issue) #?\d+\b", re.IGNORECASE)
    found_places = []
    for path in files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found_places += [f"{path.relative_to(ROOT)}: {found.group()}" for found in workplace.finditer(text)]
    assert found_places == []
