"""Random requests to the table, in the form of botocore's client: mostly valid, and often for the same items."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from dynamodb_memory_tests.random_expressions import KEYS, USUAL, Attributes, ExpressionMaker, exactly, index_keys

Request = tuple[str, dict[str, Any]]
"""The client's method and its parameters."""

_INDEX_KEYS: Final = {None: ("PK", "SK"), "status": ("status_key", "sid"), "work": ("work", "work_at")}


def steps(table: str, *, simple: bool) -> SearchStrategy[list[Request]]:
    """Return a strategy for sequences of requests; `simple` ones are those that moto supports, without a token."""

    @st.composite
    def draw_some(draw: DrawFn) -> list[Request]:
        maker = _Maker(draw, table, simple)
        return draw(st.sampled_from(_SIMPLE if simple else _ALL))(maker)

    return st.lists(draw_some(), min_size=1, max_size=12).map(
        lambda several: [request for some in several for request in some]
    )


@dataclass
class _Maker:
    draw: DrawFn
    table: str
    simple: bool

    def single(self) -> list[Request]:
        """Draw a write of one item."""
        action = self.draw(st.sampled_from(["Update", "Update", "Update", "Put", "Put", "Delete"]))
        returned = ["NONE", "ALL_OLD", "ALL_NEW"] if action == "Update" else ["NONE", "ALL_OLD"]
        request = {**self._write(action, self._key()), "ReturnValues": self.draw(st.sampled_from(returned))}
        return [(f"{action.lower()}_item", request)]

    def transaction(self) -> list[Request]:
        """Draw a transaction."""
        keys = self.draw(st.lists(st.sampled_from(KEYS), min_size=1, max_size=4, unique_by=str))
        actions = [self.draw(st.sampled_from(["Put", "Update", "Delete", "ConditionCheck"])) for _ in keys]
        items = [{action: self._write(action, key)} for action, key in zip(actions, keys, strict=True)]
        return [("transact_write_items", {"TransactItems": items})]

    def repeated_transaction(self) -> list[Request]:
        """Draw a transaction, followed by the same one or by another one with the same token."""
        token = {"ClientRequestToken": self.draw(st.sampled_from("12"))}
        (first,) = self.transaction()
        (other,) = self.transaction()
        return [(method, request | token) for method, request in (first, self.draw(st.sampled_from([first, other])))]

    def get(self) -> list[Request]:
        """Draw a read of one item, or of a part of it."""
        form = ExpressionMaker(self.draw, self._key(), self.simple)
        request = {"TableName": self.table, "Key": form.key, "ConsistentRead": True}
        if self.draw(st.booleans()):
            within = [] if self.simple else ["l[1]", "l[0]", "m.x", "m.k"]
            paths = self.draw(st.lists(st.sampled_from(["PK", "n", "s", "o", *within]), min_size=1, unique=True))
            request["ProjectionExpression"] = ", ".join(map(form.name, paths))
        return [("get_item", {**request, **form.placeholders})]

    def query(self) -> list[Request]:
        """Draw a query of the table or of an index; its start key need not exist."""
        index = self.draw(st.sampled_from([None, None, "status", "work"]))
        partition, sort = _INDEX_KEYS[index]
        form = ExpressionMaker(self.draw, self._key(), self.simple, names={"#partition": partition})
        within = {"S": self.draw(st.sampled_from("ab" if index is None else "xy"))}
        request: dict[str, Any] = {"TableName": self.table, "ScanIndexForward": self.draw(st.booleans())}
        condition = f"#partition = {form.value(exactly(within))}"
        if self.draw(st.booleans()):
            form.names["#sort"] = sort
            condition += f" AND {_on_sort_key(form, is_number=sort == 'work_at')}"
        elif self.draw(st.booleans()):
            # Not with a sort key condition: DynamoDB Local, unlike AWS, rejects a start key at the end of its range.
            start = {**form.key, "sid": {"S": "15"}, "work_at": {"N": "5"}, partition: within}
            request["ExclusiveStartKey"] = {name: start[name] for name in ("PK", "SK", partition, sort)}
        request["KeyConditionExpression"] = condition
        if index is not None:
            request["IndexName"] = index
        elif self.draw(st.booleans()):
            simple = f"{form.name('n')} {form.comparator()} {form.value(USUAL['n'])}" if self.simple else None
            request["FilterExpression"] = simple or form.condition()
        if self.draw(st.booleans()):
            request["Limit"] = self.draw(st.integers(1, 4))
        return [("query", {**request, **form.placeholders})]

    def batch_get(self) -> list[Request]:
        """Draw a batch read."""
        keys = self.draw(st.lists(st.sampled_from(KEYS), min_size=1, unique_by=str))
        return [("batch_get_item", {"RequestItems": {self.table: {"Keys": keys, "ConsistentRead": True}}})]

    def batch_write(self) -> list[Request]:
        """Draw a batch write."""
        keys = self.draw(st.lists(st.sampled_from(KEYS), min_size=1, max_size=4, unique_by=str))
        requests = [
            {"PutRequest": {"Item": self._item(key)}}
            if self.draw(st.booleans())
            else {"DeleteRequest": {"Key": key}}
            for key in keys
        ]  # fmt: skip
        return [("batch_write_item", {"RequestItems": {self.table: requests}})]

    def _key(self) -> Attributes:
        return self.draw(st.sampled_from(KEYS))

    def _item(self, key: Attributes) -> Attributes:
        attributes = self.draw(st.fixed_dictionaries({}, optional=USUAL))
        return {**key, **attributes, **index_keys(self.draw, key)}

    def _write(self, action: str, key: Attributes) -> dict[str, Any]:
        form = ExpressionMaker(self.draw, key, self.simple)
        request: dict[str, Any] = {"TableName": self.table}
        if action == "Put":
            request["Item"] = self._item(key)
        else:
            request["Key"] = key
        if action == "Update":
            request["UpdateExpression"] = form.update()
        if action == "ConditionCheck" or self.draw(st.booleans()):
            request["ConditionExpression"] = form.condition()
        if self.draw(st.booleans()):
            request["ReturnValuesOnConditionCheckFailure"] = self.draw(st.sampled_from(["ALL_OLD", "NONE"]))
        return {**request, **form.placeholders}


def _on_sort_key(form: ExpressionMaker, *, is_number: bool) -> str:
    places, kind = (["-5", "3", "12"], "N") if is_number else (["1", "2", "20", "3", "é"], "S")
    low, high = sorted(form.draw(st.tuples(*[st.sampled_from(places)] * 2)), key=float if is_number else str)
    operator = form.draw(
        st.sampled_from(["=", "<", "<=", ">", ">=", "BETWEEN", "begins_with"][: 6 if is_number else 7])
    )
    first = form.value(exactly({kind: low}))
    if operator == "begins_with":
        return f"begins_with(#sort, {first})"
    return f"#sort {operator} {first}" + (f" AND {form.value(exactly({kind: high}))}" if operator == "BETWEEN" else "")


_SIMPLE: Final[list[Callable[[_Maker], list[Request]]]] = [
    _Maker.single,
    _Maker.single,
    _Maker.single,
    _Maker.transaction,
    _Maker.transaction,
    _Maker.get,
    _Maker.query,
    _Maker.query,
    _Maker.batch_get,
    _Maker.batch_write,
]
_ALL: Final = [*_SIMPLE, _Maker.repeated_transaction]
