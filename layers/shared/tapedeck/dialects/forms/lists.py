"""The parameters of lists: paging and filters, one model per list, with the vendors' names."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, ClassVar, Final, Self

from pydantic import AfterValidator, Field, PrivateAttr
from pydantic_core import PydanticCustomError

from tapedeck.dialects.dialect import Dialect, ResourceType
from tapedeck.dialects.forms.base import Boolean, Form, Whole, choice_validator, coerce_invalid_muted
from tapedeck.dialects.forms.dates import DateFilter, parse_any_date, read_day, read_day_or_instant, span_of
from tapedeck.domain.call import CallStatus
from tapedeck.domain.conference import ConferenceStatus
from tapedeck.domain.errors import InvalidParameter
from tapedeck.domain.page import ALL_TIME, MAX_PAGE_OFFSET, MAX_PAGE_SIZE, Cursor, PageRequest, TimeRange


def _page_size(size: int) -> int:
    if size < 1:
        raise PydanticCustomError("page_size", "below 1")
    return min(size, MAX_PAGE_SIZE)  # SDKs send the `limit` of a caller as it is


def _page_number(number: int) -> int:
    if number < 0:
        raise PydanticCustomError("choice", "below 0")
    return number


class ListForm(Form):
    """The paging parameters of a list; subclasses add filters.

    `page` is the requested page. `filters` are the given filters as the client sent them, for the links.
    """

    KIND: ClassVar[ResourceType]
    """The kind of the id in page tokens."""

    DATES: ClassVar[Mapping[str, Callable[[str], DateFilter | None]]] = {}
    """The names of the date filters, each with the parser of the dates that Twilio accepts there."""

    BEFORE_INCLUDES: ClassVar[bool] = True
    """Whether `X<` is inclusive."""

    page_size: Annotated[Whole, AfterValidator(_page_size)] = Field(50, alias="PageSize")
    number: Annotated[Whole, AfterValidator(_page_number)] = Field(0, alias="Page")
    token: str | None = Field(None, alias="PageToken")

    _page: PageRequest = PrivateAttr(default_factory=PageRequest)
    _filters: Mapping[str, str] = PrivateAttr(default_factory=dict)
    _spans: Mapping[str, TimeRange] = PrivateAttr(default_factory=dict)

    @property
    def page(self) -> PageRequest:
        """The requested page."""
        return self._page

    @property
    def filters(self) -> Mapping[str, str]:
        """The given filters by name, exactly as the client sent them."""
        return self._filters

    @classmethod
    def read(cls, fields: Mapping[str, Sequence[str]], dialect: Dialect) -> Self:
        """Parse and validate decoded fields, including dates and the page token of the dialect."""
        return super().read(fields, dialect).resolve(fields, dialect)

    def resolve(self, fields: Mapping[str, Sequence[str]], dialect: Dialect) -> Self:
        """Set `page`, `filters` and the date ranges, which depend on the dialect, and return this form.

        Args:
            fields: the fields that this form was read from.
            dialect: the dialect of the request.

        Raises:
            InvalidParameter: for an invalid date, page token or page number, or a page number without the page token
                that the dialect requires.
        """
        names = {field.alias for name, field in type(self).model_fields.items() if name not in ListForm.model_fields}
        names |= {f"{name}{sign}" for name in self.DATES for sign in ("", "<", ">")}
        self._filters = {name: values[-1] for name, values in fields.items() if name in names and values and values[-1]}
        self._spans = {name: self._span(name, dialect) for name in self.DATES}
        if self.token is None and self.number > 0 and dialect.requires_page_tokens:
            raise InvalidParameter("PageToken", "page_token_missing", "missing, although Page is above 0")
        if self.token is None and self.number * self.page_size > MAX_PAGE_OFFSET:
            raise InvalidParameter("Page", "choice", "skips too many items")
        self._page = PageRequest(self.page_size, self.number, self._cursor(dialect))
        return self

    def span(self, name: str) -> TimeRange:
        """Return the time range that the date filters of this name select."""
        return self._spans.get(name, ALL_TIME)

    def _cursor(self, dialect: Dialect) -> Cursor | None:
        if self.token is None:
            return None
        identifier = dialect.parse_sid(self.KIND, self.token[2:]) if self.token[:2] in {"PA", "PB"} else None
        if identifier is None:
            raise InvalidParameter("PageToken", "page_token", "not PA or PB and a sid")
        return Cursor(identifier, backwards=self.token.startswith("PB"))

    def _span(self, name: str, dialect: Dialect) -> TimeRange:
        read = parse_any_date if dialect.accepts_any_date_format else self.DATES[name]

        def date_filter(sign: str) -> DateFilter | None:
            text = self._filters.get(f"{name}{sign}")
            if text is None:
                return None
            found = read(text)
            if found is None:
                raise InvalidParameter(f"{name}{sign}", "choice", "not a date that is accepted here")
            return found

        return span_of(date_filter(""), date_filter("<"), date_filter(">"), before_includes=self.BEFORE_INCLUDES)


class ListRecordingsOfParent(ListForm):
    """Parameters of `list_call_recordings` and `list_conference_recordings`."""

    KIND: ClassVar = ResourceType.RECORDING
    DATES: ClassVar = {"DateCreated": read_day}


_SOFT_DELETED: Final = "IncludeSoftDeleted"


class ListRecordings(ListForm):
    """Parameters of `list_recordings`; `include_deleted` exists only in Twilio's dialect."""

    KIND: ClassVar = ResourceType.RECORDING
    DATES: ClassVar = {"DateCreated": read_day_or_instant}

    call_sid: str | None = Field(None, alias="CallSid")
    conference_sid: str | None = Field(None, alias="ConferenceSid")
    include_deleted: Boolean = Field(default=False, alias="IncludeSoftDeleted")

    @classmethod
    def read(cls, fields: Mapping[str, Sequence[str]], dialect: Dialect) -> Self:
        """Parse and validate decoded fields; ignore those that the dialect does not have."""
        known = {
            name: values
            for name, values in fields.items()
            if dialect.supports_include_soft_deleted or name != _SOFT_DELETED
        }
        return super().read(known, dialect)


