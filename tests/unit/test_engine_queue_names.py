"""The names of the engines' queues."""

from fnmatch import fnmatchcase

from hypothesis import example, given
from hypothesis import strategies as st

from tapedeck.adapters.engine_queue_admin import engine_queue_name
from tapedeck.domain.engine import is_engine_name

STACKS = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,20}", fullmatch=True)
"""What CloudFormation accepts as the name of a stack; `-` is likely at each place."""

ENGINES = st.from_regex(r"[a-z][a-z0-9-]{0,20}", fullmatch=True)
DEPLOYMENTS = st.tuples(STACKS, ENGINES)


@given(one=DEPLOYMENTS, other=DEPLOYMENTS)
@example(one=("tapedeck", "engine-x"), other=("tapedeck-engine", "x"))
@example(one=("tapedeck", "x-engine-y"), other=("tapedeck-engine-x", "y"))
def test_no_two_deployments_share_a_queue(one: tuple[str, str], other: tuple[str, str]) -> None:
    """Each pair of stack and engine has a queue of its own, and the pattern of a stack matches its own queues only."""
    assert (engine_queue_name(*one) == engine_queue_name(*other)) is (one == other)
    (stack, engine), (other_stack, _) = one, other
    assert is_engine_name(engine)
    assert fnmatchcase(engine_queue_name(stack, engine), f"{stack}_engine_*")
    assert fnmatchcase(engine_queue_name(stack, engine), f"{other_stack}_engine_*") is (stack == other_stack)


@given(stack=STACKS, other=STACKS, resource=st.from_regex(r"[A-Za-z0-9]{1,20}-[A-Z0-9]{4}", fullmatch=True))
@example(stack="tapedeck", other="tapedeck-engine", resource="CommandsQueue-1ABC")
def test_the_queues_of_a_template_are_no_queues_of_engines(stack: str, other: str, resource: str) -> None:
    """CloudFormation names the other queues of any stack with hyphens, which the pattern of no stack matches."""
    assert not fnmatchcase(f"{other}-{resource}", f"{stack}_engine_*")
