"""Tests of the vendors' rules that the code does not follow yet: tests/wire/data/not_followed.yaml.

Each test is expected to fail. If one passes, or if the code gives another wrong answer to it, the rule has changed:
remove its row, and correct the facts in tests/wire/data.
"""

import pytest

from tests.client import FunctionClient
from tests.conftest import DYNAMODB_URL
from tests.functions.cases import WrongAnswerError, check, make_sids
from tests.functions.objects import Objects
from tests.functions.stage import Stage, Wire
from tests.wire.facts import UnfollowedRule, load

pytestmark = pytest.mark.skipif(bool(DYNAMODB_URL), reason="these rules do not depend on the database")

RULES = [(dialect, rule) for rule in load().not_followed for dialect in rule.dialects]


@pytest.mark.xfail(raises=WrongAnswerError, strict=True, reason="the code does not follow this rule yet")
@pytest.mark.parametrize(("dialect", "rule"), RULES, ids=[f"{dialect}-{rule.rule}" for dialect, rule in RULES])
def test_the_rule_is_followed(
    client: FunctionClient, stage: Stage, objects: Objects, wire: Wire, rule: UnfollowedRule
) -> None:
    """The API answers each request of a rule as the vendor does."""
    sids = make_sids(client, stage, objects)
    for case in rule.cases:
        if client.dialect.name in (case.dialects or rule.dialects):
            check(client, wire, case, sids)