class ListConferences(ListForm):
    """Parameters of `list_conferences`."""

    KIND: ClassVar = ResourceType.CONFERENCE
    DATES: ClassVar = {"DateCreated": read_day, "DateUpdated": read_day}

    name: str | None = Field(None, alias="FriendlyName")
    status: Annotated[str, choice_validator("choice", *ConferenceStatus)] | None = Field(None, alias="Status")


class ListCalls(ListForm):
    """Parameters of `list_calls`."""

    KIND: ClassVar = ResourceType.CALL
    DATES: ClassVar = {"StartTime": read_day_or_instant, "EndTime": read_day_or_instant}
    BEFORE_INCLUDES: ClassVar = False

    to: str | None = Field(None, alias="To")
    from_: str | None = Field(None, alias="From")
    parent_call_sid: str | None = Field(None, alias="ParentCallSid")
    status: Annotated[str, choice_validator("choice", *CallStatus)] | None = Field(None, alias="Status")


class ListTranscriptionsOfRecording(ListForm):
    """Parameters of `list_recording_transcriptions`."""

    KIND: ClassVar = ResourceType.TRANSCRIPTION


class ListAccounts(ListForm):
    """Parameters of `list_accounts`."""

    KIND: ClassVar = ResourceType.ACCOUNT

    friendly_name: str | None = Field(None, alias="FriendlyName")
    status: Annotated[str, choice_validator("choice", "active", "suspended", "closed")] | None = Field(
        None, alias="Status"
    )


class ListKeys(ListForm):
    """Parameters of `list_keys`."""

    KIND: ClassVar = ResourceType.API_KEY


class ListTranscriptions(ListForm):
    """Parameters of `list_transcriptions`."""

    KIND: ClassVar = ResourceType.TRANSCRIPTION
    DATES: ClassVar = {"DateCreated": read_day}


class ListCallEvents(ListForm):
    """Parameters of `list_call_events`. The list is empty, so no response contains a page token."""

    KIND: ClassVar = ResourceType.CALL


class ListCallNotifications(ListForm):
    """Parameters of `list_call_notifications`. The list is empty, so no response contains a page token."""

    KIND: ClassVar = ResourceType.CALL
    DATES: ClassVar = {"MessageDate": read_day}

    level: Whole | None = Field(None, alias="Log")


class ListRecordingAddOnResults(ListForm):
    """Parameters of `list_recording_add_on_results`. The list is empty, so no response contains a page token."""

    KIND: ClassVar = ResourceType.RECORDING


class ListParticipants(ListForm):
    """Parameters of `list_participants`; `coaching` exists only in Twilio's dialect."""

    KIND: ClassVar = ResourceType.CALL

    muted: Boolean | None = Field(None, alias="Muted")
    hold: Boolean | None = Field(None, alias="Hold")
    coaching: Boolean | None = Field(None, alias="Coaching")

    @classmethod
    def read(cls, fields: Mapping[str, Sequence[str]], dialect: Dialect) -> Self:
        """Parse and validate decoded fields; ignore those that the dialect does not have."""
        known = {
            name: values for name, values in fields.items() if dialect.supports_participant_labels or name != "Coaching"
        }
        return super().read(coerce_invalid_muted(known, dialect), dialect)
