"""The media contract: what Tapedeck asks of a media engine, and what that tells; all of its messages are JSON.

A connector to an engine of your own (Asterisk, FreeSWITCH, an SBC) needs two queues and nothing else. It takes
**commands** from `media-commands.fifo` and puts **events** into `media-events.fifo`, both SQS FIFO queues of the stack.

Commands
    come in order for each call or conference, at least once, and say what is *wanted*, not what to toggle. `version`
    rises with each change of the resource that is meant: whoever has carried out this one, or a higher one of the same
    resource, does nothing but answer it again. A command for a recording holds all that is wanted of it, so that a
    `recording.pause` for one that was never started means: start it, paused. Likewise a `participant.add` for a call
    that is being dialed, or is there, dials nobody: that is to be as is wanted.
Confirmation
    A command is carried out when an event answers it, by its `version`, as the table below has it. What has not been
    answered for half a minute is sent again, as the whole of what is wanted by then; what has not been for five minutes
    raises an alarm. Until it is answered, what was asked is not `confirmed`. A pause is effective when it is answered,
    not before, and nothing but `recording.paused` answers it, or `recording.started` where the capture began paused.
    `recording.stopped` is the end of a capture, whatever it answers. What has not been answered for a day is asked no
    more, but of a recording.
Events
    tell what has happened, whether or not it was asked; those without a `version` tell what the engine did by itself.
    `id` is a UUID in 32 hex digits, the same when an event is sent again; `at` is milliseconds since the epoch. Send
    them in groups (`MessageGroupId`) by call or conference, with `id` as `MessageDeduplicationId`; who is in a
    conference belongs to its group. What is not known yet is tried again, then goes to the dead-letter queue; what the
    state forbids is logged, counted and dropped; what is older than what is known, by `at`, changes nothing. When a
    call was answered, and when it or a capture ended, is what `at` says, unless that lies ahead.
Ids
    are 32 lower-case hex digits. Calls and conferences, and recordings that the engine begins by itself, get theirs
    from the connector: UUIDs of version 7, made when the thing begins, at most five minutes from the `at` of the event
    that tells of it.
Media
    A capture is put into the stack's bucket as a WAV (16 bit, one or two channels) under the `key` that the command
    named, *before* `recording.completed` tells of it; another key is refused. That of a recording which the engine has
    begun by itself is `<account>/<recording>/original.wav`. Tapedeck trims it, makes the MP3 and tells `completed` or,
    where there is nothing worth keeping, `absent`. Without an answer a stopped recording becomes `absent` after an
    hour, and one that was never started after forty minutes.
URLs
    that a command hands on (`redirect`, `announcement`, `hold_music`, …) were written by somebody who wants them
    fetched from inside your network: fetch them by the rules of `adapters/webhook.py`, or through it (rule R16).

| command | answered by |
|---|---|
| `recording.start` | `recording.started` |
| `recording.pause`, `recording.resume` | `recording.paused`, `recording.resumed` |
| `recording.stop` | `recording.stopped`, then `recording.completed` or `recording.absent` |
| `media.delete` | nothing: what still lies outside the bucket is to go |
| `call.hang_up` | `call.ended` |
| `call.redirect` | `call.redirected` |
| `conference.end`, `conference.announce` | `conference.ended`, `conference.announced` |
| `participant.add` | `call.ringing`, `call.answered` or `call.ended` of its call |
| `participant.update`, `participant.remove` | `participant.changed`, `participant.left` |

The JSON Schemas are `schemas/media-commands.json` and `schemas/media-events.json`, made from these models
(`make schemas`).
"""

from typing import Any

from pydantic import TypeAdapter

from tapedeck.engine_protocol.commands import COMMANDS
from tapedeck.engine_protocol.events import EVENTS

__all__ = ["COMMANDS", "EVENTS", "schema_of"]


def schema_of(messages: TypeAdapter[Any], title: str) -> dict[str, Any]:
    """The JSON Schema of all commands or of all events."""
    schema = messages.json_schema(by_alias=True, mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, **schema}
