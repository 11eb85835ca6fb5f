"""Runs endpoint tests of Twilio's Python SDK, generation 7, and prints their requests and example responses as JSON.

Arguments: the folder with the tests, and the names of their modules. The tests run unmodified, and each must pass. Its
SDK sends one request to a fake HTTP client, which responds with the example that the test states.
"""

import json
import sys
import unittest
from typing import Any


def main(folder: str, modules: list[str]) -> None:
    """Run the tests; print a list of cases."""
    sys.path.insert(0, folder)
    from tests.holodeck import Holodeck  # type: ignore[import-not-found]

    cases: list[dict[str, Any]] = []
    running: list[str] = []
    respond = Holodeck.request

    def request(client: Any, method: str, url: str, *arguments: Any, **options: Any) -> Any:
        response = respond(client, method, url, *arguments, **options)
        case = {"test": running[-1], "method": method, "url": url, "status": response.status_code}
        cases.append({**case, "form": options.get("data"), "query": options.get("params"), "example": response.text})
        return response

    class Result(unittest.TestResult):
        def startTest(self, test: unittest.TestCase) -> None:  # noqa: N802 - unittest's name
            running.append(test.id())
            super().startTest(test)

    Holodeck.request = request
    result = Result()
    unittest.defaultTestLoader.loadTestsFromNames(modules).run(result)
    if not result.wasSuccessful():
        sys.exit(str(result.errors + result.failures))
    json.dump(cases, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
