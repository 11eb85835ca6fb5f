"""Compile update and projection expressions to functions that return new items."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from dynamodb_memory.conditions import Check, Reader, Values, checks_of_operands, compile_path
from dynamodb_memory.syntax_tree import Operand, Path, Update, Value
from dynamodb_memory.values import (
    WRONG_OPERAND,
    AttributeValue,
    DynamoDBError,
    Item,
    add,
    add_values,
    copy_item,
    copy_value,
    subtract,
)

Change = Callable[[Item, Values], Item]
"""Returns a changed item that may share parts with the old one; a missing item is its key."""

_NO_SUCH_PATH: Final = "The document path provided in the update expression is invalid for update"
_NO_SUCH_ATTRIBUTE: Final = "The provided expression refers to an attribute that does not exist in the item"
_KIND: Final = "UpdateExpression"


def compile_update(update: Update) -> Change:
    """Compile an update to a function of an item.

    The function raises DynamoDBError if the update does not fit the item.
    """
    edits = list(_edits(update))
    if any(len(path.parts) > 1 for path, _ in edits):
        return lambda item, values: _edit(item, [(path, make(item, values)) for path, make in edits])
    flat = [(str(path.parts[0]), make) for path, make in edits]

    def change(item: Item, values: Values) -> Item:
        changed = dict(item)
        for name, make in flat:
            made = make(item, values)
            if made is not None:
                changed[name] = made
            else:
                changed.pop(name, None)
        return changed

    return change


def checks_of_update(update: Update) -> Iterator[Check]:
    """Yield checks of the values that an update uses."""
    for _, operand in update.sets:
        yield from checks_of_operands(_KIND, "SET", (operand,))
    for section, pairs in (("ADD", update.adds), ("DELETE", update.deletes)):
        for _, value in pairs:
            yield from checks_of_operands(_KIND, section, (value,))


def _edits(update: Update) -> Iterator[tuple[Path, Reader]]:
    """Yield each path with a reader of its new value; None removes it. Readers get the old item."""
    for path, operand in update.sets:
        yield path, _compile_assigned(operand)
    for path in update.removes:
        yield path, lambda _item, _values: None
    for path, value in update.adds:
        yield path, _combining(add_values, path, value)
    for path, value in update.deletes:
        yield path, _combining(subtract, path, value)


def _combining(
    combine: Callable[[AttributeValue | None, AttributeValue], AttributeValue | None], path: Path, value: Value
) -> Reader:
    read, name = compile_path(path), value.name
    return lambda item, values: combine(read(item, values), values[name])


def _compile_assigned(operand: Operand) -> Callable[[Item, Values], AttributeValue]:
    if isinstance(operand, Value):
        name = operand.name
        return lambda _item, values: values[name]
    if isinstance(operand, Path):
        return _compile_present(operand)
    left, right = operand.operands
    second = _compile_assigned(right)
    if operand.name == "if_not_exists" and isinstance(left, Path):
        return _compile_default(compile_path(left), second)
    first = _compile_assigned(left)
    if operand.name == "list_append":
        return lambda item, values: _append(first(item, values), second(item, values))
    sign = 1 if operand.name == "+" else -1
    return lambda item, values: add(first(item, values), second(item, values), sign)


def _compile_present(path: Path) -> Callable[[Item, Values], AttributeValue]:
    read = compile_path(path)

    def make(item: Item, values: Values) -> AttributeValue:
        found = read(item, values)
        if found is None:
            raise DynamoDBError(_NO_SUCH_ATTRIBUTE)
        return found

    return make


def _compile_default(
    read: Reader, default: Callable[[Item, Values], AttributeValue]
) -> Callable[[Item, Values], AttributeValue]:
    def make(item: Item, values: Values) -> AttributeValue:
        # The default is evaluated even if it is not needed, as in DynamoDB.
        found, otherwise = read(item, values), default(item, values)
        return found if found is not None else otherwise

    return make


def _append(first: AttributeValue, second: AttributeValue) -> AttributeValue:
    if "L" not in first or "L" not in second:
        raise DynamoDBError(WRONG_OPERAND)
    return {"L": [*first["L"], *second["L"]]}


def _edit(item: Item, edits: list[tuple[Path, AttributeValue | None]]) -> Item:
    """Return a copy of an item with changed paths; list indexes refer to the old item."""
    changed = copy_item(item)
    places = [(path, _container(changed, path), made) for path, made in edits]
    removed = [
        (path, container) for path, container, made in places if made is None and _holds(container, path.parts[-1])
    ]
    for path, container, made in sorted(places, key=_by_last_place):
        if made is not None:
            _put(container, path.parts[-1], made)
    for path, container in sorted(removed, key=lambda place: place[0].parts, reverse=True):
        del container[path.parts[-1]]
    return changed


def _by_last_place(place: tuple[Path, Any, object]) -> int:
    """Sort by list index: values beyond a list's end are appended in this order."""
    last = place[0].parts[-1]
    return last if isinstance(last, int) else -1


def _container(item: Item, path: Path) -> Any:  # noqa: ANN401 - a map or a list
    """Return the map or list that contains the last part of a path."""
    container: Any = item
    for place, part in enumerate(path.parts[:-1]):
        if not _holds(container, part):
            raise DynamoDBError(_NO_SUCH_PATH)
        container = container[part].get("M" if isinstance(path.parts[place + 1], str) else "L")
        if container is None:
            raise DynamoDBError(_NO_SUCH_PATH)
    return container


def _holds(container: Any, part: str | int) -> bool:  # noqa: ANN401 - a map or a list
    return part in container if isinstance(part, str) else part < len(container)


def _put(container: Any, part: str | int, value: AttributeValue) -> None:  # noqa: ANN401 - a map or a list
    if isinstance(part, str) or part < len(container):
        container[part] = value
    else:
        container.append(value)


# Projections.

_Branch = dict[str | int, Any]


def compile_projection(paths: Iterable[Path]) -> Callable[[Item], Item]:
    """Compile paths to a function that copies these parts of an item."""
    tree: _Branch = {}
    for path in paths:
        branch = tree
        for part in path.parts:
            branch = branch.setdefault(part, {})
    return lambda item: _project(item, tree)


def _project(content: Item, branch: _Branch) -> Item:
    found = {str(name): _project_value(content[str(name)], below) for name, below in branch.items() if name in content}
    return {name: value for name, value in found.items() if value is not None}


def _project_value(value: AttributeValue, branch: _Branch) -> AttributeValue | None:
    """Return the projected parts of a value; None if it has none of them."""
    if not branch:
        return copy_value(value)
    ((kind, content),) = value.items()
    if kind == "M":
        parts: Any = _project(content, branch)
    elif kind == "L":
        places = sorted(place for place in branch if isinstance(place, int) and place < len(content))
        projected = [_project_value(content[place], branch[place]) for place in places]
        parts = [part for part in projected if part is not None]
    else:
        return None
    return {kind: parts} if parts else None
