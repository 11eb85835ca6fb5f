"""Responses with audio: whole or a byte range, inline or as a redirect to a presigned URL."""

from typing import Final

from tapedeck.dialects.dialect import Response
from tapedeck.dialects.forms.media import GetAudio
from tapedeck.http.byte_ranges import not_modified, parse_range
from tapedeck.http.endpoint import Request

CONTENT_TYPES: Final = {"": "audio/x-wav", ".wav": "audio/x-wav", ".mp3": "audio/mpeg"}
"""Content types by the suffix of the path, in both dialects (C-51)."""

_OK, _PARTIAL, _NOT_MODIFIED, _REDIRECT, _OUT_OF_RANGE = 200, 206, 304, 307, 416


def send_audio(request: Request[GetAudio]) -> Response:
    """Return the audio of a recording in the format of the path's suffix, honoring range and cache headers.

    The path is below the recording's account, call or conference.

    Audio over the inline limit is answered with a redirect to a presigned URL, valid for one minute (C-54). The client
    must not send its `Authorization` header there.
    """
    media, address, headers = request.services.media, request.path, request.headers
    content_type = CONTENT_TYPES[request.suffix]
    recordings, recording = request.services.recordings, address.recording_id
    rendition = media.find(
        recordings.get(address.parent, recording)
        if address.has_parent
        else recordings.find(address.account, recording),
        request.suffix.removeprefix(".") or "wav",
        request.form.channels,
        conference_audio_is_mono=request.dialect.conference_audio_is_mono,
    )
    size, etag = rendition.stored.size, rendition.stored.etag
    response_headers = {"ETag": etag, "Accept-Ranges": "bytes", "Cache-Control": "no-store"}
    if not_modified(headers, etag):
        return Response(_NOT_MODIFIED, None, response_headers)
    # A range is defined for GET only (RFC 9110, section 14.2).
    requested = parse_range(headers if request.method == "GET" else {}, size, etag)
    if requested.is_part and requested.size <= 0:
        return Response(_OUT_OF_RANGE, None, {**response_headers, "Content-Range": f"bytes */{size}"})
    if request.method == "GET" and requested.size > request.services.media_inline_bytes:
        return Response(_REDIRECT, None, {**response_headers, "Location": media.presign(rendition, content_type)})
    response_headers["Content-Type"] = content_type
    if requested.is_part:
        response_headers["Content-Range"] = f"bytes {requested.first}-{requested.last}/{size}"
    status = _PARTIAL if requested.is_part else _OK
    if request.method == "HEAD":
        return Response(status, None, {**response_headers, "Content-Length": str(requested.size)})
    return Response(status, None, response_headers, content=media.read(rendition, requested.first, requested.last))
