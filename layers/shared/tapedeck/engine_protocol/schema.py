"""The engine protocol: how Tapedeck and a media engine exchange commands and events. All messages are JSON.

A connector to your own engine (Asterisk, FreeSWITCH, an SBC) needs two SQS FIFO queues and the media bucket of the
stack. It receives **commands** from `media-commands.fifo`, sends **events** to `media-events.fifo`, and stores captured
audio in the bucket.

Commands
    Commands for one call or conference arrive in order, at least once. Each states the *wanted* state, not a toggle.

    - `version` rises with each change of a resource. If you have already carried out this version of the resource or a
      higher one, do nothing except send the acknowledging event again, with the command's `version`.
    - A command for a recording contains its complete wanted state. A `recording.pause` for a recording that was never
      started therefore means: start it, paused.
    - A `participant.add` for a call that is already being dialed, or is already in the conference, must not dial again.
      Bring that participant to the wanted state instead.
    - A call that was dialed with `participant.add` has no other instructions. When its participant is removed or its
      conference ends, a `call.hang_up` follows, also if the call is still being dialed. It may arrive before the
      `participant.add`: do not dial a call that was hung up.
    - A `call.redirect` with `redirect` takes the call out of its conference. Report `participant.left` then, without a
      version, and before a `participant.joined` of the same conference. The call is not hung up when that conference
      ends.
    - Tapedeck delivers the status callbacks of calls from the events that you report. Do not deliver them yourself.
Confirmation
    The engine *acknowledges* a command with an event that repeats its `version`; the table below shows which event.
    Only then does Tapedeck store the version as *confirmed*. For a recording it also publishes the domain event
    `recording.confirmed`.

    - After 30 seconds without acknowledgement the command is sent again, with the complete state that is wanted by
      then. The repetition may be a `recording.start` or `participant.add` even if the first message was another
      command. After five minutes an alarm is raised. `media.delete` is never sent again.
    - After 24 hours Tapedeck stops sending an unacknowledged command, except for recordings. A call whose
      `participant.add` is still unacknowledged then becomes `failed`, and a `call.hang_up` follows.
    - Tapedeck counts a pause as effective only when it is acknowledged. Only `recording.paused` acknowledges it, or
      `recording.started` if the capture began paused.
    - `recording.stopped` ends the capture, whichever command it acknowledges.
Events
    Events report what happened, whether or not a command requested it. An event without `version` reports what the
    engine did without a command.

    - `id` is a UUID in 32 hex digits. Use the same id when you send an event again.
    - `at` is in milliseconds since the epoch. It decides when a call was answered, and when a call or a capture ended.
      Stored start and end times are at most now. Events are ordered by `at` as sent: a time in the future makes your
      later events stale, so keep the clock synchronised.
    - `MessageGroupId` is the call or conference; events of participants use the group of their conference.
      `MessageDeduplicationId` is `id`.
    - Report `call.ended` for every call. Events of a call and of its conference may overtake each other. A
      `participant.left` before the answer does not end the call: only `call.ended` does.
    - An event for an unknown resource is processed five times, six minutes apart, then goes to the dead-letter queue.
      An event that the state forbids is logged, counted and dropped. An event older (by `at`) than the known state
      changes nothing.
Ids
    All ids are 32 lower-case hex digits. The connector creates the ids of calls and conferences, and of recordings
    that the engine starts without a command. They are UUIDs of version 7, created when the resource begins. Their time
    may differ by at most five minutes from the `at` of the event that reports the start.
Media
    Store a capture in the stack's bucket as WAV (16 bit, one or two channels) under the `key` from the command. Do so
    *before* you send `recording.completed`; any other key is rejected.

    - The key of a recording that the engine started without a command is `<account>/<recording>/original.wav`.
    - Tapedeck trims the audio and makes the MP3. It then delivers `completed` to subscribers, or `absent` if no usable
      audio is left.
    - Without an event from the engine, a stopped recording becomes `absent` after one hour. A recording that was never
      started becomes `absent` after forty minutes.
URLs
    The URLs in a command (`redirect`, `announcement`, `hold_music`, …) come from customers, but are fetched from
    inside your network. Fetch them by the rules of `adapters/webhooks/client.py`, or through that module (REL-16).

| command | acknowledged by |
|---|---|
| `recording.start` | `recording.started` |
| `recording.pause`, `recording.resume` | `recording.paused`, `recording.resumed` |
| `recording.stop` | `recording.stopped`, then `recording.completed` or `recording.absent` |
| `media.delete` | no event; delete the copies of the audio that are still on the engine |
| `call.hang_up` | `call.ended` |
| `call.redirect` | `call.redirected` |
| `conference.end`, `conference.announce` | `conference.ended`, `conference.announced` |
| `participant.add` | `call.ringing`, `call.answered` or `call.ended` of the dialed call |
| `participant.update`, `participant.remove` | `participant.changed`, `participant.left` |

The JSON Schemas are `schemas/media-commands.json` and `schemas/media-events.json`. `make schemas` generates
them from these models.
"""

from typing import Any

from pydantic import TypeAdapter

from tapedeck.engine_protocol.commands import COMMANDS
from tapedeck.engine_protocol.events import EVENTS

__all__ = ["COMMANDS", "EVENTS", "schema_of"]


def schema_of(messages: TypeAdapter[Any], title: str) -> dict[str, Any]:
    """Build the JSON Schema of all commands or of all events."""
    schema = messages.json_schema(by_alias=True, mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, **schema}
