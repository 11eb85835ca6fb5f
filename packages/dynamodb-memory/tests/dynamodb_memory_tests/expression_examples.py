"""Examples of expressions with their results, for cases that random expressions rarely contain."""

from typing import Any, Final

Attributes = dict[str, Any]


def number(value: int | str) -> Attributes:
    """Return a number in DynamoDB's JSON."""
    return {"N": str(value)}


def numbers(*values: int) -> Attributes:
    """Return a list of numbers in DynamoDB's JSON."""
    return {"L": [number(value) for value in values]}


def text(value: str) -> Attributes:
    """Return a string in DynamoDB's JSON."""
    return {"S": value}


VALUES: Final[Attributes] = {
    ":one": number(1),
    ":two": number(2),
    ":nine": number(9),
    ":a": text("a"),
    ":list": numbers(7),
    ":set": {"SS": ["a", "c"]},
    ":numbers": {"NS": ["1", "2.0"]},
    ":bytes": {"B": b"ab"},
    ":map": {"M": {"k": number("1.0")}},
    ":N": text("N"),
    ":p": text("p"),
    ":other": text("q"),
    ":three": text("3"),
    ":five": text("5"),
    ":seven": text("7"),
}

UPDATES: Final[list[tuple[Attributes | None, str, Attributes | None]]] = [
    # An update of a missing item creates it with its key, even if it sets nothing.
    (None, "REMOVE x", {}),
    (None, "DELETE x :set", {}),
    (None, "SET x = PK, y = if_not_exists(SK, :a)", {"x": text("a"), "y": text("1")}),
    # All operands refer to the item before the update.
    ({"x": number(1)}, "SET x = :two, y = x", {"x": number(2), "y": number(1)}),
    ({"x": number(1), "y": number(2)}, "SET x = y, y = x", {"x": number(2), "y": number(1)}),
    ({"x": number(5)}, "SET x = x - :nine", {"x": number(-4)}),
    ({"x": number(5)}, "SET y = (x + :one)", {"x": number(5), "y": number(6)}),
    ({"m": {"M": {"k": number(1)}}, "l": numbers(5)}, "SET x = m.k + l[0]",
     {"m": {"M": {"k": number(1)}}, "l": numbers(5), "x": number(6)}),
    ({"x": number(2)}, "SET y = x + x", {"x": number(2), "y": number(4)}),
    ({}, "SET x = if_not_exists(x, :one) + :two", {"x": number(3)}),
    ({}, "SET x = if_not_exists(x, if_not_exists(y, :one))", {"x": number(1)}),
    ({"x": number(5)}, "SET x = if_not_exists(x, :one)", {"x": number(5)}),
    ({}, "SET x = list_append(if_not_exists(x, :list), :list)", {"x": numbers(7, 7)}),
    ({"x": numbers(1)}, "SET x = list_append(:list, x)", {"x": numbers(7, 1)}),
    ({"x": numbers(1)}, "SET y = list_append(x, x)", {"x": numbers(1), "y": numbers(1, 1)}),
    # Indexes refer to the list before the update; elements beyond its end are appended in order.
    ({"l": numbers(0)}, "SET l[9] = :nine, l[5] = :one REMOVE l[0]", {"l": numbers(1, 9)}),
    ({"l": numbers(0)}, "SET l[9] = :nine ADD l[3] :one", {"l": numbers(0, 1, 9)}),
    ({"l": numbers(0, 1, 2, 3)}, "REMOVE l[0], l[2]", {"l": numbers(1, 3)}),
    ({"l": numbers(0, 1, 2, 3)}, "REMOVE l[2], l[0]", {"l": numbers(1, 3)}),
    ({"l": numbers(0, 1)}, "SET l[1] = :nine REMOVE l[0]", {"l": numbers(9)}),
    ({"l": numbers(0)}, "SET l[3] = :nine REMOVE l[1]", {"l": numbers(0, 9)}),
    ({"l": numbers(0)}, "REMOVE l[5]", {"l": numbers(0)}),
    ({"l": {"L": [number(0), numbers(1, 2)]}}, "REMOVE l[0], l[1][0]", {"l": {"L": [numbers(2)]}}),
    ({"l": {"L": [number(0), numbers(1)]}}, "SET l[1][0] = :nine REMOVE l[0]", {"l": {"L": [numbers(9)]}}),
    ({"l": {"L": [number(0), numbers(1)]}}, "SET l[1] = l[0]", {"l": numbers(0, 0)}),
    # Paths into maps.
    ({"m": {"M": {}}}, "SET m.x = :one, m.y = :two REMOVE m.z", {"m": {"M": {"x": number(1), "y": number(2)}}}),
    ({"m": {"M": {"x": numbers(1, 2)}}}, "REMOVE m.x[0] ADD n :one", {"m": {"M": {"x": numbers(2)}}, "n": number(1)}),
    ({"m": {"M": {"s": {"SS": ["a"]}}}}, "DELETE m.s :set", {"m": {"M": {}}}),
    # Numbers and sets.
    ({"n": number(5)}, "ADD n :nine, x :one", {"n": number(14), "x": number(1)}),
    ({"s": {"SS": ["b", "a"]}}, "ADD s :set", {"s": {"SS": ["a", "b", "c"]}}),
    ({"s": {"NS": ["10", "9"]}}, "ADD s :numbers", {"s": {"NS": ["1", "2", "9", "10"]}}),
    ({"s": {"SS": ["b", "a"]}}, "DELETE s :set", {"s": {"SS": ["b"]}}),
    ({"s": {"SS": ["a"]}}, "DELETE s :set", {}),
    ({"l": {"L": [{"SS": ["a"]}, number(1)]}}, "DELETE l[0] :set", {"l": numbers(1)}),
    # Rejected for this item.
    ({}, "SET x = y", None),
    ({}, "SET x = list_append(y, :list)", None),
    ({}, "SET x = if_not_exists(x, y)", None),
    ({"x": number(1)}, "SET x = if_not_exists(x, y)", None),
    ({"x": text("a")}, "SET x = x + :one", None),
    ({"x": text("a")}, "SET x = list_append(x, :list)", None),
    ({"x": text("a")}, "ADD x :one", None),
    ({"x": {"SS": ["1"]}}, "ADD x :numbers", None),
    ({"x": number(1)}, "DELETE x :set", None),
    ({}, "SET m.x = :one", None),
    ({}, "REMOVE m.x", None),
    ({"m": text("a")}, "REMOVE m.x", None),
    ({"m": {"M": {}}}, "SET m[0] = :one", None),
    ({"m": {"M": {}}}, "SET m.x.y = :one", None),
    ({"l": numbers(1)}, "SET l.x = :one", None),
]  # fmt: skip
"""Attributes besides the key, an update, and the attributes after it. None: no item, or the update is rejected."""

