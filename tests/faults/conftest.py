"""The environment of these tests: no media engine runs."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tapedeck.bootstrap.environment import current_environment, installed
from tapedeck.domain.account import ConfirmUpdates
from tapedeck.settings import Settings


@pytest.fixture(scope="module", autouse=True)
def updates_do_not_wait(aws: None) -> Iterator[None]:
    """Answer every update of a recording once it is stored: no media engine runs that could confirm it."""
    del aws  # only has to be there

    def read_settings() -> Settings:
        return replace(Settings.read(), confirm_updates=ConfirmUpdates.NONE)

    with installed(replace(current_environment(), read_settings=read_settings)):
        yield
