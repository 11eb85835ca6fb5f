"""Conversion between domain objects and items by a table of fields.

The tables use plain tuples and the getters of `operator`, so that building them adds little to a cold start.
"""

from collections.abc import Callable, Iterable
from operator import attrgetter, itemgetter
from typing import Any, Final, NamedTuple

from tapedeck.adapters.dynamodb.client import Item
from tapedeck.domain.subscription import CallbackSubscription

REQUIRED: Final = object()
"""In place of a default: every item has the attribute."""


class Field(NamedTuple):
    """One field of a domain object and the attribute that stores it.

    A field is not stored if its value equals `default`, which must be None or an empty value (0, False, "", or an empty
    set or mapping). The default must be that of the domain class, which applies when the attribute is absent. `encode`
    and `decode` convert a value that is stored.
    """

    attribute: str
    name: str
    default: Any = REQUIRED
    encode: Callable[[Any], Any] | None = None
    decode: Callable[[Any], Any] | None = None

    @property
    def is_optional(self) -> bool:
        """Whether an item may lack the attribute."""
        return self.default is not REQUIRED


class FieldTable:
    """The fields of one kind of item, without those that its key holds."""

    def __init__(self, *fields: Field) -> None:
        self.fields = fields
        required = [field for field in fields if not field.is_optional]
        optional = [field for field in fields if field.is_optional]
        self._attributes = tuple(field.attribute for field in fields)
        self._values = attrgetter(*(field.name for field in fields))
        self._required = tuple(field.name for field in required)
        self._required_values = itemgetter(*(field.attribute for field in required))
        self._optional = [(field.attribute, field.name) for field in optional]
        # Attributes whose default is an empty value: any false value is absent.
        self._empty_is_absent = [
            attribute for attribute, _ in _given((each.attribute, each.default) for each in optional)
        ]
        self._encoders = _given((field.attribute, field.encode) for field in fields)
        self._decoders = _given((field.name, field.decode) for field in fields)

    def render(self, source: object) -> Item:
        """Return the attributes of a domain object; those that are not to be stored are None."""
        item: Item = dict(zip(self._attributes, self._values(source)))  # noqa: B905 - equal lengths; checking costs time
        for attribute in self._empty_is_absent:
            if not item[attribute]:
                item[attribute] = None
        for attribute, encode in self._encoders:
            if item[attribute] is not None:
                item[attribute] = encode(item[attribute])
        return item

    def parse(self, item: Item) -> dict[str, Any]:
        """Return the arguments of the domain class; raises KeyError if a required attribute is missing."""
        values = dict(zip(self._required, self._required_values(item)))  # noqa: B905
        for attribute, name in self._optional:
            if attribute in item:
                values[name] = item[attribute]
        for name, decode in self._decoders:
            if name in values:
                values[name] = decode(values[name])
        return values


def _given(named: Iterable[tuple[str, Any]]) -> list[tuple[str, Any]]:
    return [(name, value) for name, value in named if value is not None]


def encode_callback(callback: CallbackSubscription) -> Item:
    """Render a callback subscription as the value of the attribute `callback`."""
    return {
        "url": callback.url,
        "method": callback.method,
        "events": list(callback.events),
        "dialect": callback.dialect,
    }


def decode_callback(stored: Item) -> CallbackSubscription:
    """Parse a callback subscription from the value of the attribute `callback`."""
    return CallbackSubscription(stored["url"], stored["method"], tuple(stored["events"]), stored["dialect"])
