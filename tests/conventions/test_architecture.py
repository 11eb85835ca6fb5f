"""Tests of the architecture: the imports that each package may have, and other dependency rules."""

import ast
import sys
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Final

import pytest

from tapedeck.http.routes import is_engine_path
from tests.client import ROOT, TEMPLATE
from tests.conventions.sources import CALLFLOW, DYNAMODB_MEMORY, FUNCTIONS, PACKAGE, PROTOCOL, STANDIN, Module, modules

# --8<-- [start:layers]
MAY_IMPORT: Final = {
    "domain": set(),
    "ports": {"domain"},
    "operations": {"ports", "domain"},
    "dialects": {"domain"},
    "observability": {"domain"},
    "http": {"dialects", "operations", "ports", "domain", "observability"},
    "admin": {"dialects", "operations", "domain", "observability"},
    "background": {"dialects", "operations", "ports", "domain", "observability"},
    "adapters": {"ports", "domain"},
    "settings": {"domain"},
    "functions": {
        "http",
        "admin",
        "background",
        "dialects",
        "operations",
        "ports",
        "domain",
        "bootstrap",
    },
}
"""What each package of the layer may import besides itself; only `bootstrap` may import everything."""
# --8<-- [end:layers]

STANDIN_MAY_IMPORT: Final = {
    "clock": set(),
    "faults": set(),
    "journals": set(),
    "aws": {"clock"},
    "http": set(),
    "recordings": {"clock"},
    "calls": {"clock", "journals", "recordings"},
    "telephony": {"aws", "calls", "clock", "http", "recordings"},
    "callbacks": {"aws", "clock", "faults", "journals"},
    "gateway": {"aws", "clock", "faults", "http", "journals"},
    "scheduler": {"aws", "callbacks", "clock", "telephony"},
    "control": {
        "aws",
        "callbacks",
        "calls",
        "clock",
        "faults",
        "gateway",
        "http",
        "recordings",
        "scheduler",
        "telephony",
    },
    "app": {"aws", "callbacks", "calls", "clock", "control", "faults", "gateway", "http", "scheduler", "telephony"},
    "samples": {"app", "aws", "recordings", "telephony"},
    "conformance": {"app", "aws", "http", "telephony"},
    "cli": {"app", "aws", "conformance", "control", "http"},
    "__main__": {"cli"},
}
"""What each package of the stand-in may import of it besides itself."""

PYDANTIC: Final = {"pydantic", "pydantic_core", "aws_lambda_powertools"}

MAY_USE: Final = {
    "domain": set(),
    "ports": set(),
    "operations": set(),
    "dialects": PYDANTIC,
    "observability": {"aws_lambda_powertools"},
    "http": PYDANTIC,
    "admin": PYDANTIC,
    "background": PYDANTIC,
    "adapters": {"botocore", "lameenc"},
    "settings": set(),
    "bootstrap": set(),
    "functions": {"pydantic"},
}
"""Third-party libraries that each package may import."""

NAMES_A_DIALECT: Final = {
    # An account has one signing key per dialect, stored by the dialect's name and made differently: Twilio's is the
    # auth token itself.
    "layers/shared/tapedeck/operations/accounts.py": {"twilio", "signalwire"},
}
"""Modules outside the dialects that may name a vendor, each with the reason."""

SOURCES: Final = {
    **{part: modules(PACKAGE / part) for part in MAY_USE if (PACKAGE / part).is_dir()},
    **{part: [Module(PACKAGE / f"{part}.py")] for part in ("settings", "observability")},
    "functions": [Module(path) for path in FUNCTIONS],
}

STANDIN_SOURCES: Final = {
    part: modules(STANDIN / part) if (STANDIN / part).is_dir() else [Module(STANDIN / f"{part}.py")]
    for part in STANDIN_MAY_IMPORT
}


@pytest.mark.parametrize("part", MAY_IMPORT)
def test_a_package_imports_only_its_dependencies(part: str) -> None:
    """A package of the layer imports only the packages that the table allows."""
    forbidden = [
        f"{module}: {name}"
        for module in SOURCES[part]
        for name in module.imports()
        if name.startswith("tapedeck.") and name.split(".")[1] not in MAY_IMPORT[part] | {part}
    ]
    assert forbidden == []


@pytest.mark.parametrize("part", MAY_USE)
def test_a_package_uses_only_its_libraries(part: str) -> None:
    """A package imports only the third-party libraries that the table allows; only adapters use botocore."""
    foreign = [
        f"{module}: {name}"
        for module in SOURCES[part]
        for name in module.imports()
        if name.partition(".")[0] not in sys.stdlib_module_names | MAY_USE[part] | {"tapedeck", PROTOCOL.name}
    ]
    assert foreign == []


