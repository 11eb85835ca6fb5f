"""Texts of the reference pages that the code does not contain, by the names in the code.

Each generator fails if a name has no text here, or if a text here has no name in the code.
"""

from typing import Final

VARIABLES: Final = {
    "SERVICE": "Name of the deployment. It is the dimension of the metrics and stands in each log line.",
    "RECORDINGS_TABLE": "Name of the table of calls, conferences, participants, recordings and callbacks.",
    "CREDENTIALS_TABLE": "Name of the table of accounts, auth tokens and API keys.",
    "CREDENTIAL_CACHE_SECONDS": "Seconds for which verified credentials are cached, 0 to 60.",
    "SIGNING_KMS_KEY_ID": "KMS key that encrypts the accounts' signing keys.",
    "MEDIA_BUCKET": "Name of the bucket with the audio.",
    "MEDIA_ACCESS": "Who may fetch audio: `authenticated` or `vendor`.",
    "MEDIA_INLINE_BYTES": "Largest audio in bytes that a function returns itself, 0 to 4194304.",
    "COMMANDS_QUEUE": "URL of the queue from which the media engine receives commands.",
    "CALLBACKS_QUEUE": "URL of the queue of callbacks that are due.",
    "EVENT_BUS": "Name of the event bus for domain events.",
    "PUBLIC_URL": "Scheme and host of this API in the URLs of callbacks.",
    "CALLBACK_RETRY_HOURS": "Hours for which a callback is retried after the vendor's own attempts, 0 to 168.",
    "CALLBACK_ALLOWED_HOSTS": "Hosts without a public address that callbacks may be delivered to, comma-separated.",
    "CALLBACK_HOST_MAP": "Pairs `host=other`, comma-separated: connect to `other` for `host`. Used by the stand-in.",
    "FAILED_BATCHES_BUCKET": "Name of the bucket with stream changes that could not be published.",
    "TAPEDECK_STANDIN": "`1` in the stand-in. Permits its public token, and audio of any size in a response.",
}

METRICS: Final = {
    "Milliseconds": "with each API request: its duration",
    "Busy": "with a request that failed because of contention or throttling (408, 429 or 503)",
    "Faults": "with a request that was answered with another 5xx",
    "TaskFaults": "when a function for operators fails",
    "CommandsUnconfirmed": "each minute: commands that the engine has not confirmed for five minutes",
    "CommandsExpired": "each minute: commands that were given up after 24 hours without confirmation",
    "RecordingsTimedOut": "each minute: recordings that ended as absent, because the start or the audio did not arrive",
    "EventsRejected": "when an engine event contradicts its command, or names another account's resource",
    "EventsDropped": "when an engine event does not fit the state of its resource",
    "CallbacksUnsigned": "when an attempt is skipped because the callback cannot be signed",
    "CallbacksExhausted": "when a callback is given up",
}

_THROTTLED: Final = "Find the account with the most requests in the log. Lower `RateLimit`, or raise the table's quota."
_DEAD_LETTER: Final = "Read the message in the queue and the function's log. Fix the cause, then redrive the queue."

ALARM_ACTIONS: Final = {
    "GatewayErrorsAlarm": "Find the route in the API's log group, then the error in that of the functions.",
    "ErrorsAlarm": (
        "Search the functions' log for level ERROR: it names an unhandled exception and its line of code. Otherwise "
        "check the health of DynamoDB."
    ),
    "ContentionAlarm": "Look for one conference or call with many changes at once. Clients may retry.",
    "SlowAlarm": "Compare `Milliseconds` by operation in the log. Check cold starts and DynamoDB latency.",
    "RecordingsReadThrottleAlarm": _THROTTLED,
    "RecordingsWriteThrottleAlarm": _THROTTLED,
    "CredentialsReadThrottleAlarm": _THROTTLED,
    "CredentialsWriteThrottleAlarm": _THROTTLED,
    "AdminErrorsAlarm": "Invoke the function again. Its log line names the operation and the account.",
    "IteratorAgeAlarm": "Look for errors of `publish_changes`. Until it is fixed, commands and callbacks are late.",
    "FailedChangesAlarm": ("Fix the cause, then follow [Redrive failed changes](../how-to/redrive-failed-changes.md)."),
    "LostChangesAlarm": "Check the permissions of `publish_changes` on the bucket. Fetch missing states over the API.",
    "BackgroundErrorsAlarm": "Look for the error in the functions' log. The work is retried.",
    "ReconcilerStalledAlarm": "Check that the schedule is enabled, and that the function has free concurrency.",
    "MediaCommandsDeadLetterAlarm": (
        "Read the command in the queue and the connector's log. An unconfirmed command is sent again."
    ),
    "MediaEventsDeadLetterAlarm": _DEAD_LETTER,
    "CallbacksDeadLetterAlarm": "Look for errors of `deliver_callback`. The reconciler queues the callback again.",
    "MediaCommandsQueueAgeAlarm": "Check that the connector runs and has the policy `ConnectorPolicyArn`.",
    "MediaEventsQueueAgeAlarm": "Look for errors of `ingest_media_event`. Events for unknown resources wait too.",
    "CallbackQueueAgeAlarm": "Look for slow receivers with `list_callbacks`, or for errors of `deliver_callback`.",
    "EventsRejectedAlarm": (
        "Find the log line with the outcome `refused`. Compare the connector's events of that time with its commands."
    ),
    "EventsDroppedAlarm": "Check the connector's clock and the order of its events.",
    "CommandsUnconfirmedAlarm": "Check the connector and the engine at once: audio may be captured during a pause.",
    "CommandsExpiredAlarm": "Repeat the request over the API if it is still wanted.",
    "RecordingsTimedOutAlarm": "Check the connector, its uploads to the bucket and its `recording.completed` events.",
    "CallbacksUnsignedAlarm": "Check the KMS key `SigningKey` and its policy. Retries go on for at least 24 hours.",
    "CallbacksExhaustedAlarm": "Fix the receiver, then follow [Replay callbacks](../how-to/replay-callbacks.md).",
}

