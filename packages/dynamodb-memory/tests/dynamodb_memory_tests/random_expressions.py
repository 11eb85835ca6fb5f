"""Random expressions about the items of the table, with the names and values of their placeholders."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

Attributes = dict[str, Any]

KEYS: Final[tuple[Attributes, ...]] = tuple(
    {"PK": {"S": partition}, "SK": {"S": sort}} for partition in "ab" for sort in ("1", "2", "20", "é")
)
"""Keys of all items: few, so that many requests concern the same item."""

_NUMBER: Final = st.sampled_from(["0", "1", "2", "10", "-3", "1.50", "0.5", "12345678901234567890"]).map(
    lambda number: {"N": number}
)
_WORD: Final = st.sampled_from(["", "a", "ab", "b", "é", "ü€"]).map(lambda word: {"S": word})
_SET: Final = st.lists(st.sampled_from("abc"), min_size=1, max_size=3, unique=True).map(lambda members: {"SS": members})
_LIST: Final = st.lists(_NUMBER | _WORD, max_size=3).map(lambda elements: {"L": elements})
_MAP: Final = st.fixed_dictionaries({}, optional={"k": _NUMBER, "x": _LIST}).map(lambda content: {"M": content})
_OTHER: Final[SearchStrategy[Attributes]] = st.sampled_from(
    [{"B": b"ab"}, {"NULL": True}, {"NS": ["1", "2.5"]}, {"BS": [b"b", b"a"]}, {"BOOL": True}, {"BOOL": False}]
)
USUAL: Final[dict[str, SearchStrategy[Attributes]]] = {
    "n": _NUMBER,
    "s": _WORD,
    "ss": _SET,
    "l": _LIST,
    "m": _MAP,
    "o": _OTHER,
}
"""The attributes of items, and their usual values."""

_ANY: Final = st.one_of(*USUAL.values())
_TYPE: Final = st.sampled_from(["S", "N", "L"]).map(lambda kind: {"S": kind})
_WITHIN: Final = ("l[0]", "l[1]", "l[4]", "m.k", "m.x[0]", "m.x[1]", "m.z", "o.k", "n[0]")
_COMPARATORS: Final = st.sampled_from(["=", "<>", "<", "<=", ">", ">="])


def exactly(value: Attributes) -> SearchStrategy[Attributes]:
    """Return a strategy that draws only this value."""
    return st.just(value)


def index_keys(draw: DrawFn, key: Mapping[str, Any]) -> Attributes:
    """Draw some or all keys of the indexes, unique to this item: the order of items with equal keys is undefined."""
    place = KEYS.index(dict(key))
    places = {
        "status_key": {"S": draw(st.sampled_from("xy"))},
        "sid": {"S": f"{draw(st.integers(0, 2))}{place}"},
        "work": {"S": draw(st.sampled_from("xy"))},
        "work_at": {"N": str(draw(st.integers(-1, 2)) * 10 + place)},
    }
    return {name: value for name, value in places.items() if draw(st.booleans())}


@dataclass
class ExpressionMaker:
    """The expressions of one request about the item with a key, and their placeholders.

    `simple` expressions are those that moto supports: of whole attributes, each of its usual type.
    """

    draw: DrawFn
    key: Attributes
    simple: bool
    names: dict[str, str] = field(default_factory=dict)
    values: Attributes = field(default_factory=dict)

    @property
    def placeholders(self) -> dict[str, Any]:
        """The request's parameters without empty ones, which are invalid."""
        named = {"ExpressionAttributeNames": self.names, "ExpressionAttributeValues": self.values}
        return {parameter: content for parameter, content in named.items() if content}

    @property
    def attributes(self) -> list[str]:
        """Attributes for conditions and updates; simple ones omit `o`: moto takes a missing attribute for NULL."""
        return [name for name in USUAL if name != "o" or not self.simple]

    def value(self, kind: SearchStrategy[Attributes]) -> str:
        """Draw a value and return its placeholder."""
        placeholder = f":v{len(self.values)}"
        self.values[placeholder] = self.draw(kind)
        return placeholder

    def name(self, path: str) -> str:
        """Return the path, in some cases with a placeholder for its first part."""
        if self.draw(st.booleans()):
            return path
        first = path.partition("[")[0].partition(".")[0]
        self.names[f"#{first}"] = first
        return f"#{path}"

    def path(self) -> str:
        """Draw the path of an attribute, or of a part of one."""
        return self.name(self.draw(st.sampled_from(self.attributes if self.simple else [*self.attributes, *_WITHIN])))

    def comparator(self) -> str:
        """Draw a comparator."""
        return self.draw(_COMPARATORS)

    def update(self) -> str:
        """Draw an update expression; the parts of one that is not simple may conflict."""
        names = self.draw(st.lists(st.sampled_from(self.attributes), min_size=self.simple, max_size=3, unique=True))
        actions = [self.draw(st.sampled_from(_ON_ATTRIBUTES[name])) for name in names]
        if not self.simple:
            actions += self.draw(st.lists(st.sampled_from(_ANYWHERE), min_size=not names, max_size=2))
        sections: dict[str, list[str]] = {}
        for action in actions:
            section, text = action(self)
            sections.setdefault(section, []).append(text)
        for name, place in index_keys(self.draw, self.key).items():
            self.names[f"#{name}"] = name
            sections.setdefault("SET", []).append(f"#{name} = {self.value(exactly(place))}")
        return " ".join(
            self.draw(st.permutations([f"{section} {', '.join(texts)}" for section, texts in sections.items()]))
        )

    def condition(self, depth: int = 2) -> str:
        """Draw a condition expression."""
        if depth == 0 or self.draw(st.booleans()):
            return self.draw(st.sampled_from(_SIMPLE_TESTS if self.simple else _TESTS))(self)
        if self.draw(st.booleans()):
            # Moto supports no double negation.
            return f"NOT {self.condition(0 if self.simple else depth - 1)}"
        first, second = self.condition(depth - 1), self.condition(depth - 1)
        word = self.draw(st.sampled_from(["AND", "OR"]))
        return f"({first}) {word} {second}" if self.draw(st.booleans()) else f"{first} {word} {second}"