ITEM: Final[Attributes] = {
    "n": number(1),
    "s": text("aé"),
    "l": {"L": [number(1), text("a")]},
    "m": {"M": {"k": number(1)}},
    "ss": {"SS": ["b", "a"]},
    "ns": {"NS": ["1", "2"]},
    "b": {"B": b"abc"},
    "t": {"BOOL": True},
    "u": {"BOOL": True},
    "z": {"NULL": True},
}
CONDITIONS: Final[dict[str, bool]] = {
    # A missing attribute is unequal to everything, and has no order.
    **dict.fromkeys([f"x {comparator} :one" for comparator in ("=", "<", "<=", ">", ">=")], False),
    **dict.fromkeys([f"x {comparator} y" for comparator in ("=", "<", "<=", ">", ">=")], False),
    "x <> :one": True,
    "x <> y": True,
    "NOT x IN (:one)": True,
    "x BETWEEN :one AND :two": False,
    "x.y.z = :one": False,
    "begins_with(x, :a)": False,
    "contains(x, :a)": False,
    # Types.
    "n = :one": True,
    "m = :map": True,
    "n <> :a": True,
    "n < :a": False,
    "t < z": False,
    "t <= u": False,
    "t = u": True,
    "l < m": False,
    "ns = :numbers": True,
    "l[0] = n": True,
    "l[2] = n": False,
    "n[0] = n": False,
    "n.k = n": False,
    ":one = :one": True,
    "n BETWEEN :one AND :nine": True,
    "n BETWEEN :two AND :nine": False,
    ":two BETWEEN n AND m.k": False,
    "n IN (:two, :one)": True,
    "n IN (:two, :nine)": False,
    # Functions.
    "size(s) = :two": True,
    "size(l) = :two AND size(ss) = :two AND size(ns) = :two": True,
    "size(m) = :one": True,
    "size(b) > :two": True,
    "size(n) = :one": False,
    "size(n) <> :one": True,
    "size(t) = :one OR size(z) = :one OR size(x) = :one": False,
    "begins_with(s, :a)": True,
    "begins_with(b, :bytes)": True,
    "begins_with(n, :a)": False,
    "begins_with(:a, s)": False,
    "contains(s, :a)": True,
    "contains(b, :bytes)": True,
    "contains(l, :one)": True,
    "contains(ns, :one)": True,
    "contains(ss, :a)": True,
    "contains(ss, :one)": False,
    "contains(m, :a)": False,
    "contains(n, :one)": False,
    "contains(:list, n)": False,
    "attribute_type(n, :N)": True,
    "attribute_type(s, :N)": False,
    "attribute_type(x, :N)": False,
    "attribute_exists(l[1])": True,
    "attribute_exists(l[2])": False,
    "attribute_exists(m.k)": True,
    "attribute_not_exists(m.k.k)": True,
    # Precedence.
    "n = :one OR n = :two AND n = :two": True,
    "(n = :one OR n = :two) AND n = :two": False,
    "NOT n = :one AND n = :two": False,
    "NOT (n = :one AND n = :two)": True,
    "NOT NOT n = :one": True,
    "not n = :two and (n) = (:one)": True,
    "n=:one AND(n=:one)": True,
    "l [ 0 ] = :one": True,
}
"""Conditions, and whether ITEM meets them."""

PROJECTIONS: Final[dict[str, Attributes]] = {
    "n, x": {"n": number(1)},
    "x": {},
    "l[1], l[0]": {"l": {"L": [number(1), text("a")]}},
    "l[1], l[7]": {"l": {"L": [text("a")]}},
    "l[7]": {},
    "m.k": {"m": {"M": {"k": number(1)}}},
    "m.x": {},
    "n.x": {},
    "n[0]": {},
    "ss, b": {"ss": {"SS": ["a", "b"]}, "b": {"B": b"abc"}},
}
"""Projections, and the part of ITEM that they return."""

KEY_CONDITIONS: Final[dict[str, str]] = {
    "PK = :p": "123456",
    ":p = PK": "123456",
    "PK = :other": "",
    "PK = :p AND SK = :three": "3",
    "PK = :p AND SK = :seven": "",
    "PK = :p AND SK < :three": "12",
    "PK = :p AND :three > SK": "12",
    "PK = :p AND SK <= :three": "123",
    "SK > :three AND PK = :p": "456",
    ":three <= SK AND PK = :p": "3456",
    "PK = :p AND SK BETWEEN :three AND :five": "345",
    "(PK = :p) AND (SK BETWEEN :three AND :three)": "3",
    "PK = :p AND begins_with(SK, :three)": "3",
    "PK = :p AND begins_with(SK, :seven)": "",
}
"""Key conditions, and the sort keys of the matching items among six."""
