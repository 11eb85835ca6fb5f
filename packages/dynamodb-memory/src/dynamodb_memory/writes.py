"""One write to a table: validated, tested against its condition, prepared and applied."""

from collections.abc import Mapping
from typing import Any

from dynamodb_memory.plans import plan_write
from dynamodb_memory.table import Table
from dynamodb_memory.values import DynamoDBError, Item, copy_item, normalize_item


class WriteAction:
    """A Put, Update, Delete or ConditionCheck.

    Args:
        table: the table to write to.
        action: one of these names.
        request: the parameters of the operation.

    Raises:
        DynamoDBError: the request is invalid, independently of the stored item.
    """

    def __init__(self, table: Table, action: str, request: Mapping[str, Any]) -> None:
        self.table = table
        self._action = action
        self._plan, self._values = plan_write(request)
        self._returns_old = request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
        self._given = normalize_item(request["Item" if action == "Put" else "Key"])
        self.size = 0
        """Size in bytes of the item that is put."""
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

    def meets_condition(self) -> bool:
        """Return whether the stored item meets the condition."""
        test = self._plan.test
        return test is None or test(self.before or {}, self._values)

    def failure_details(self) -> dict[str, Item]:
        """Return the further fields of the error if the condition failed: `Item`, if it exists and was requested."""
        if self.before is None or not self._returns_old:
            return {}
        return {"Item": copy_item(self.before)}

    def prepare(self) -> None:
        """Compute `after` from the stored item; nothing is written yet.

        Raises:
            DynamoDBError: the update does not fit the stored item.
        """
        match self._action:
            case "Put":
                self.after = self._given
            case "Update":
                base = self.before if self.before is not None else self._given
                change = self._plan.change
                self.after = change(base, self._values) if change is not None else base
                changed = self._changed
                self.size = (
                    self.table.check(self.after)
                    if changed is None
                    else self.table.check_update(self.key, self.after, changed)
                )
            case "Delete":
                self.after = None
            case _:
                self.after = self.before

    def apply(self, at: int) -> None:
        """Write the prepared item; `at` is in milliseconds since the epoch."""
        if self._action != "ConditionCheck":
            self.table.put(self.key, self.after, self.size, at, self._changed)

    @property
    def _changed(self) -> frozenset[str] | None:
        """The attributes that an update of an existing item changes; None: any."""
        return self._plan.changed if self._action == "Update" and self.before is not None else None