Action = Callable[[ExpressionMaker], tuple[str, str]]
"""Makes a part of an update: the name of its section, and the text."""


def _set(name: str) -> Action:
    return lambda form: ("SET", f"{form.name(name)} = {form.value(USUAL[name])}")


def _remove(name: str) -> Action:
    return lambda form: ("REMOVE", form.name(name))


_MORE: Final[dict[str, list[Action]]] = {
    "n": [
        lambda form: ("SET", f"n = {form.name('n')} + {form.value(_NUMBER)}"),
        lambda form: ("SET", f"n = if_not_exists(n, {form.value(_NUMBER)})"),
        lambda form: ("ADD", f"n {form.value(_NUMBER)}"),
    ],
    "l": [lambda form: ("SET", f"l = list_append({form.name('l')}, {form.value(_LIST)})")],
    "ss": [
        lambda form: ("ADD", f"{form.name('ss')} {form.value(_SET)}"),
        lambda form: ("DELETE", f"{form.name('ss')} {form.value(_SET)}"),
    ],
}
_ON_ATTRIBUTES: Final = {name: [_set(name), _remove(name), *_MORE.get(name, [])] for name in USUAL}
_ANYWHERE: Final[list[Action]] = [
    lambda form: ("SET", f"{form.path()} = {form.value(_ANY)}"),
    lambda form: ("SET", f"m.k = if_not_exists(m.k, {form.value(_NUMBER)}) - {form.value(_NUMBER | _WORD)}"),
    lambda form: ("SET", f"l = list_append({form.value(_LIST)}, if_not_exists(l, {form.value(_LIST)}))"),
    lambda form: ("SET", f"{form.path()} = {form.path()}"),
    lambda form: ("REMOVE", form.path()),
    lambda form: ("ADD", f"{form.path()} {form.value(_NUMBER | _SET)}"),
    lambda form: ("DELETE", f"{form.path()} {form.value(_SET)}"),
]


def _equal(form: ExpressionMaker) -> str:
    name = form.draw(st.sampled_from(form.attributes))
    return f"{form.name(name)} {form.draw(st.sampled_from(['=', '<>']))} {form.value(USUAL[name])}"


def _among(form: ExpressionMaker) -> str:
    name = form.draw(st.sampled_from(form.attributes))
    options = ", ".join(form.value(USUAL[name]) for _ in range(form.draw(st.integers(1, 3))))
    return f"{form.name(name)} IN ({options})"


_SIMPLE_TESTS: Final[list[Callable[[ExpressionMaker], str]]] = [
    _equal,
    _among,
    lambda form: f"attribute_exists({form.path()})",
    lambda form: f"attribute_not_exists({form.path()})",
    lambda form: f"attribute_exists({form.name('PK')})",
    lambda form: f"attribute_not_exists({form.name('PK')})",
]
_TESTS: Final[list[Callable[[ExpressionMaker], str]]] = [
    *_SIMPLE_TESTS,
    lambda form: f"{form.path()} {form.comparator()} {form.value(_NUMBER | _WORD)}",
    lambda form: f"{form.path()} BETWEEN {form.value(exactly({'N': '0'}))} AND {form.value(exactly({'N': '2.0'}))}",
    lambda form: f"begins_with({form.path()}, {form.value(_WORD)})",
    lambda form: f"contains({form.path()}, {form.value(_WORD | _NUMBER)})",
    lambda form: f"size({form.path()}) {form.comparator()} {form.value(_NUMBER)}",
    lambda form: f"attribute_type({form.path()}, {form.value(_TYPE)})",
    lambda form: f"{form.name('n')} {form.comparator()} {form.name('m.k')}",
]
