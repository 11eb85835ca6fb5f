"""One write of a request to a table in memory: first found in order, then tried, then done."""

from collections.abc import Mapping
from typing import Any

from dynamodb_memory.plans import plan_write
from dynamodb_memory.table import Table
from dynamodb_memory.values import DynamoDBError, Item, copy_item, normalize_item


class WriteAction:
    """A Put, Update, Delete or ConditionCheck, as a transaction names them.

    Args:
        table: where.
        action: which of them.
        request: its parameters.

    Raises:
        DynamoDBError: DynamoDB would refuse it, whatever is in the table.
    """

    def __init__(self, table: Table, action: str, request: Mapping[str, Any]) -> None:
        self.table = table
        self._action = action
        self._plan, self._values = plan_write(request)
        self._shows = request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
        self._given = normalize_item(request["Item" if action == "Put" else "Key"])
        self.size = 0
        """Bytes of the item that is put."""
        if action == "Put":
            self.key = table.key_in(self._given)
            self.size = table.check(self._given)
        else:
            self.key = table.key_of(self._given)
        for name in sorted(self._plan.changed & table.key_names):
            raise DynamoDBError(
                f"One or more parameter values were invalid: Cannot update attribute {name}. "
                "This attribute is part of the key"
            )
        self.before = table.get(self.key)
        self.after: Item | None = None

    def meets(self) -> bool:
        """Whether what is there meets the condition."""
        test = self._plan.test
        return test is None or test(self.before or {}, self._values)

    def found(self) -> dict[str, Item]:
        """What a refusal shows of what is there: `Item`, if there is one and the request asks for it."""
        if self.before is None or not self._shows:
            return {}
        return {"Item": copy_item(self.before)}

    def prepare(self) -> None:
        """Make `after` of what is there; nothing is written yet.

        Raises:
            DynamoDBError: what is there does not suit the update.
        """
        match self._action:
            case "Put":
                self.after = self._given
            case "Update":
                base = self.before if self.before is not None else self._given
                change = self._plan.change
                self.after = change(base, self._values) if change is not None else base
                self.size = self.table.check(self.after)
            case "Delete":
                self.after = None
            case _:
                self.after = self.before

    def apply(self, at: int) -> None:
        """Write what was prepared; `at` is in milliseconds since the epoch."""
        if self._action != "ConditionCheck":
            self.table.put(self.key, self.after, self.size, at)
