"""The warnings about unusable status callbacks, in a dialect where they are no errors.

Code and title are the vendor's, from its list of codes. No source has a code for the parameters of a conference's
callbacks and for the result of machine detection (C-140).
"""

from collections.abc import Iterator, Mapping
from typing import Final

from tapedeck.domain.warnings import AccountWarning

EVENT_SUFFIX: Final = "Event"
_METHOD_SUFFIX: Final = "Method"

_RECORDING_URL: Final = (13256, "Invalid recordingStatusCallback URL")
_RECORDING_EVENT: Final = (13621, "Invalid recordingStatusCallbackEvent")
_CALL_URL: Final = (21609, "Invalid StatusCallback")
_CALL_EVENT: Final = (21626, "Invalid StatusCallbackEvent")
_METHOD: Final = (21209, "Invalid Method")
_CONFERENCE: Final = (16002, "Failed to validate conference attributes")


def _warnings(
    url_parameter: str, url: tuple[int, str], method: tuple[int, str], event: tuple[int, str] | None = None
) -> Iterator[AccountWarning]:
    """Yield the warnings about a callback's URL, its method and its events, each given as code and title."""
    for suffix, warning, effect in (
        ("", url, "the URL is not used"),
        (_METHOD_SUFFIX, method, "POST is used"),
        (EVENT_SUFFIX, event, "only known events count"),
    ):
        if warning is not None:
            code, title = warning
            yield AccountWarning(code, f"{title}: {effect}", f"{url_parameter}{suffix}")


CALLBACK_WARNINGS: Final[Mapping[str, AccountWarning]] = {
    str(warning.parameter): warning
    for callback in (
        _warnings("RecordingStatusCallback", _RECORDING_URL, _METHOD, _RECORDING_EVENT),
        _warnings("ConferenceRecordingStatusCallback", _RECORDING_URL, _METHOD, _RECORDING_EVENT),
        _warnings("StatusCallback", _CALL_URL, _METHOD, _CALL_EVENT),
        _warnings("AmdStatusCallback", _CALL_URL, _METHOD),
        _warnings("ConferenceStatusCallback", _CONFERENCE, _CONFERENCE, _CONFERENCE),
    )
    for warning in callback
}
"""The warnings by parameter."""
