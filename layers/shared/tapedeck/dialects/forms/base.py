"""The parameters that both vendors accept: one Pydantic model per operation, with the vendors' names and defaults.

An invalid field raises InvalidParameter with its name and a fault from `dialects.errors.PARAMETER_FAULTS`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Self

from aws_lambda_powertools.utilities.parser import parse
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, ValidationError
from pydantic_core import PydanticCustomError

from tapedeck.dialects.forms.parameters import DEFAULT_PAUSE_BEHAVIOR, PAUSE_BEHAVIORS, SETTABLE_STATUSES
from tapedeck.dialects.warnings import EVENT_SUFFIX
from tapedeck.domain.errors import InvalidParameter
from tapedeck.domain.subscription import CallbackSubscription, normalize_callback_url
from tapedeck.domain.warnings import AccountWarning

if TYPE_CHECKING:
    from tapedeck.dialects.dialect import Dialect

RECORDING_EVENTS: Final = ("in-progress", "completed", "absent", "failed")


# --8<-- [start:choice]
def choice_validator(fault: str, *allowed: str) -> AfterValidator:
    """Build a validator that rejects values not in `allowed`, with a fault of `dialects.errors`."""

    def check(value: str) -> str:
        if value not in allowed:
            raise PydanticCustomError(fault, "not one of {allowed}", {"allowed": ", ".join(allowed)})
        return value

    return AfterValidator(check)
    # --8<-- [end:choice]


def word_validator(fault: str, *allowed: str) -> AfterValidator:
    """Build a validator like that of `choice_validator` that ignores case (C-142) and returns the allowed spelling."""

    def check(value: str) -> str:
        word = next((word for word in allowed if word.lower() == value.lower()), None)
        if word is None:
            raise PydanticCustomError(fault, "not one of {allowed}", {"allowed": ", ".join(allowed)})
        return word

    return AfterValidator(check)


def _url_validator(fault: str) -> AfterValidator:
    def check(value: str) -> str:
        url = normalize_callback_url(value)
        if url is None:
            raise PydanticCustomError(fault, "not an absolute http or https URL")
        return url

    return AfterValidator(check)


def choices_validator(fault: str, *allowed: str) -> AfterValidator:
    """Build the validator for a list of values; it returns them in the order of `allowed`, without duplicates.

    The context of its error has the `known` values.
    """

    def check(values: tuple[str, ...]) -> tuple[str, ...]:
        known = tuple(value for value in allowed if value in values)
        if not set(values) <= set(allowed):
            context = {"allowed": ", ".join(allowed), "known": known}
            raise PydanticCustomError(fault, "not only words of {allowed}", context)
        return known

    return AfterValidator(check)


MAX_SECONDS: Final = 10**9
"""The upper bound of a time limit, about thirty years."""


def range_validator(fault: str, least: int, most: int | None = None) -> AfterValidator:
    """Build a validator that rejects numbers below `least` or above `most`, with a fault of `dialects.errors`."""

    def check(value: int) -> int:
        if value < least or (most is not None and value > most):
            limits = {"limits": f"from {least}" if most is None else f"from {least} to {most}"}
            raise PydanticCustomError(fault, "not {limits}", limits)
        return value

    return AfterValidator(check)


_WHOLE_NUMBER: Final = re.compile(r"-?\d{1,4000}", re.ASCII)
"""At most 4000 digits: `int` rejects text of more than 4300."""


def parse_whole_number(text: object) -> object:
    """Parse the text of a whole number; a default stays as it is. An error has the fault `choice`."""
    if not isinstance(text, str):
        return text  # the field's default
    if not _WHOLE_NUMBER.fullmatch(text):
        raise PydanticCustomError("choice", "no whole number")
    return int(text)


def _parse_boolean(text: object) -> object:
    if not isinstance(text, str):
        return text
    word = text.lower()
    if word not in {"true", "false"}:
        raise PydanticCustomError("choice", "not a boolean")  # C-11
    return word == "true"


Whole = Annotated[int, BeforeValidator(parse_whole_number)]
Boolean = Annotated[bool, BeforeValidator(_parse_boolean)]
Method = Annotated[str, word_validator("method", "GET", "POST")]
InstructionsMethod = Annotated[str, word_validator("instructions_method", "GET", "POST")]
Url = Annotated[str, _url_validator("url")]
InstructionsUrl = Annotated[str, _url_validator("instructions_url")]
CallbackUrl = Annotated[str, _url_validator("callback_url")]
RecordingEvents = Annotated[tuple[str, ...], choices_validator("event", *RECORDING_EVENTS)]
Trim = Annotated[str, choice_validator("trim", "trim-silence", "do-not-trim")]


class Form(BaseModel):
    """The decoded fields of a request; unknown fields are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    LISTS: ClassVar[frozenset[str]] = frozenset()
    """Fields with several values: repeated keys or separated by spaces."""

    ONLY_REPEATED: ClassVar[frozenset[str]] = frozenset()
    """Those of `LISTS` whose values are repeated keys only; a space is part of a value."""

    WARNS: ClassVar[bool] = True
    """Whether an unusable status callback is left out with a warning, in a dialect that has such warnings."""

    _warnings: tuple[AccountWarning, ...] = PrivateAttr(default=())

    @property
    def warnings(self) -> tuple[AccountWarning, ...]:
        """The warnings about fields that were left out because they cannot be used."""
        return self._warnings

    # --8<-- [start:read]
    @classmethod
    def read(cls, fields: Mapping[str, Sequence[str]], dialect: "Dialect") -> Self:
        """Parse and validate decoded fields.

        An empty value counts as absent. Of a repeated single-valued field the last value counts (C-10).

        Args:
            fields: all values of each field, by name.
            dialect: decides which invalid fields are left out with a warning.

        Raises:
            InvalidParameter: for the first invalid field without a warning.
        """
        values = {name: cls._value(name, given) for name, given in fields.items()}
        given = {name: value for name, value in values.items() if value}
        try:
            return parse(event=given, model=cls)
        except ValidationError as invalid:
            faults = invalid.errors(include_url=False, include_input=False)
        warnings = []
        for fault in faults:
            name = cls._name_of(str(fault["loc"][0]))
            warning = cls.warning(name, dialect)
            if warning is None:
                value = given.get(name, "")
                raise InvalidParameter(name, fault["type"], fault["msg"], value if isinstance(value, str) else "")
            warnings.append(warning)
        form = parse(event=_without_unusable(given, faults), model=cls)
        form._warnings = tuple(warnings)  # noqa: SLF001 - an instance of this class
        return form

    # --8<-- [end:read]

    @classmethod
    def _name_of(cls, place: str) -> str:
        """Return the parameter at the place of a fault: a default that is refused is placed at its field."""
        field = cls.model_fields.get(place)
        return field.alias or place if field is not None else place

    @classmethod
    def in_dialect(cls, dialect: "Dialect") -> type[Self]:
        """Return the form of a dialect: this one, unless the dialects differ."""
        del dialect
        return cls

    @classmethod
    def warning(cls, name: str, dialect: "Dialect") -> AccountWarning | None:
        """Return the warning about an invalid parameter; None if it is an error."""
        return dialect.warning(name) if cls.WARNS else None

    @classmethod
    def _value(cls, name: str, values: Sequence[str]) -> str | tuple[str, ...]:
        if name in cls.ONLY_REPEATED:
            return tuple(value for value in values if value)
        if name in cls.LISTS:
            return tuple(word for value in values for word in value.split())
        return values[-1] if values else ""


