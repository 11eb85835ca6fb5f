"""List what is unsettled in a running stand-in, for the command line."""

import http.client
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from tapedeck_standin.app.readiness import connect
from tapedeck_standin.clock import format_time

_TIMEOUT_SECONDS: Final = 60.0
_HEADINGS: Final = ("WHAT", "ACCOUNT", "RESOURCE", "DETAIL", "SINCE", "DUE")

Entry = Mapping[str, Any]


class NotListed(Exception):
    """The stand-in has not answered with a list; the message says why."""


def fetch_unsettled(url: str, query: Mapping[str, str], ca_file: Path | None) -> list[Entry]:
    """Return the entries of `GET /_standin/unsettled`.

    Args:
        url: an http or https URL of the stand-in.
        query: the fields of the query.
        ca_file: CA certificate to trust over https; None for the system's default.

    Raises:
        NotListed: there is no response, or it is an error.
    """
    try:
        with closing(connect(url, _TIMEOUT_SECONDS, ca_file)) as connection:
            connection.request("GET", f"/_standin/unsettled?{urlencode(query)}", headers={"Connection": "close"})
            response = connection.getresponse()
            status, body = response.status, response.read()
        answer = json.loads(body)
        if status == http.client.OK:
            return list(answer["unsettled"])
        message = str(answer["error"]["message"])
    except (OSError, http.client.HTTPException) as error:
        raise NotListed(f"no response from {url}: {error}") from error
    except (ValueError, LookupError, TypeError) as error:
        raise NotListed(f"{url} is no stand-in, or an older one") from error
    raise NotListed(message)


def format_entries(entries: Sequence[Entry]) -> Iterator[str]:
    """Yield the lines of a table, with a line of headings; none without entries."""
    rows = [_HEADINGS, *map(_row, entries)] if entries else []
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _row(entry: Entry) -> tuple[str, ...]:
    ids = [entry[name]["twilio"] for name in ("recording_sid", "conference_sid", "call_sid") if entry[name] is not None]
    # A recording is shown without its call or conference, a participant with both.
    resource = ids[0] if entry["recording_sid"] is not None else "/".join(ids)
    tried = f"tried {entry['tried']}" if entry["tried"] is not None else None
    names = (entry["command"], entry["engine"], entry["presence"], entry["callback"], entry["host"], tried)
    detail = [str(each) for each in (*names, entry["failure"]) if each is not None]
    since, due = (format_time(entry[name] * 1000) for name in ("since", "due"))
    return (
        entry["what"],
        entry["account_sid"]["twilio"],
        resource,
        ", ".join(detail),
        since,
        f"{due} overdue" if entry["overdue"] else due,
    )