_ACCOUNT: Final = "the stand-in's account if it is left out"

CONTROL_ROUTES: Final = {
    "GET /_standin/health": ("reports that the stand-in answers requests", '200 `{"status"}`'),
    "POST /_standin/calls": ("creates a call", "201 with the call"),
    "POST /_standin/calls/{sid}/hangup": ("ends a call and its recordings", "200 with the call"),
    "POST /_standin/conferences": (
        "creates a conference and its calls",
        "201 with the conference; 409 if a live conference has the name",
    ),
    "POST /_standin/conferences/{sid}/recordings": (
        "starts a recording of a conference, as a media engine does; the vendors' APIs cannot",
        "201 with the recording",
    ),
    "POST /_standin/conferences/{sid}/end": ("ends a conference", "200 with the conference"),
    "POST /_standin/accounts": (
        "creates a further account, such as one for each test worker",
        '201 `{"sid", "token", "signing_key"}`; 409 if it exists',
    ),
    "POST /_standin/recordings/{sid}/transcriptions": ("adds a transcription", '201 `{"sid", "status"}`'),
    "POST /_standin/clock": ("advances the clock, for all accounts", '200 `{"now"}`'),
    "POST /_standin/wait-until-idle": (
        "waits until no work is in progress or due, callbacks included",
        '200 `{"left": []}`; 408 if `left` lists pending resources',
    ),
    "POST /_standin/settle": ("the same under its former name", "as above"),
    "POST /_standin/reset": ("deletes everything of an account but the account", "204"),
    "GET /_standin/requests": (
        "lists the API requests, newest last, with the `nearest` route of those that matched none",
        '200 `{"requests"}`',
    ),
    "GET /_standin/callbacks": (
        "lists the callbacks, newest last, with fields, signature and attempts",
        '200 `{"callbacks"}`',
    ),
    "POST /_standin/callbacks/{id}/replay": (
        "delivers a callback again, with the same token, body and signature",
        '202 `{"id"}`',
    ),
    "GET /_standin/faults": ("lists the faults, used-up ones included", '200 `{"faults"}`'),
    "POST /_standin/faults": ("injects a fault", "201 with the fault, its `id` and `hits`"),
    "DELETE /_standin/faults": ("removes all faults", "204"),
    "DELETE /_standin/faults/{id}": ("removes one fault", "204"),
    "POST /_standin/events": (
        "reports an [engine event](engine-protocol.md), as a connector would",
        '202 `{"id"}`',
    ),
}

CONTROL_FIELDS: Final = {
    "ControlRequest.account": f"the account; {_ACCOUNT}",
    "CreateCallRequest.to": "the called number or address",
    "CreateCallRequest.from": "the calling number or address",
    "CreateCallRequest.direction": "who started the call",
    "CreateCallRequest.status": "the call's status",
    "CreateConferenceRequest.friendly_name": "the conference's name; a generated one by default",
    "CreateConferenceRequest.participants": "how many calls are in the conference",
    "CreateConferenceRequest.status": "the status; by default `in-progress` from two participants on, else `init`",
    "CreateConferenceRequest.record": "whether a recording of the conference starts with it",
    "CreateConferenceRequest.status_callback": "URL for callbacks about the conference",
    "CreateConferenceRequest.status_callback_method": "method of these callbacks",
    "CreateConferenceRequest.status_callback_event": (
        "the events, as a list or separated by spaces: `start`, `end`, `join`, `leave`, `mute`, `hold`, `speaker`, and "
        "for Twilio `modify` and `announcement`; default `start end`"
    ),
    "CreateTranscriptionRequest.text": "the transcription's text",
    "CreateTranscriptionRequest.status": "the transcription's status",
    "CreateFaultRequest.on": "a function of the [endpoints](endpoints.md), `*` for all of them, `callback` or `media`",
    "CreateFaultRequest.times": "how often the fault applies",
    "CreateFaultRequest.then": "the effect, see [Faults](faults.md)",
    "AdvanceClockRequest.advance": "seconds",
    "WaitUntilIdleRequest.timeout": "seconds of real time; without `account`, the work of all accounts counts",
    "CreateAccountRequest.sid": "the account's sid in either format; a generated one by default",
    "CreateAccountRequest.token": "the auth token; a generated one by default",
    "ControlQuery.account": f"the account; {_ACCOUNT}",
    "CallbacksQuery.sid": "only callbacks of this recording, conference or call",
    "CallbacksQuery.event": "only this event, by its name in the subscription or in the callback",
    "CallbacksQuery.wait": "seconds of real time to wait for the first match",
}

FIXTURE_FIELDS: Final = {
    "Fixtures.calls": "calls, with the fields of `POST /_standin/calls`",
    "Fixtures.conferences": "conferences, with the fields of `POST /_standin/conferences`",
    "Fixtures.recordings": "recordings, see the next table",
    "RecordingFixture.account": f"the account; {_ACCOUNT}",
    "RecordingFixture.call": "the call's position in `calls`, from 1",
    "RecordingFixture.conference": "the friendly name of the conference",
    "RecordingFixture.status": "the recording's status",
    "RecordingFixture.seconds": "how long it is",
    "RecordingFixture.recording_channels": "`dual` only for a call",
}
