"""How audio is answered: whole or in part, by the function itself or from where it lies (behaviour.md, section 11)."""

from typing import Final

from tapedeck.dialects.dialect import Response
from tapedeck.dialects.forms.media import GetRecording
from tapedeck.http.byte_ranges import not_modified, parse_range
from tapedeck.http.endpoint import Request

CONTENT_TYPES: Final = {"": "audio/x-wav", ".wav": "audio/x-wav", ".mp3": "audio/mpeg"}
"""By the suffix of the address."""

_OK, _PARTIAL, _NOT_MODIFIED, _REDIRECT, _OUT_OF_RANGE = 200, 206, 304, 307, 416


def answer_media(request: Request[GetRecording]) -> Response:
    """The audio of a recording, as the address's suffix and the request's headers want it.

    More than a function may answer with is fetched from an address that is good for a minute; whoever follows
    it must not take the `Authorization` header along.
    """
    media, address, headers = request.services.media(), request.path, request.headers
    content_type = CONTENT_TYPES[request.suffix]
    rendition = media.find(
        address.account,
        address.recording_id,
        request.suffix.removeprefix(".") or "wav",
        request.form.channels,
        conference_audio_is_mono=request.dialect.conference_audio_is_mono,
    )
    size, etag = rendition.stored.size, rendition.stored.etag
    told = {"ETag": etag, "Accept-Ranges": "bytes", "Cache-Control": "no-store"}
    if not_modified(headers, etag):
        return Response(_NOT_MODIFIED, None, told)
    # A range is defined for GET only (RFC 9110, section 14.2).
    wanted = parse_range(headers if request.method == "GET" else {}, size, etag)
    if wanted.is_part and wanted.size <= 0:
        return Response(_OUT_OF_RANGE, None, {**told, "Content-Range": f"bytes */{size}"})
    if request.method == "GET" and wanted.size > request.services.media_inline_bytes:
        return Response(_REDIRECT, None, {**told, "Location": media.presign(rendition, content_type)})
    told["Content-Type"] = content_type
    if wanted.is_part:
        told["Content-Range"] = f"bytes {wanted.first}-{wanted.last}/{size}"
    status = _PARTIAL if wanted.is_part else _OK
    if request.method == "HEAD":
        return Response(status, None, {**told, "Content-Length": str(wanted.size)})
    return Response(status, None, told, content=media.read(rendition, wanted.first, wanted.last))
