"""The ids in the path of a request."""

from dataclasses import dataclass
from typing import Final, Literal

from tapedeck.dialects.dialect import Dialect, ResourceType
from tapedeck.dialects.selection import select_dialect, select_dialect_of_user
from tapedeck.domain.errors import ConferenceReadByName, NotFound
from tapedeck.domain.participant import Label, is_label
from tapedeck.domain.recording import Parent, ParentKind
from tapedeck.http.basic_auth import user_of
from tapedeck.http.request import HttpRequest
from tapedeck.http.routes import SUFFIX, is_list_of_accounts, split, strip_suffix
from tapedeck.operations.conferences import ConferenceName
from tapedeck.operations.recordings import CURRENT, Current

PathAlias = Literal["current", "name", "name_or_new", "label", "deleted"]
"""What one segment of the path accepts besides the SID of an existing resource.

`current`: `Twilio.CURRENT`. `name`: a live conference's friendly name. `name_or_new`: the name of a live conference, or
of one to create. `label`: a participant's label. `deleted`: the SID of a deleted recording (its transcriptions remain).
"""

_CURRENT_SID: Final = "Twilio.CURRENT"  # C-37


@dataclass(frozen=True, slots=True)
class ResourcePath:
    """The ids in a path: an account, and optionally a call or conference and a resource below it.

    A call below a conference is a `participant`.
    """

    account: str
    call: str | None = None
    conference: str | ConferenceName | None = None
    participant: str | Label | None = None
    recording: str | Current | None = None
    transcription: str | None = None
    api_key: str | None = None
    phone_number: str | None = None
    application: str | None = None

    @property
    def has_parent(self) -> bool:
        """Whether the path has a call or conference."""
        return self.call is not None or self.conference is not None

    @property
    def parent(self) -> Parent:
        """The call or conference, as the parent of recordings."""
        if self.call is not None:
            return Parent(self.account, ParentKind.CALL, self.call)
        if not isinstance(self.conference, str):
            raise NotFound
        return Parent(self.account, ParentKind.CONFERENCE, self.conference)

    @property
    def call_id(self) -> str:
        """The id of the call; raises NotFound if the path has none."""
        if self.call is None:
            raise NotFound
        return self.call

    @property
    def conference_or_name(self) -> str | ConferenceName:
        """The id or name of the conference; raises NotFound if the path has none."""
        if self.conference is None:
            raise NotFound
        return self.conference

    @property
    def conference_id(self) -> str:
        """The id of the conference; raises NotFound if the path has none."""
        if not isinstance(self.conference, str):
            raise NotFound
        return self.conference

    @property
    def participant_or_label(self) -> str | Label:
        """The call's id or the label of the participant; raises NotFound if the path has none."""
        if self.participant is None:
            raise NotFound
        return self.participant

    @property
    def recording_or_current(self) -> str | Current:
        """The id of the recording, or CURRENT; raises NotFound if the path has none."""
        if self.recording is None:
            raise NotFound
        return self.recording

    @property
    def recording_id(self) -> str:
        """The id of the recording; raises NotFound if the path has none."""
        if not isinstance(self.recording, str):
            raise NotFound
        return self.recording

    @property
    def transcription_id(self) -> str:
        """The id of the transcription; raises NotFound if the path has none."""
        if self.transcription is None:
            raise NotFound
        return self.transcription

    @property
    def api_key_id(self) -> str:
        """The id of the API key; raises NotFound if the path has none."""
        if self.api_key is None:
            raise NotFound
        return self.api_key

    @property
    def phone_number_id(self) -> str:
        """The id of the phone number; raises NotFound if the path has none, or a kind such as `Local` (C-361)."""
        if self.phone_number is None:
            raise NotFound
        return self.phone_number

    @property
    def application_id(self) -> str:
        """The id of the application; raises NotFound if the path has none."""
        if self.application is None:
            raise NotFound
        return self.application

    @property
    def sid(self) -> str | None:
        """The id of the last resource in the path; None if it is named by an alias."""
        if self.participant is not None:
            return self.participant if isinstance(self.participant, str) else None
        named = (
            self.application, self.phone_number, self.api_key, self.transcription, self.recording, self.conference,
            self.call,
        )  # fmt: skip
        return next((part for part in named if isinstance(part, str)), None)