def _without_unusable(given: Mapping[str, object], faults: Iterable[Any]) -> dict[str, object]:
    """Return the fields without those with faults; of a callback's events the known ones stay.

    Without a known event the URL of the callback is left out too, so that there is no subscription.
    """
    usable = dict(given)
    for fault in faults:
        name = str(fault["loc"][0])
        known = fault.get("ctx", {}).get("known")
        if known:
            usable[name] = known
            continue
        usable.pop(name, None)
        if known is not None:
            usable.pop(name.removesuffix(EVENT_SUFFIX), None)
    return usable


def coerce_invalid_muted(fields: Mapping[str, Sequence[str]], dialect: "Dialect") -> Mapping[str, Sequence[str]]:
    """Replace a `Muted` that is not a boolean by `false`, if the dialect accepts such values."""
    given = fields.get("Muted") or [""]
    if not dialect.invalid_muted_means_false or given[-1].lower() in {"", "true", "false"}:
        return fields
    return {**fields, "Muted": ["false"]}


class Empty(Form):
    """Parameters of an operation that has none."""


class CreateCallRecording(Form):
    """Parameters of `create_call_recording`; by default silence is not trimmed (C-103)."""

    LISTS = frozenset({"RecordingStatusCallbackEvent"})

    callback_url: CallbackUrl | None = Field(None, alias="RecordingStatusCallback")
    callback_events: RecordingEvents = Field(("completed",), alias="RecordingStatusCallbackEvent")
    callback_method: Method = Field("POST", alias="RecordingStatusCallbackMethod")
    channels: Annotated[str, choice_validator("choice", "mono", "dual")] = Field("mono", alias="RecordingChannels")
    track: Annotated[str, choice_validator("choice", "inbound", "outbound", "both")] = Field(
        "both", alias="RecordingTrack"
    )
    trim: Trim = Field("do-not-trim", alias="Trim")

    @property
    def channel_count(self) -> int:
        """The number of channels, 1 or 2."""
        return 2 if self.channels == "dual" else 1

    def callback(self, dialect: str) -> CallbackSubscription | None:
        """Return the callback subscription, in the dialect of the request; None if no URL is given."""
        if self.callback_url is None:
            return None
        return CallbackSubscription(self.callback_url, self.callback_method, self.callback_events, dialect)


# --8<-- [start:update]
class UpdateRecording(Form):
    """Parameters of `update_call_recording` and `update_conference_recording`.

    A client may stop either kind (C-104). Other statuses cannot be set (C-35). `pause_behavior` is validated with every
    status (C-36). `forms.quick` reads valid parameters without this model.
    """

    status: Annotated[str, choice_validator("choice", *SETTABLE_STATUSES)] = Field(alias="Status")
    pause_behavior: Annotated[str, choice_validator("choice", *PAUSE_BEHAVIORS)] = Field(
        DEFAULT_PAUSE_BEHAVIOR, alias="PauseBehavior"
    )

    # --8<-- [end:update]


class UpdateConferenceForm(Form):
    """Parameters of `update_conference`."""

    status: Annotated[str, choice_validator("conference_status", "completed")] | None = Field(None, alias="Status")
    announce_url: Url | None = Field(None, alias="AnnounceUrl")
    announce_method: Method = Field("POST", alias="AnnounceMethod")
