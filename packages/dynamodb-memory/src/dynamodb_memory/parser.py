"""Parser for condition, update and projection expressions; rejects what DynamoDB rejects."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import combinations
from typing import Final, NamedTuple

from dynamodb_memory.reserved_words import RESERVED
from dynamodb_memory.syntax_tree import (
    BooleanExpression,
    Comparison,
    Condition,
    FunctionCall,
    Not,
    Operand,
    Path,
    Update,
    Value,
)
from dynamodb_memory.values import DynamoDBError

MAX_OPTIONS: Final = 100
"""The maximum number of operands of `IN`."""

_COMPARATORS: Final = frozenset({"=", "<>", "<", "<=", ">", ">="})
_SECTIONS: Final = ("SET", "REMOVE", "ADD", "DELETE")
_CONDITION_FUNCTIONS: Final = {
    "attribute_exists": 1,
    "attribute_not_exists": 1,
    "attribute_type": 2,
    "begins_with": 2,
    "contains": 2,
}
_VALUE_FUNCTIONS: Final = {"size": 1}
_UPDATE_FUNCTIONS: Final = {"if_not_exists": 2, "list_append": 2}
_ARITY: Final = {**_CONDITION_FUNCTIONS, **_VALUE_FUNCTIONS, **_UPDATE_FUNCTIONS}
_REQUIRE_PATH: Final = frozenset({"attribute_exists", "attribute_not_exists", "if_not_exists"})

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<name>[A-Za-z][A-Za-z0-9_]*)|(?P<placeholder>[#:][A-Za-z0-9_]+)|(?P<index>[0-9]+)"
    r"|(?P<sign><>|<=|>=|\S))"
)


class _Token(NamedTuple):
    kind: str
    text: str
    start: int
    end: int


class Parser:
    """Parses one expression; every method raises DynamoDBError if it is invalid.

    Args:
        kind: the request's parameter, for messages.
        text: the expression.
        names: attribute names by placeholder.
        values: the placeholders of values.
    """

    def __init__(self, kind: str, text: str, names: Mapping[str, str], values: Collection[str]) -> None:
        self.used: set[str] = set()
        """Placeholders that the expression uses."""
        self._kind = kind
        self._text = text
        self._names = names
        self._values = values
        if not text:
            raise self._error("The expression can not be empty;")
        self._tokens = [
            _Token(found.lastgroup or "", found[found.lastgroup or 0], found.start(found.lastgroup or 0), found.end())
            for found in _TOKEN.finditer(text)
        ]
        self._tokens.append(_Token("end", "<EOF>", len(text), len(text)))
        self._position = 0
        self._last_parenthesized: Operand | Condition | None = None

    def condition(self) -> Condition:
        """Parse a condition, filter or key condition."""
        found = self._disjunction()
        self._end()
        return self._as_condition(found)

    def update(self) -> Update:
        """Parse an update."""
        update = Update([], [], [], [])
        readers: dict[str, Callable[[], None]] = {
            "SET": lambda: update.sets.append((self._path(), self._assignment())),
            "REMOVE": lambda: update.removes.append(self._path()),
            "ADD": lambda: update.adds.append((self._path(), self._value())),
            "DELETE": lambda: update.deletes.append((self._path(), self._value())),
        }
        while readers.keys() == set(_SECTIONS) or self._token.kind != "end":
            word = self._token.text.upper()
            if word not in _SECTIONS:
                raise self._syntax_error()
            if word not in readers:
                raise self._error(f'The "{word}" section can only be used once in an update expression;')
            self._position += 1
            self._parse_list(readers.pop(word))
        self._check_paths(update.paths)
        return update

    def projection(self) -> list[Path]:
        """Parse a projection, a list of paths."""
        paths: list[Path] = []
        self._parse_list(lambda: paths.append(self._path()))
        self._end()
        self._check_paths(paths)
        return paths

    # Conditions.

    def _disjunction(self) -> Condition | Operand:
        return self._chain("OR", lambda: self._chain("AND", self._negation))

    def _chain(self, word: str, part: Callable[[], Condition | Operand]) -> Condition | Operand:
        parts = [part()]
        while self._accept(word):
            parts.append(part())
        return parts[0] if len(parts) == 1 else BooleanExpression(word, tuple(map(self._as_condition, parts)))

    def _negation(self) -> Condition | Operand:
        if self._accept("NOT"):
            return Not(self._as_condition(self._negation()))
        left = self._within_parentheses(self._disjunction) if self._token.text == "(" else self._operand()
        return left if isinstance(left, Condition) else self._comparison(left)

    def _comparison(self, left: Operand) -> Condition | Operand:
        operator = self._token.text.upper()
        if operator in _COMPARATORS:
            self._position += 1
            return self._test(operator, left, self._operand())
        if self._accept("BETWEEN"):
            low = self._operand()
            self._expect("AND")
            return self._test(operator, left, low, self._operand())
        if self._accept("IN"):
            self._expect("(")
            options: list[Operand] = []
            self._parse_list(lambda: options.append(self._as_operand(self._operand())))
            self._expect(")")
            if len(options) > MAX_OPTIONS:
                raise self._error(
                    "The IN operator is provided with too many operands; number of operands: " + str(len(options))
                )
            return self._test(operator, left, *options)
        if operator == ")":
            return left  # a value in parentheses
        raise self._syntax_error()

    def _test(self, operator: str, *operands: "Operand | Condition") -> Comparison:
        checked = tuple(map(self._as_operand, operands))
        if isinstance(checked[0], Path) and checked[0] in checked[1:]:
            raise self._error(
                "The first operand must be distinct from the remaining operands for this operator or function; "
                f"operator: {operator}, first operand: {checked[0]}"
            )
        return Comparison(operator, checked)

    # Operands.

    def _assignment(self) -> Operand:
        self._expect("=")
        return self._sum()

    def _sum(self) -> Operand:
        left = self._as_operand(self._operand())
        if self._token.text not in {"+", "-"}:
            return left
        sign = self._token.text
        self._position += 1
        operands = (left, self._as_operand(self._operand()))
        for operand in operands:
            if isinstance(operand, FunctionCall) and operand.name != "if_not_exists":
                raise self._error(
                    "The function is not allowed to be used this way in an expression; function: " + operand.name
                )
        return FunctionCall(sign, operands)

    def _operand(self) -> "Operand | Condition":
        token = self._token
        if token.text == "(":
            return self._within_parentheses(self._sum if self._is_update else self._operand)
        if token.text.startswith(":") and token.kind == "placeholder":
            return self._value()
        if token.kind == "name" and self._tokens[self._position + 1].text == "(":
            return self._function()
        return self._path()

    def _within_parentheses(self, read: "Callable[[], Operand | Condition]") -> "Operand | Condition":
        self._expect("(")
        inner = read()
        self._expect(")")
        if inner is self._last_parenthesized:
            raise self._error("The expression has redundant parentheses;")
        self._last_parenthesized = inner
        return inner

    def _function(self) -> FunctionCall | Comparison:
        name = self._token.text
        if name not in _ARITY:
            raise self._error(f"Invalid function name; function: {name}")
        if (name in _UPDATE_FUNCTIONS) is not self._is_update:
            what = "an update" if self._is_update else "a condition"
            raise self._error(f"The function is not allowed in {what} expression; function: {name}")
        self._position += 1
        self._expect("(")
        operands: list[Operand] = []
        self._parse_list(lambda: operands.append(self._as_operand(self._operand())))
        self._expect(")")
        if len(operands) != _ARITY[name]:
            raise self._error(
                "Incorrect number of operands for operator or function; "
                f"operator or function: {name}, number of operands: {len(operands)}"
            )
        if name in _REQUIRE_PATH and not isinstance(operands[0], Path):
            raise self._error(f"Operator or function requires a document path; operator or function: {name}")
        # Functions in conditions do not nest, and the type must be a placeholder.
        wrong = [isinstance(operand, FunctionCall) for operand in operands] if not self._is_update else []
        if any(wrong) or (name == "attribute_type" and not isinstance(operands[1], Value)):
            raise self._error(f"Incorrect operand type for operator or function; operator or function: {name}")
        return self._test(name, *operands) if name in _CONDITION_FUNCTIONS else FunctionCall(name, tuple(operands))

    def _value(self) -> Value:
        token = self._token
        if token.kind != "placeholder" or not token.text.startswith(":"):
            raise self._syntax_error()
        if token.text not in self._values:
            raise self._error(
                f"An expression attribute value used in expression is not defined; attribute value: {token.text}"
            )
        self._position += 1
        self.used.add(token.text)
        return Value(token.text)

    def _path(self) -> Path:
        parts: list[str | int] = [self._part()]
        while True:
            if self._accept("."):
                parts.append(self._part())
            elif self._accept("["):
                if self._token.kind != "index":
                    raise self._syntax_error()
                parts.append(int(self._token.text))
                self._position += 1
                self._expect("]")
            else:
                return Path(tuple(parts))

    def _part(self) -> str:
        token = self._token
        if token.kind == "placeholder" and token.text.startswith("#"):
            if token.text not in self._names:
                raise self._error(
                    "An expression attribute name used in the document path is not defined; "
                    f"attribute name: {token.text}"
                )
            self.used.add(token.text)
        elif token.kind != "name":
            raise self._syntax_error()
        elif token.text.upper() in RESERVED:
            raise self._error(f"Attribute name is a reserved keyword; reserved keyword: {token.text}")
        self._position += 1
        return self._names.get(token.text, token.text)

    # Tokens.

    @property
    def _is_update(self) -> bool:
        return self._kind == "UpdateExpression"

    @property
    def _token(self) -> _Token:
        return self._tokens[self._position]

    def _parse_list(self, read: Callable[[], None]) -> None:
        read()
        while self._accept(","):
            read()

    def _accept(self, text: str) -> bool:
        if self._token.text.upper() != text:
            return False
        self._position += 1
        return True

    def _expect(self, text: str) -> None:
        if not self._accept(text):
            raise self._syntax_error()

    def _end(self) -> None:
        if self._token.kind != "end":
            raise self._syntax_error()

    def _as_condition(self, found: "Condition | Operand") -> Condition:
        if not isinstance(found, Condition):
            raise self._syntax_error()
        return found

    def _as_operand(self, found: "Condition | Operand") -> Operand:
        if isinstance(found, Condition):
            name = found.operator if isinstance(found, Comparison) else type(found).__name__
            raise self._error(f"The function is not allowed to be used this way in an expression; function: {name}")
        return found

    def _check_paths(self, paths: Iterable[Path]) -> None:
        """Reject paths that overlap, or that use one attribute both as a map and as a list."""
        for one, two in combinations(paths, 2):
            differing = next((pair for pair in zip(one.parts, two.parts, strict=False) if pair[0] != pair[1]), None)
            how = "overlap" if differing is None else "conflict"
            if differing is None or type(differing[0]) is not type(differing[1]):
                raise self._error(
                    f"Two document paths {how} with each other; must remove or rewrite one of these paths; "
                    f"path one: {one}, path two: {two}"
                )

    def _syntax_error(self) -> DynamoDBError:
        first = self._tokens[max(self._position - 1, 0)]
        last = self._tokens[min(self._position + 1, len(self._tokens) - 1)]
        near = self._text[first.start : last.end]
        return self._error(f'Syntax error; token: "{self._token.text}", near: "{near}"')

    def _error(self, message: str) -> DynamoDBError:
        return DynamoDBError(f"Invalid {self._kind}: {message}")