def test_every_module_of_the_layer_is_in_the_tables() -> None:
    """Every module of the layer belongs to a package in these tables."""
    known = {str(module) for part in SOURCES.values() for module in part}
    assert {str(module) for module in modules(PACKAGE)} - known == {"layers/shared/tapedeck/__init__.py"}


@pytest.mark.parametrize("part", STANDIN_MAY_IMPORT)
def test_standin_packages_import_only_downwards(part: str) -> None:
    """A package of the stand-in imports only the packages that its row allows."""
    upwards = [
        f"{module}: {name}"
        for module in STANDIN_SOURCES[part]
        for name in module.imports()
        if name.startswith("tapedeck_standin.") and name.split(".")[1] not in STANDIN_MAY_IMPORT[part] | {part}
    ]
    assert upwards == []


def test_every_module_of_the_standin_is_in_a_package() -> None:
    """Each module of the stand-in belongs to a package with a row in the table."""
    known = {str(module) for part in STANDIN_SOURCES.values() for module in part}
    assert {str(module) for module in modules(STANDIN)} - known == {"standin/tapedeck_standin/__init__.py"}


@pytest.mark.parametrize("allowed", [MAY_IMPORT, STANDIN_MAY_IMPORT], ids=["layer", "standin"])
def test_packages_import_each_other_in_no_circle(allowed: Mapping[str, AbstractSet[str]]) -> None:
    """The allowed imports between packages form an acyclic graph."""
    TopologicalSorter(allowed).prepare()  # raises CycleError


def _import_graph(sources: Iterable[Module], root: Path) -> dict[str, set[str]]:
    """Return which modules each module imports, function-level imports included."""
    names = {module: ".".join(module.path.relative_to(root).with_suffix("").parts) for module in sources}
    known = {name.removesuffix(".__init__") for name in names.values()}
    return {
        name: {part for found in module.imports() for part in (found, found.rpartition(".")[0]) if part in known}
        for module, name in names.items()
    }


@pytest.mark.parametrize(
    "package", [PACKAGE, PROTOCOL, CALLFLOW, STANDIN, DYNAMODB_MEMORY / "src"], ids=lambda path: path.name
)
def test_modules_import_each_other_in_no_circle(package: Path) -> None:
    """The imports between modules form an acyclic graph."""
    root = package if package.name == "src" else package.parent
    TopologicalSorter(_import_graph(modules(package), root)).prepare()  # raises CycleError


def test_a_circle_of_modules_is_noticed() -> None:
    """Two modules that import each other, one of them within a function, fail the check."""
    first = Module(ROOT / "a.py", ast.parse("from b import f"))
    second = Module(ROOT / "b.py", ast.parse("def f():\n    import a"))
    with pytest.raises(CycleError):
        TopologicalSorter(_import_graph([first, second], ROOT)).prepare()


@pytest.mark.parametrize(
    ("folder", "libraries"),
    [
        ("src", {"botocore", "dynamodb_memory"}),
        (
            "tests",
            {"botocore", "dynamodb_memory", "dynamodb_memory_tests", "hatchling", "hypothesis", "moto", "pytest"},
        ),
    ],
)
def test_dynamodb_memory_is_independent(folder: str, libraries: set[str]) -> None:
    """The in-memory DynamoDB and its tests import nothing of this project's other distributions."""
    foreign = [
        f"{module}: {name}"
        for module in modules(DYNAMODB_MEMORY / folder)
        for name in module.imports()
        if name.partition(".")[0] not in sys.stdlib_module_names | libraries
    ]
    assert foreign == []


def test_the_engine_protocol_is_independent() -> None:
    """The engine protocol imports Pydantic alone, and the evidence chain only the standard library."""
    foreign = [
        f"{module}: {name}"
        for module in modules(PROTOCOL)
        for name in module.imports()
        if name.partition(".")[0]
        not in sys.stdlib_module_names
        | (set() if module.path.stem == "evidence" else {"pydantic", "pydantic_core", "tapedeck_protocol"})
    ]
    assert foreign == []


def test_call_flows_are_independent() -> None:
    """Call flows import the standard library alone, and of it neither I/O, clock, threads nor randomness."""
    forbidden = {"asyncio", "http", "io", "logging", "os", "random", "secrets", "socket", "sys", "threading", "time"}
    foreign = [
        f"{module}: {name}"
        for module in modules(CALLFLOW)
        for name in module.imports()
        if name.partition(".")[0] not in (sys.stdlib_module_names - forbidden) | {"tapedeck_callflow"}
    ]
    assert foreign == []


USES_THE_PROTOCOL: Final = {"background", "functions"}
"""What may import the engine protocol: nothing else does, so that no other function loads its models."""


