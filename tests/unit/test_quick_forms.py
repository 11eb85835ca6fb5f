"""Parameters that are read without Pydantic are read exactly as the Pydantic model of the operation reads them."""

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tapedeck.dialects.forms.base import UpdateRecording
from tapedeck.dialects.forms.quick import QuickUpdateRecording
from tapedeck.dialects.selection import SIGNALWIRE, TWILIO
from tapedeck.domain.errors import InvalidParameter
from tests.client import ROOT
from tests.thoroughness import scaled

WORDS = st.sampled_from(["", "paused", "in-progress", "stopped", "skip", "silence", "Paused", " paused", "completed"])
FIELDS = st.dictionaries(
    st.sampled_from(["Status", "PauseBehavior", "status", "Other"]), st.lists(WORDS | st.text(max_size=3), max_size=3)
)


def read(form: Any, fields: dict[str, list[str]], dialect: Any) -> tuple[Any, ...]:
    """The values and warnings that a form reads, or the name, the fault and the words of its error."""
    try:
        found = form.read(fields, dialect)
    except InvalidParameter as error:
        return error.name, error.fault, str(error)
    return found.status, found.pause_behavior, found.warnings


@pytest.mark.sized
@given(fields=FIELDS, dialect=st.sampled_from([TWILIO, SIGNALWIRE]))
@example(fields={"Status": ["stopped", "paused"], "PauseBehavior": ["skip", ""]}, dialect=TWILIO)
@example(fields={"Status": ["paused", ""]}, dialect=SIGNALWIRE)
@example(fields={"Status": ["wrong"], "PauseBehavior": ["wrong"]}, dialect=TWILIO)
@settings(max_examples=scaled(fast=25, ci=1_000, deep=20_000))
def test_both_ways_read_the_same(fields: dict[str, list[str]], dialect: Any) -> None:
    """The same values are accepted with the same result, and the others fail with the same error."""
    assert read(QuickUpdateRecording, fields, dialect) == read(UpdateRecording, fields, dialect)


@pytest.mark.parametrize(
    ("operation", "further", "unloaded"),
    [
        ("update_call_recording", "", {"tapedeck.background", "tapedeck.operations.engine_rules"}),
        ("update_conference_recording", ", tapedeck.bootstrap.confirmations", set()),
    ],
)
def test_an_update_needs_no_pydantic(operation: str, further: str, unloaded: set[str]) -> None:
    """The function of an update starts without Pydantic, and waits for a media engine without it.

    It loads no account administration, and what waits for engines only when it is needed.
    """
    names = {"pydantic", "tapedeck.admin", "tapedeck_protocol", *unloaded}
    program = f"import sys, app{further}; print(sorted({names} & sys.modules.keys()))"
    path = f"{ROOT}/functions/{operation}:{ROOT}/layers/shared"
    run = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONPATH": path}, capture_output=True, text=True, check=False
    )
    assert (run.stdout, run.stderr) == ("[]\n", "")
