"""The tokens of writes: long enough to be unique, and kept long enough to recognise a repetition (REL-3)."""

from collections import Counter

from dynamodb_memory.client import MemoryDynamoDB
from tapedeck.adapters.dynamodb.client import ConditionFailed, DynamoDBTable
from tapedeck.adapters.dynamodb.expressions import put, update
from tapedeck.adapters.dynamodb.items import initial_write_tokens, write_token
from tapedeck.adapters.dynamodb.writes import push_write_token, write_token_absent
from tapedeck.domain.identity import new_id
from tests.client import TEMPLATE

NOW = 1_537_916_400_250
KEY = {"PK": "a", "SK": "b"}


def test_a_token_has_62_random_bits() -> None:
    """Of the 64 bits of a token, 62 differ between writes of one millisecond, each set in half of the tokens.

    Among 2,000 tokens, the share of a fair bit deviates by 5.6 % (5 standard deviations) once in two million trials.
    """
    tokens = [int(write_token(new_id(NOW)), 16) for _ in range(2_000)]
    counts = Counter(bit for token in tokens for bit in range(64) if token >> bit & 1)
    random_bits = [bit for bit in range(64) if abs(counts[bit] / 2_000 - 0.5) < 0.056]
    assert random_bits == list(range(62))
    # Tokens of 16 bits would have about 31 pairs of equal ones.
    assert len(set(tokens)) == 2_000


def test_an_item_keeps_the_tokens_of_eight_writes() -> None:
    """A write is recognised after seven later ones, and no longer after the eighth; a late copy of it changes nothing.

    After that, the copy would be applied again.
    """
    memory = MemoryDynamoDB()
    table = DynamoDBTable(memory, TEMPLATE.create_tables(memory)["RecordingsTable"], lambda _seconds: None)
    table.transact([put(KEY, initial_write_tokens())])
    first, *others = (new_id(NOW) for _ in range(9))

    def write(write_id: str) -> bool:
        try:
            table.update(update(KEY, push_write_token(write_id), when=write_token_absent(write_id)))
        except ConditionFailed:
            return False
        return True

    assert write(first)
    for other in others[:7]:
        assert write(other)
        assert not write(first)
    assert write(others[7])
    assert write(first)
    assert table.get(KEY) == {**KEY, **{f"r{place + 1}": write_token(each) for place, each in enumerate(
        [first, *others[:0:-1]]
    )}}  # fmt: skip
