"""Reads the files in `data/` into typed objects; README.md describes them."""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

DATA: Final = Path(__file__).resolve().parent / "data"

DialectName = str
DIALECTS: Final = ("twilio", "signalwire")

_RESOURCES: Final = (
    "call",
    "recording",
    "conference",
    "participant",
    "transcription",
    "account",
    "key",
    "phone_number",
    "application",
)


class _Facts(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FieldFacts(_Facts):
    """What a field of a body holds."""

    type: Literal["string", "integer", "number", "boolean", "object", "array", "null"]
    nullable: bool = False
    format: str | None = None
    enum: tuple[str | int, ...] | None = None
    enum_after_post: tuple[str, ...] | None = None
    const: str | None = None
    minimum: int | None = None
    maximum: int | None = None
    value: str | None = None
    null_unless: str | None = None
    fields: Mapping[str, "FieldFacts"] | None = None
    items: "FieldFacts | None" = None
    min_items: int = 0
    note: str | None = None


class Match(_Facts):
    """A condition on one field, or a demand on it."""

    type: Literal["string", "null"] | None = None
    const: str | int | None = None
    enum: tuple[str, ...] | None = None


class Rule(_Facts):
    """A relation of several fields of a body."""

    condition: Mapping[str, Match] | None = Field(None, alias="if")
    then: Mapping[str, Match] = {}
    otherwise: Mapping[str, Match] = Field({}, alias="else")
    equal: tuple[str, ...] = ()
    exactly_one: tuple[str, ...] = ()
    null_together: tuple[str, ...] = ()


class BodyFacts(_Facts):
    """A body in one dialect: its fields in order, and how they relate."""

    fields: Mapping[str, FieldFacts]
    rules: tuple[Rule, ...] = ()
    vendor_schema: str | None = None
    link: str | None = None


class Body(_Facts):
    """A body in both dialects; None in a dialect that does not have it."""

    description: str
    twilio: BodyFacts | None = None
    signalwire: BodyFacts | None = None

    def of(self, dialect: DialectName) -> BodyFacts | None:
        """Return the body in a dialect."""
        return self.twilio if dialect == "twilio" else self.signalwire


class Resource(_Facts):
    """A resource: its bodies, the field of a page that holds its items, and the kind of the sid of an item."""

    resource: str
    list: str
    identified_by: str
    bodies: Mapping[str, Body]


class Page(_Facts):
    """The fields of a page around its items, and the form of page tokens."""

    resource: Literal["list"]
    default_page_size: int
    max_page_size: int
    bodies: Mapping[str, Body]
    token: str


class ErrorAnswer(_Facts):
    """The answer to a condition in one dialect."""

    status: int
    code: int | None = None
    message: str | None = None
    body: str = "object"


class ErrorRow(_Facts):
    """A condition and its answer in each dialect."""

    condition: str
    error: str | None = None
    fault: str | None = None
    operations: tuple[str, ...] | None = None
    twilio: ErrorAnswer | None = None
    signalwire: ErrorAnswer | None = None
    not_followed: str | None = None

    def of(self, dialect: DialectName) -> ErrorAnswer | None:
        """Return the answer in a dialect; None if the condition does not occur there."""
        return self.twilio if dialect == "twilio" else self.signalwire


class Errors(_Facts):
    """The error table."""

    resource: Literal["error"]
    bodies: Mapping[str, Body]
    rows: tuple[ErrorRow, ...]


class WarningRow(_Facts):
    """A parameter whose unusable value is no error in some dialects, and the warning about it."""

    parameter: str
    dialects: tuple[DialectName, ...]
    code: int
    text: str


class CallbackField(_Facts):
    """What a form field of a callback holds, and when it is sent."""

    format: str | None = None
    enum: tuple[str, ...] | None = None
    events: tuple[str, ...] | None = None
    when: str | None = None
    note: str | None = None


class CallbackFields(_Facts):
    """The fields of a callback in one dialect, in order."""

    fields: Mapping[str, CallbackField]
    vendor_schema: str | None = None


class Callback(_Facts):
    """A callback in both dialects."""

    description: str
    twilio: CallbackFields
    signalwire: CallbackFields

    def of(self, dialect: DialectName) -> CallbackFields:
        """Return the callback in a dialect."""
        return self.twilio if dialect == "twilio" else self.signalwire


class Callbacks(_Facts):
    """All callbacks."""

    resource: Literal["callback"]
    bodies: Mapping[str, Callback]


class OperationAnswers(_Facts):
    """The answers of an operation in one dialect."""

    success: Mapping[int, str]
    errors: tuple[int, ...] = ()
    vendor: str | None = None
    free_segment: str | None = None
    free_segment_accepts: str | None = None


class Operation(_Facts):
    """An operation: its method, its paths below the account (or beside it), and its answers."""

    method: str
    paths: tuple[str, ...]
    is_outside_account: bool = False
    twilio: OperationAnswers | Literal["not offered"]
    signalwire: OperationAnswers | Literal["not offered"]

    def of(self, dialect: DialectName) -> OperationAnswers | None:
        """Return the answers in a dialect; None if it is not offered there."""
        answers = self.twilio if dialect == "twilio" else self.signalwire
        return None if answers == "not offered" else answers


class Operations(_Facts):
    """All operations, and the statuses of requests without one."""

    statuses_of_every_operation: Mapping[DialectName, tuple[int, ...]]
    statuses_without_an_operation: Mapping[Literal["known_path", "unknown_path"], tuple[int, ...]]
    operations: Mapping[str, Operation]


class Format(_Facts):
    """A format: its meaning, and a pattern of the whole value unless code checks it."""

    description: str
    pattern: str | None = None


class DialectFormats(_Facts):
    """The path of an account, the forms of sids, and the realm of a dialect."""

    account: str
    sid: str
    requested_sid: str
    realm: str


class Media(_Facts):
    """The statuses of audio, and its content type by the suffix of the path."""

    statuses: tuple[int, ...]
    types: Mapping[str, str]


class Formats(_Facts):
    """The formats of values, sids, headers and media."""

    dialects: Mapping[DialectName, DialectFormats]
    sids: Mapping[str, str]
    formats: Mapping[str, Format]
    headers: Mapping[str, Any]
    media: Media

    def sid_pattern(self, dialect: DialectName, kind: str, *, requested: bool = False) -> str:
        """Return the pattern of a sid in a body, or as a request may spell it."""
        forms = self.dialects[dialect]
        return (forms.requested_sid if requested else forms.sid).replace("{prefix}", self.sids[kind])


class Case(_Facts):
    """A request, and the status, some headers and some fields of the right answer.

    `dialects` are the dialects of the case; None for all of its rule. `credentials` are a user and a password; None for
    those of the account. `is_outside_account`: the path is relative to the root. A header that must be missing is None.
    `keep` names fields of the answer whose values the following cases use in their paths and forms.
    """

    request: str
    dialects: tuple[DialectName, ...] | None = None
    form: Mapping[str, str | tuple[str, ...]] | None = None
    is_anonymous: bool = False
    credentials: tuple[str, str] | None = None
    is_outside_account: bool = False
    is_store_busy: bool = False
    status: int | None = None
    headers: Mapping[str, str | None] = {}
    body: Mapping[str, Any] = {}
    keep: Mapping[str, str] = {}


class ClientRequests(_Facts):
    """Requests that real clients send, and requests that are close to them, each with its right answer."""

    name: str
    description: str
    dialects: tuple[DialectName, ...]
    cases: tuple[Case, ...]
    neighbours: tuple[Case, ...]


class UnfollowedRule(_Facts):
    """A rule that the code does not follow yet, with requests that show it."""

    rule: str
    description: str
    today: str
    dialects: tuple[DialectName, ...]
    cases: tuple[Case, ...]


class Facts(_Facts):
    """All files."""

    resources: Mapping[str, Resource]
    page: Page
    errors: Errors
    operations: Operations
    callbacks: Callbacks
    formats: Formats
    warnings: tuple[WarningRow, ...]
    not_followed: tuple[UnfollowedRule, ...]
    client_requests: tuple[ClientRequests, ...]

    def body(self, name: str, dialect: DialectName) -> BodyFacts:
        """Return a body of a resource in a dialect."""
        return next(facts for found, _, of, facts in self.bodies() if (found, of) == (name, dialect))

    def resource_of(self, name: str) -> Resource:
        """Return the resource that has this body."""
        return next(resource for resource in self.resources.values() if name in resource.bodies)

    def bodies(self) -> Iterator[tuple[str, Resource, DialectName, BodyFacts]]:
        """Yield each body of a resource in each dialect, with its name and its resource."""
        for resource in self.resources.values():
            for name, body in resource.bodies.items():
                for dialect in DIALECTS:
                    facts = body.of(dialect)
                    if facts is not None:
                        yield name, resource, dialect, facts


def parse_yaml(text: str) -> Any:
    """Parse YAML with libyaml, which PyYAML's packages contain: in Python alone, these files take seconds."""
    return yaml.load(text, yaml.CSafeLoader)


def read(name: str) -> Any:
    """Parse a file of `data/`."""
    return parse_yaml((DATA / f"{name}.yaml").read_text(encoding="utf-8"))


@cache
def load() -> Facts:
    """Read all files, once per process."""
    return Facts(
        resources={name: Resource.model_validate(read(name)) for name in _RESOURCES},
        page=Page.model_validate(read("list")),
        errors=Errors.model_validate(read("errors")),
        operations=Operations.model_validate(read("operations")),
        callbacks=Callbacks.model_validate(read("callbacks")),
        formats=Formats.model_validate(read("formats")),
        warnings=tuple(WarningRow.model_validate(row) for row in read("warnings")["warnings"]),
        not_followed=tuple(UnfollowedRule.model_validate(rule) for rule in read("not_followed")["rules"]),
        client_requests=tuple(
            ClientRequests.model_validate({"name": path.stem, **read(f"client_requests/{path.stem}")})
            for path in sorted((DATA / "client_requests").glob("*.yaml"))
        ),
    )
