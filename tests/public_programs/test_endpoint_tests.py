"""The endpoint tests of Twilio's Python SDK, generation 7: what they send is accepted, and answered as they state.

Each of the 82 cases sends one request. The placeholders of its path are replaced with resources of the stand-in.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import requests

from tests.public_programs.place import ACCOUNT, TOKEN, Place
from tests.public_programs.programs import HERE, checkout, python_environment
from tests.sdk.program import SECONDS_TO_RUN, own_standin, run

pytestmark = pytest.mark.timeout(600)

MODULES: Final = [
    f"tests.integration.api.v2010.account.{name}"
    for name in (
        "call.test_recording", "test_conference", "conference.test_participant", "conference.test_recording",
        "test_recording", "recording.test_transcription",
    )
]  # fmt: skip

OUTDATED_EXAMPLES: Final = {
    f"recording.test_transcription.TranscriptionTestCase.{name}": (200, 200, ["last_page_uri", "num_pages", "total"])
    for name in ("test_read_empty_response", "test_read_full_response")
}
"""Status, expected status, and keys that are missing: the SDK does not read these, and other lists do not have them."""

NO_EXAMPLE: Final = 500
"""The status of cases that state only the request."""


def _resources(place: Place, path: str, method: str) -> dict[str, str]:
    """Create the resources that a path names; return their sids by the prefix of the placeholder."""
    sids = {"AC": ACCOUNT}
    is_finished = method == "DELETE" or "/Transcriptions" in path or "/Accounts/AC/Recordings" in path
    if "/Conferences/CF" in path:
        conference = place.control("conferences", participants=2)
        sids |= {"CF": conference["sid"]["twilio"], "CA": conference["calls"][0]["sid"]["twilio"]}
        if "/Recordings" in path:
            sids["RE"] = place.create(f"conferences/{sids['CF']}/recordings")
            if is_finished:
                place.advance(2)
                place.control(f"conferences/{sids['CF']}/end")
    elif "/Recordings" in path:
        sids["CA"] = place.create("calls")
        # A call with an active recording would answer a creation with it (200).
        if method != "POST" or "/Recordings/RE" in path:
            sids["RE"] = place.post(f"Calls/{sids['CA']}/Recordings.json")["sid"]
        if is_finished:
            place.advance(2)
            place.control(f"calls/{sids['CA']}/hangup")
    else:
        place.create("conferences")
    if is_finished:
        place.advance(1)
    if "/Transcriptions" in path:
        sids["TR"] = place.create(f"recordings/{sids['RE']}/transcriptions")
    return sids


def _missing(example: Any, actual: Any, path: str = "") -> list[str]:
    """Return the keys of an example that a body does not have."""
    if isinstance(example, Mapping) and isinstance(actual, Mapping):
        absent = [f"{path}{key}" for key in example if key not in actual]
        below = [_missing(value, actual[key], f"{path}{key}.") for key, value in example.items() if key in actual]
        return absent + [key for keys in below for key in keys]
    if isinstance(example, list) and isinstance(actual, list):
        return (
            [key for value in example[:1] for key in _missing(value, actual[0], path)]
            if actual or not example
            else [path]
        )
    return []


def test_every_case(tmp_path: Path) -> None:
    """Every request succeeds, with the status and all the keys of the example; two examples are out of date."""
    source = checkout("twilio", "twilio-python", "862052dd3ab360dc60c2f1a5fbe3407b9692df70", "tests")
    python = python_environment("endpoint-tests", "twilio==7.17.0")
    output = run([python, HERE / "endpoint_tests.py", source.parent, *MODULES], seconds=SECONDS_TO_RUN)
    cases = json.loads(output)
    differences = {}
    with own_standin(tmp_path) as url:
        place = Place(url)
        for case in cases:
            template = re.sub(r"X{32}", "", case["url"].removeprefix("https://api.twilio.com"))
            sids = _resources(place, template, case["method"])
            path = template
            for prefix, sid in sids.items():
                path = re.sub(rf"/{prefix}(?=[/.])", f"/{sid}", path)
            answer = requests.request(
                case["method"], url + path, params=case["query"], data=case["form"], auth=(ACCOUNT, TOKEN), timeout=60
            )
            expected = answer.status_code if case["status"] == NO_EXAMPLE and answer.ok else case["status"]
            example = json.loads(case["example"] or "null")
            missing = _missing(example, answer.json() if answer.content else None)
            if answer.status_code != expected or missing:
                differences[".".join(case["test"].split(".")[-4:])] = (answer.status_code, expected, missing)
    assert len(cases) == 82
    assert differences == OUTDATED_EXAMPLES