@pytest.mark.parametrize("part", MAY_USE)
def test_only_background_code_uses_the_engine_protocol(part: str) -> None:
    """HTTP functions of the vendors' APIs must start fast: they do not load the models of the engine protocol."""
    importing = {str(module) for module in SOURCES[part] for name in module.imports() if _is_of_the_protocol(name)}
    assert part in USES_THE_PROTOCOL or importing == set()


def _is_of_the_protocol(name: str) -> bool:
    return name.partition(".")[0] == PROTOCOL.name


def _decorators() -> dict[str, set[str]]:
    """Return the decorators that each function may use: by its event source in the template, else admin."""
    found = {
        each: {
            "tapedeck.bootstrap.account_administration.account_admin_function",
            "tapedeck.bootstrap.background.background_admin_function",
            "tapedeck.bootstrap.engine_administration.engine_admin_function",
            "tapedeck.bootstrap.unsettled.unsettled_admin_function",
        }
        for each in TEMPLATE.operations.values()
    }
    for name, function in TEMPLATE.resources("AWS::Serverless::Function").items():
        for event in function.get("Events", {}).values():
            if event["Type"] != "HttpApi":
                decorator = "tapedeck.bootstrap.background.background"
            elif is_engine_path(event.get("Properties", {}).get("Path", "")):
                decorator = "tapedeck.bootstrap.engines.engine_endpoint"
            else:
                decorator = "tapedeck.bootstrap.http.endpoint"
            found[TEMPLATE.operations[name]] = {decorator}
    for mapping in TEMPLATE.resources("AWS::Lambda::EventSourceMapping").values():
        found[TEMPLATE.operations[mapping["FunctionName"]["Ref"]]] = {"tapedeck.bootstrap.background.background"}
    return found


@pytest.mark.parametrize(("operation", "decorators"), _decorators().items())
def test_a_function_imports_only_its_decorator_from_bootstrap(operation: str, decorators: set[str]) -> None:
    """A function imports one decorator from `bootstrap`: for routes, engines, background work or administration."""
    (module,) = (module for module in SOURCES["functions"] if module.path.parent.name == operation)
    imported = [
        name
        for name in module.imports()
        if name.startswith("tapedeck.bootstrap.") and name != "tapedeck.bootstrap.engines.EngineServices"
    ]
    assert len(imported) == 1
    assert imported[0] in decorators


def test_every_composition_root_turns_the_garbage_collector_on_again() -> None:
    """Each composition root imports `bootstrap.http`: the package turns the collector off, and this module on again."""
    parts_of_http = {"__init__", "environment", "http", "confirmations"}
    roots = [each for each in SOURCES["bootstrap"] if each.path.stem not in parts_of_http]
    assert len(roots) >= 3
    for root in roots:
        assert any(name.startswith("tapedeck.bootstrap.http") for name in root.imports()), root


@pytest.mark.parametrize("name", ["http", "environment"])
def test_http_functions_do_not_load_background_code(name: str) -> None:
    """The composition root of HTTP functions imports no background code."""
    root = Module(PACKAGE / "bootstrap" / f"{name}.py")
    background = ("tapedeck.background", "tapedeck.bootstrap.background")
    assert [name for name in root.imports() if name.startswith(background)] == []


def test_the_environment_is_read_in_one_place() -> None:
    """Only `settings` reads environment variables, and two modules that check at import whether they run in Lambda."""
    readers = {str(module) for module in modules(PACKAGE) if {"environ", "getenv"} & set(module.words())}
    readers |= {str(module) for module in SOURCES["functions"] if {"environ", "getenv"} & set(module.words())}
    assert readers == {f"layers/shared/tapedeck/{name}.py" for name in ("settings", "bootstrap/http", "__init__")}


def test_the_domain_is_pure() -> None:
    """The domain imports no clock, randomness or I/O; only ids use the system's random source."""
    impure = {"time", "datetime", "random", "secrets", "os", "io", "logging", "socket", "subprocess", "pathlib"}
    found = {
        (module.path.name, name)
        for module in SOURCES["domain"]
        for name in module.imports()
        if name.partition(".")[0] in impure
    }
    assert found == {("identity.py", "secrets")}


@pytest.mark.parametrize("part", ["functions", "operations", "domain"])
def test_only_dialects_are_named_after_vendors(part: str) -> None:
    """Functions, operations and the domain never name a vendor, except for the modules listed above."""
    found = {
        str(module): {word for word in module.words() if "twilio" in word.lower() or "signalwire" in word.lower()}
        for module in SOURCES[part]
    }
    named = {module: words for module, words in found.items() if words}
    assert named == {module: words for module, words in NAMES_A_DIALECT.items() if module in found}
