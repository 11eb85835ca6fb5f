"""What a run sent, what came back, and what was wrong."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy, sampled_from
from schemathesis.specs.openapi import checks

CHECKS: Final = (
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
)
"""The checks of every response."""

REJECTION: Final = (*CHECKS, checks.negative_data_rejection)
"""The checks of the response to an invalid request."""

# --8<-- [start:not-checked]
NOT_CHECKED: Final[Mapping[str, str]] = {
    "positive_data_acceptance": "replaced by a stricter check: a valid request to existing resources must succeed",
    "ignored_auth": "replaced by one request without credentials to each operation, which must get 401",
    "missing_required_header": "no operation requires a header, except the credentials",
    "unsupported_method": "API Gateway routes other methods to one function; tests/functions/test_default.py tests it",
    "allow_header_conformance": "neither vendor sends `Allow` with 405",
    "use_after_free": "needs sequences of requests, which tests/functions/test_families.py tests",
    "ensure_resource_availability": "needs sequences of requests, which tests/functions/test_families.py tests",
    "object_level_authorization": "tests/functions/test_tenants.py tests it for each operation",
}
# --8<-- [end:not-checked]
"""The checks of schemathesis that do not run, each with the reason."""

_FIRST_CHARACTERS: Final = 1500

URLS: Final = sampled_from([f"{scheme}://127.0.0.1:9/{rest}" for scheme in ("http", "https") for rest in ("", "a?b=c")])
"""URLs in requests: of a port of this machine that refuses connections, so that no callback leaves it."""

schemathesis.openapi.format("uri", URLS)


@dataclass
class Report:
    """The statuses of each operation, and the failures as text."""

    name: str
    statuses: dict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    failures: list[str] = field(default_factory=list)

    def check(self, case: Any, response: Any, wanted: Iterable[Any]) -> None:
        """Count a response and apply checks to it."""
        operation = operation_id(case.operation)
        self.statuses[operation][response.status_code] += 1
        try:
            case.validate_response(response, checks=list(wanted))
        except (schemathesis.errors.SchemathesisError, AssertionError, BaseExceptionGroup) as error:
            texts = [str(each) for each in getattr(error, "exceptions", [error])]
            self.fail(case, "\n".join(texts))

    def fail(self, case: Any, reason: str) -> None:
        """Add a failure with the request as a curl command."""
        text = f"{self.name} {operation_id(case.operation)}: {reason}\n{case.as_curl_command()}"
        self.failures.append(text[:_FIRST_CHARACTERS])

    def require_success(self, operations: Iterable[str]) -> None:
        """Add a failure for each operation that never answered 2xx."""
        for operation in operations:
            if not any(200 <= status < 300 for status in self.statuses[operation]):
                self.failures.append(f"{self.name} {operation}: never succeeded: {dict(self.statuses[operation])}")

    @property
    def summary(self) -> str:
        """One line: how many operations and requests, and the statuses."""
        total = sum(self.statuses.values(), Counter[int]())
        counts = ", ".join(f"{status}: {count}" for status, count in sorted(total.items()))
        return f"{self.name}: {len(self.statuses)} operations, {total.total()} requests ({counts})"


DOCUMENTS: Final = Path(__file__).resolve().parents[2] / "docs" / "reference" / "openapi"


def operations_of(name: str) -> list[Any]:
    """Return the operations of an OpenAPI document: `twilio`, `signalwire` or `control-api`."""
    document = json.loads((DOCUMENTS / f"{name}.json").read_text("utf-8"))
    return [result.ok() for result in schemathesis.openapi.from_dict(document).get_all_operations()]


def operation_id(operation: Any) -> str:
    """Return the operationId."""
    found: str = operation.definition.raw["operationId"]
    return found


def for_each_case(strategy: SearchStrategy[Any], count: int, send: Callable[[Any], None]) -> None:
    """Generate requests, the same in every run, and send each."""

    @settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=strategy)
    def run(case: Any) -> None:
        send(case)

    run()