def dialect_of(http: HttpRequest) -> Dialect:
    """Return the dialect of a request, by its path; the list of accounts has that of the user name."""
    if is_list_of_accounts(http.path):
        return select_dialect_of_user(user_of(http.headers.get("authorization")), http.path)
    parts = split(http.path)
    account_sid = strip_suffix(http.variables.get("AccountSid") or (parts[0] if parts else ""))
    return select_dialect(account_sid, http.path)


def suffix_of(path: str, audio_suffixes: tuple[str, ...]) -> str:
    """Return the suffix of a path: `.json` or one of audio, else an empty string."""
    return next((suffix for suffix in (SUFFIX, *audio_suffixes) if suffix and path.endswith(suffix)), "")


def parse_resource_path(http: HttpRequest, dialect: Dialect, path_alias: PathAlias | None, suffix: str) -> ResourcePath:
    """Parse the ids of a path.

    Raises:
        NotFound: an id does not have the dialect's form.
        ConferenceReadByName: a GET has a name in place of the conference's id, in a dialect that has such names.
    """
    segments = _Segments(http, dialect, suffix)
    account = segments.identifier(ResourceType.ACCOUNT, "AccountSid")
    if account is None:
        raise NotFound
    conference = segments.conference(path_alias)
    return ResourcePath(
        account,
        segments.identifier(ResourceType.CALL, "CallSid") if conference is None else None,
        conference,
        segments.participant(path_alias) if conference is not None else None,
        segments.recording(path_alias),
        segments.identifier(ResourceType.TRANSCRIPTION, "TranscriptionSid"),
        segments.identifier(ResourceType.API_KEY, "KeySid"),
        segments.identifier(ResourceType.PHONE_NUMBER, "PhoneNumberSid"),
        segments.identifier(ResourceType.APPLICATION, "ApplicationSid"),
    )


class _Segments:
    """The variable segments of a path, by the name of their variable; the gateway has decoded them (C-60)."""

    def __init__(self, http: HttpRequest, dialect: Dialect, suffix: str) -> None:
        self._http = http
        self._dialect = dialect
        self._suffix = suffix

    def text(self, name: str) -> str | None:
        """Return a segment without the path's suffix; None if the route does not have it."""
        value = self._http.variables.get(name)
        # Only the last segment may have a suffix.
        is_last = value is not None and self._http.path.endswith(f"/{value}")
        return value.removesuffix(self._suffix) if value is not None and is_last else value

    def identifier(self, kind: ResourceType, name: str) -> str | None:
        """Parse a segment as a sid; raises NotFound if it is none."""
        sid = self.text(name)
        if sid is None:
            return None
        identifier = self._dialect.parse_sid(kind, sid)
        if identifier is None:
            raise NotFound
        return identifier

    def conference(self, path_alias: PathAlias | None) -> str | ConferenceName | None:
        """Parse the conference: a sid or, where the route and the dialect accept it, a name.

        Every text that is no sid is a name (C-131).
        """
        name = self.text("ConferenceSid")
        if name is None or not self._dialect.supports_friendly_name_lookup:
            return self.identifier(ResourceType.CONFERENCE, "ConferenceSid")
        identifier = self._dialect.parse_sid(ResourceType.CONFERENCE, name)
        if identifier is not None:
            return identifier
        if path_alias in {"name", "name_or_new"}:
            return ConferenceName(name)
        raise ConferenceReadByName if self._http.method in {"GET", "HEAD"} else NotFound

    def participant(self, path_alias: PathAlias | None) -> str | Label | None:
        """Parse the participant: a call's sid or, where the route and the dialect accept it, a label."""
        label = self.text("CallSid") or ""
        is_sid = self._dialect.parse_sid(ResourceType.CALL, label) is not None
        takes_label = path_alias == "label" and self._dialect.supports_participant_labels
        if takes_label and not is_sid and is_label(label):
            return Label(label)
        return self.identifier(ResourceType.CALL, "CallSid")

    def recording(self, path_alias: PathAlias | None) -> str | Current | None:
        """Parse the recording: a sid or, where the route and the dialect accept it, `Twilio.CURRENT`."""
        takes_current = path_alias == "current" and self._dialect.supports_current_alias
        if takes_current and self.text("RecordingSid") == _CURRENT_SID:
            return CURRENT
        return self.identifier(ResourceType.RECORDING, "RecordingSid")
