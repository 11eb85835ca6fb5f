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
    "ENGINE_QUEUE_PREFIX": "URL of the queue of each media engine's commands, up to the name of the engine.",
    "CALLBACKS_QUEUE": "URL of the queue of first attempts of callbacks, and of replays.",
    "CALLBACK_RETRIES_QUEUE": "URL of the queue of retries of callbacks.",
    "CALLBACK_CONCURRENCY": "How many messages of `CALLBACKS_QUEUE` are in work at once; the shares follow from it.",
    "CALLBACK_RETRY_CONCURRENCY": "The same for `CALLBACK_RETRIES_QUEUE`.",
    "FINISHING_QUEUE": "URL of the queue of captures to convert.",
    "EVENT_BUS": "Name of the event bus for domain events.",
    "PUBLIC_URL": "Scheme and host of this API in the URLs of callbacks.",
    "CALLBACK_RETRY_HOURS": "Hours for which a callback is retried after the vendor's own attempts, 0 to 168.",
    "CALLBACK_ALLOWED_HOSTS": "Hosts without a public address that callbacks may be delivered to, comma-separated.",
    "CALLBACK_HOST_MAP": "Pairs `host=other`, comma-separated: connect to `other` for `host`. Used by the stand-in.",
    "FAILED_BATCHES_BUCKET": "Name of the bucket with stream changes that could not be published.",
    "ENGINE_ROLE": "ARN of the role whose credentials engines get for their queues.",
    "ENGINE_GONE_AFTER_MINUTES": "Minutes for which a media engine may be lost before what it has is ended.",
    "MAX_CALL_HOURS": "Hours after which a live call or conference is ended.",
    "LATE_AUDIO_DAYS": "Days for which audio is accepted after its recording timed out, 0 for never.",
    "CONFIRM_UPDATES": "Which updates of recordings wait for the media engine: `none`, `pause` or `pause+stop`.",
    "CONFIRM_WITHIN_MS": "Milliseconds that such an update waits at most, 500 to 10000.",
    "ENGINE_COMMANDS_DEAD_LETTER_QUEUE": "ARN of the dead-letter queue that the queues of new engines get.",
    "TAPEDECK_STANDIN": "`1` in the stand-in. Permits its public token, and audio of any size in a response.",
    "TELEPHONY": "Whether the functions of the parameter `Telephony` exist, so that their paths are known.",
}

METRICS: Final = {
    "Milliseconds": "with each API request: its duration",
    "Busy": "with a request that failed because of contention or throttling (408, 429 or 503)",
    "EngineUnavailable": (
        "with a request that failed because its media engine is lost or did not confirm the update (408 or 503)"
    ),
    "Faults": "with a request that was answered with another 5xx; not for one that `default` forwarded",
    "EngineClockSkewMs": "once per session of a media engine whose clock differs by over 2 seconds: the difference",
    "EngineClockSkewed": "once per session of a media engine whose clock differs by over 60 seconds",
    "TaskFaults": "when a function for operators fails",
    "CommandsUnconfirmed": "each minute: commands that the engine has not confirmed for five minutes",
    "CommandsUnroutable": "when a command is not sent, because its engine is unknown or was deleted",
    "PausesUnconfirmed": "each minute: pauses that the engine has not confirmed for one minute",
    "UrgentSendsFailed": "when a request that waits could not send its command at once; the stream sends it",
    "EngineLost": "each minute: media engines that have not reported for 45 seconds",
    "ResourcesLost": "calls, conferences and captures that were ended because a new session of their engine lacks them",
    "CallsTooLong": "each hour: calls and conferences that were ended because they lasted longer than `MaxCallHours`",
    "CommandsExpired": "each minute: commands that were given up after 24 hours without confirmation",
    "RecordingsTimedOut": "each minute: recordings that ended as absent, because the start or the audio did not arrive",
    "EventsRefused": "when an engine event can never be applied",
    "EventsLater": "when an engine event cannot be applied yet, or the store failed; the engine reports it again",
    "EventsStale": "when an engine event is older than what is known",
    "EngineTrespass": "when an engine reports about, or uploads for, an account or a resource that is not its own",
    "EventsDead": "with each `engine.alive` of a connector that has given up events: their number",
    "CommandsUnreadable": "with each `engine.alive` of a connector that could not read commands: their number",
    "UploadAgeMs": "with each `engine.alive` of a connector that has captures to upload: the age of the oldest",
    "CallbacksUnsigned": "when an attempt is skipped because the callback cannot be signed",
    "CallbacksExhausted": "when a callback is given up",
    "CallbackHostsSuspended": "when a time-out suspends a host, or prolongs its suspension",
    "CaptureConflict": "when an engine reports another capture than the stored one",
    "PausesRefused": "when an engine refuses to pause a recording",
    "PausesEndedByEngine": "when an engine resumes a recording that a request has paused; the pause is sent again",
}

_LOG: Final = "[functions' log](#search-the-logs)"
_LIST: Final = "[`list_unsettled`](../how-to/find-what-an-alarm-is-about.md)"
_QUEUES: Final = "[Dead-letter queues](#dead-letter-queues)"
_CONNECTOR: Final = "[Connector and engine](#connector-and-engine)"
_THROTTLED: Final = (
    f"Find the account with the most requests in the {_LOG}. Lower `RateLimit`, or raise the account's quota of "
    "DynamoDB. One account cannot create more than about 500 resources per second, with any quota."
)

ALARM_ACTIONS: Final = {
    "GatewayErrorsAlarm": (
        f"Find the route in the access log, then the error in the {_LOG}. A line with `EngineUnavailable` is about the "
        f"media engine: follow {_CONNECTOR}."
    ),
    "ErrorsAlarm": (
        f"Search the {_LOG} for level `ERROR`: it names an unhandled exception and its line of code. If there is none, "
        "DynamoDB or S3 refused or did not respond: check their health, and the function's role."
    ),
    "ContentionAlarm": (
        f"Count `Busy` by account in the {_LOG}. Look for one conference or call with many changes at once. Clients "
        "may retry."
    ),
    "SlowAlarm": (
        f"Compare `Milliseconds` by operation in the {_LOG}. Check cold starts and DynamoDB latency. A pause waits for "
        "the media engine: count `EngineUnavailable`."
    ),
    "RecordingsReadThrottleAlarm": _THROTTLED,
    "RecordingsWriteThrottleAlarm": _THROTTLED,
    "CredentialsReadThrottleAlarm": _THROTTLED,
    "CredentialsWriteThrottleAlarm": _THROTTLED,
    "AdminErrorsAlarm": (
        f"Find the operation and the account in the {_LOG}: its outcome is `fault`. Invoke it again, but see [Rotate "
        "credentials](../how-to/rotate-credentials.md) first if it was `rotate_auth_token`, and [Manage media "
        "engines](../how-to/manage-engines.md#replace-a-token) if it was `rotate_engine_token`."
    ),
    "IteratorAgeAlarm": (
        f"Look for errors of `publish_changes` in the {_LOG}. Until it is fixed, commands and callbacks are late. "
        "Changes that are late for 12 hours leave the stream, and `FailedChangesAlarm` fires."
    ),
    "FailedChangesAlarm": "Follow [Redrive failed changes](../how-to/redrive-failed-changes.md) within 30 days.",
    "LostChangesAlarm": (
        "Check that the role of `publish_changes` may write to the failed-batches bucket. Subscribers must read the "
        "current state over the API: what was lost cannot be published again."
    ),
    "BackgroundErrorsAlarm": f"Look for the error in the {_LOG}. The work is retried.",
    "ThrottlesAlarm": (
        "Request a higher quota of concurrent executions from AWS: 10, that of a new account, is not enough. Until "
        "then lower `RateLimit` and `FinishingConcurrency`. Compare `ConcurrentExecutions` of the functions to find "
        "what uses the quota, also those of other stacks."
    ),
    "BackgroundThrottlesAlarm": (
        "See `ThrottlesAlarm`. Nothing is lost: the stream and the queues keep the work, and the reconciler runs again "
        "the next minute."
    ),
    "ConcurrencyAlarm": "See `ThrottlesAlarm`: requests are throttled next.",
    "ReconcilerStalledAlarm": "Follow [The reconciler](#the-reconciler).",
    "CallbacksDeadLetterAlarm": f"Look for errors of `deliver_callback` in the {_LOG}. Then follow {_QUEUES}.",
    "EngineCommandsDeadLetterAlarm": (
        f"Find out from the connector's log why it did not delete the command, then follow {_QUEUES}. The reconciler "
        "sends a command again while it is wanted and not confirmed."
    ),
    "FinishingDeadLetterAlarm": (
        f"Look for errors of `finish_recording` in the {_LOG}: `MediaMissing` is a capture that is no 16-bit WAV, or "
        f"that is gone. Then follow {_QUEUES}. A day after its upload the recording becomes `absent`, but its capture "
        "stays."
    ),
    "FinishingQueueAgeAlarm": (
        f"Look for errors and timeouts of `finish_recording` in the {_LOG}. Recordings are completed late; none is "
        "lost."
    ),
    "CallbackQueueAgeAlarm": (
        f"Look for errors of `deliver_callback` in the {_LOG}. If there are none, receivers are slow: a callback may "
        "occupy a worker for 15 seconds. Raise `CallbackConcurrency` if the quota of concurrent functions permits."
    ),
    "CallbackRetriesQueueAgeAlarm": (
        "As for `CallbackQueueAgeAlarm`. First attempts do not wait for retries. Raise `CallbackRetryConcurrency`."
    ),
    "EventsRefusedAlarm": (
        f"Find the event in the {_LOG}, by the outcome `refused`: the line has its type, resource, code and "
        "reason, which is the first invalid field of an unreadable one. Compare it with the commands of the engine. "
        f"{_LIST} shows whether its recording is unsettled."
    ),
    "EventsLaterAlarm": (
        f"Find the events in the {_LOG}, by the outcome `later`. `StoreThrottled` and its like: check DynamoDB. Other "
        "reasons: the engine reports about resources that it never announced, or in a wrong order."
    ),
    "EventsStaleAlarm": (
        f"Find the engine in the {_LOG}, by the outcome `stale`. If its connector has lost its state, restart it: a "
        "new session continues above the known sequence numbers."
    ),
    "CaptureConflictAlarm": (
        f"Find the recording in the {_LOG}, by the reason `another capture is stored`. Listen to the stored audio, and "
        "compare it with the file on the engine's host. To replace it, delete the recording."
    ),
    "PausesRefusedAlarm": f"Audio is captured during a pause now. Follow {_CONNECTOR} at once.",
    "PausesEndedByEngineAlarm": (
        f"Find the recordings in the {_LOG}, by the metric `PausesEndedByEngine`, and check if audio of the pause is "
        "in them. Then correct the connector, which must not resume what a command has paused."
    ),
    "EngineTrespassAlarm": (
        f"Find engine, account and resource in the {_LOG}, by the code `not_yours`. If the engine's token has leaked, "
        "[replace it](../how-to/manage-engines.md#replace-a-token)."
    ),
    "EngineClockSkewedAlarm": f"Find the engine in the {_LOG}, by the message `engine_clock`. Correct its clock.",
    "EventsDeadAlarm": (
        f"Find the engine in the {_LOG}, by the metric `EventsDead`. Its connector logs each event that it gave up, "
        "with the reason: most were refused, see `EventsRefusedAlarm`. What they were to report is still "
        f"expected: {_LIST} names the recordings. The alarm ends when the connector discards them."
    ),
    "CommandsUnreadableAlarm": (
        f"Find the engine in the {_LOG}, by the metric `CommandsUnreadable`. Its connector is too old for the commands "
        "of this version: update it. The new session begins to count again."
    ),
    "UploadsDelayedAlarm": (
        f"Find the engine in the {_LOG}, by the metric `UploadAgeMs`. Check its connection to S3 and the answers to "
        "its uploads in its log. Recordings whose audio stays away become `absent`."
    ),
    "CommandsUnconfirmedAlarm": (
        f"Audio may be captured during a pause now. {_LIST} names the recordings. Follow {_CONNECTOR} at once."
    ),
    "CommandsUnroutableAlarm": (
        f"Find the time in the {_LOG}, by the outcome `unroutable`; `sid` is the id of the resource. Check with "
        "`list_engines` that its engine is registered, and that the connector reports its calls and conferences."
    ),
    "PausesUnconfirmedAlarm": (
        f"Audio may be captured during a pause now. {_LIST} names the recordings. Follow {_CONNECTOR} at once."
    ),
    "UrgentSendsFailedAlarm": "The stream sends the commands too, a little later. Look for `outcome` `unsent` in the "
    "[functions' log](#search-the-logs), and check the health of SQS and the role of the function.",
    "EngineLostAlarm": (
        "Check that the engine and its connector run and can reach the API. After `EngineGoneAfterMinutes` everything "
        "that the engine has is ended. [Delete an engine](../how-to/manage-engines.md#delete-an-engine) that is out of "
        "service."
    ),
    "ResourcesLostAlarm": (
        f"An engine restarted. Find them in the {_LOG}, by the reason `engine_lost`. Their callbacks are delivered. "
        "If the engine's disk is readable, its audio is accepted for `LateAudioDays`."
    ),
    "CallsTooLongAlarm": (
        "Check whether the engine reports the ends of calls and conferences. Raise `MaxCallHours` if they are real."
    ),
    "CommandsExpiredAlarm": (
        f"Find the call, conference or participant in the {_LOG}, by the metric `CommandsExpired`. Repeat the request "
        f"over the API if it is still wanted. Follow {_CONNECTOR}."
    ),
    "RecordingsTimedOutAlarm": (
        f"Find the recordings in the {_LOG}, by the metric `RecordingsTimedOut`; {_LIST} names those that are still "
        "expected. No start was confirmed within 40 minutes, or no audio arrived within an hour of the stop. Check "
        "that the connector uploads the audio, and then reports `recording.completed`."
    ),
    "CallbacksUnsignedAlarm": (
        "Look for the outcome `unsigned` in the [functions' log](#search-the-logs): its line has the code of KMS, "
        "or `NoSigningKey` if the account has no key. "
        "Check that the KMS key `SigningKey` is enabled and that the role of `deliver_callback` may decrypt with it. "
        "With `RefusedSigningKey`, the account has the signing key of the stand-in, which everyone knows. "
        "Retries go on for at least 24 hours. Replay later what became exhausted."
    ),
    "CallbackHostsSuspendedAlarm": (
        f"Find the account and a recording, conference or call in the {_LOG}, by the outcome `suspended`; "
        "`list_callbacks` shows the URL. Its receiver must answer within the time limit. The suspension ends by "
        "itself, or at once when a replay is answered. Other hosts and accounts are not affected."
    ),
    "CallbacksExhaustedAlarm": "Fix the receiver, then follow [Replay callbacks](../how-to/replay-callbacks.md).",
}

_ACCOUNT: Final = "the stand-in's account if it is left out"

_LISTS: Final = "[Lists](#lists)"
_LIMIT: Final = "how many entries an answer has at most"
_AFTER: Final = "the sid of the entry after which the list goes on, as in `next`"

CONTROL_ROUTES: Final = {
    "GET /_standin/health": ("reports that the stand-in answers requests", '200 `{"status"}`'),
    "POST /_standin/calls": (
        "creates a call; with instructions, one that [comes in](#calls-that-come-in) and rings",
        "201 with the call",
    ),
    "GET /_standin/calls": (
        "lists the calls, newest first, with numbers, parent and conference",
        f'200 `{{"calls", "next"}}`, see {_LISTS}',
    ),
    "GET /_standin/calls/{sid}": (
        "shows one call",
        "200 with the call, as in its [list](#lists), and with [its course](#calls-that-come-in)",
    ),
    "GET /_standin/conferences": (
        "lists the conferences, newest first, with the participants that are in them",
        f'200 `{{"conferences", "next"}}`, see {_LISTS}',
    ),
    "GET /_standin/conferences/{sid}": ("shows one conference", "200 with the conference, as in its [list](#lists)"),
    "GET /_standin/recordings": (
        "lists the recordings that are not deleted, newest first",
        f'200 `{{"recordings", "next"}}`, see {_LISTS}',
    ),
    "GET /_standin/accounts": (
        "lists the accounts, newest first, without their secrets",
        f'200 `{{"accounts", "next"}}`, see {_LISTS}',
    ),
    "GET /_standin/fixtures": (
        "lists the sids of what the [fixtures](#fixtures) created, by kind",
        '200 `{"fixtures"}`',
    ),
    "POST /_standin/calls/{sid}/hangup": ("ends a call and its recordings", "200 with the call"),
    "POST /_standin/calls/{sid}/press": (
        "presses keys in a call; `used` says whether something listened to them",
        '200 `{"used"}`; 409 if it is not in progress',
    ),
    "POST /_standin/calls/{sid}/speak": ("speaks in a call", "200 `{}`; 409 if it is not in progress"),
    "POST /_standin/calls/{sid}/answer": (
        "answers a call that was dialed and rings",
        "200 with the call; 409 if it does not ring",
    ),
    "POST /_standin/calls/{sid}/busy": ("answers that the line is busy", "200 with the call; 409 if it does not ring"),
    "POST /_standin/calls/{sid}/decline": ("declines a call", "200 with the call; 409 if it does not ring"),
    "POST /_standin/calls/{sid}/no_answer": (
        "stops the ringing, because there is no answer",
        "200 with the call; 409 if it does not ring",
    ),
    "POST /_standin/calls/{sid}/fail": (
        "lets a call fail, because its number cannot be reached",
        "200 with the call; 409 if it does not ring",
    ),
    "POST /_standin/calls/{sid}/stream/close": (
        "closes the stream that a call is connected to, as its far end",
        "200 `{}`; 409 if there is none",
    ),
    "POST /_standin/parties": (
        "says how the [party](#parties) of a number behaves",
        "201 with the rule and its `id`",
    ),
    "GET /_standin/parties": (
        "lists these rules, oldest first, with how often each was `used`",
        '200 `{"parties"}`',
    ),
    "DELETE /_standin/parties": ("removes all these rules", "204"),
    "DELETE /_standin/parties/{id}": ("removes one of these rules", "204"),
    "GET /_standin/webhooks": (
        "lists the requests for instructions, newest last, with the [answers](#requests-for-instructions)",
        '200 `{"webhooks"}`',
    ),
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
    "POST /_standin/keys": (
        "creates an API key, such as the one of a `.env` file",
        '201 `{"sid", "secret", "friendly_name"}`; 200 if this key exists; 409 if the sid is taken, or at 100 keys',
    ),
    "POST /_standin/applications": ("creates an application", '201 `{"sid", "friendly_name"}`'),
    "POST /_standin/numbers": (
        "gives a phone number to an account",
        '201 `{"sid", "phone_number", "friendly_name"}`; 404 for an unknown application; 409 if the number is held',
    ),
    "POST /_standin/recordings/{sid}/transcriptions": ("adds a transcription", '201 `{"sid", "status"}`'),
    "POST /_standin/clock": (
        "advances the [clock](#clock) of one account, or of all; with `until`, to what happens in a call",
        '200 `{"now"}`; with `until` 200 or 408 `{"now", "position"}`',
    ),
    "POST /_standin/wait-until-idle": (
        "waits until all work that is due by the clock is done, callbacks included; does not advance the clock",
        '200 `{"left": []}`; 408 with what is `left`',
    ),
    "POST /_standin/settle": (
        "[waits](#waiting) until nothing is under way; with `advance` it also advances the clock",
        '200 `{"left": []}`; 408 with what is `left`, at once if it is due later than the clock goes by itself',
    ),
    "POST /_standin/reset": ("deletes everything of an account but the account, its API keys and its time", "204"),
    "GET /_standin/requests": (
        "lists the API requests, newest last, with the `nearest` route of those that matched none",
        '200 `{"requests"}`',
    ),
    "GET /_standin/callbacks": (
        "lists the callbacks, newest last, with fields, signature and attempts",
        '200 `{"callbacks"}`',
    ),
    "GET /_standin/warnings": (
        "lists the [warnings](#warnings), newest last",
        '200 `{"warnings"}`',
    ),
    "GET /_standin/unsettled": (
        f"lists what is unconfirmed, overdue or parked, as {_LIST} does",
        '200 `{"at", "unsettled"}`',
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
        "reports an [engine event](engine-protocol.md), as a connector would, and answers its outcome",
        '200 `{"id", "outcome"}`, with `code`, `detail` and `after_ms` if there are any',
    ),
    "POST /_standin/engines": (
        "registers a further media engine, and answers its token",
        '201 `{"name", "accounts", "token"}`; 409 if the name is taken',
    ),
    "GET /_standin/engines": (
        "lists the media engines, with their presence and the number of commands that wait",
        '200 `{"engines"}`',
    ),
}

CONTROL_FIELDS: Final = {
    "ControlRequest.account": f"the account; {_ACCOUNT}",
    "MakeCallRequest.to": "the called number or address, or `app:` and the sid of an application",
    "MakeCallRequest.from": "the calling number or address",
    "MakeCallRequest.direction": "who started the call",
    "MakeCallRequest.status": "the call's status",
    "MakeCallRequest.engine": "the media engine that has the call",
    "MakeCallRequest.url": "the URL of its instructions",
    "MakeCallRequest.method": "the method of `url`",
    "MakeCallRequest.twiml": "its instructions themselves, instead of `url`",
    "MakeCallRequest.fallback_url": "the URL of the instructions if a request for them fails",
    "MakeCallRequest.fallback_method": "the method of `fallback_url`",
    "MakeCallRequest.status_callback": "the URL for the callback about the end of a call with instructions",
    "MakeCallRequest.status_callback_method": "the method of `status_callback`",
    "MakeCallRequest.forwarded_from": "the number that forwarded the call, sent as `ForwardedFrom`",
    "MakeCallRequest.caller_name": "the caller's name, sent as `CallerName`",
    "MakeCallRequest.parameters": "further parameters of its requests for instructions",
    "MakeCallRequest.party": "how the caller behaves, with the fields of `POST /_standin/parties`",
    "MakeCallRequest.instructions": "`false`: it has no instructions, even if the number `to` has a voice URL",
    "PressRequest.digits": "the keys, one after the other; `w` waits half a second, `W` a second",
    "SpeakRequest.seconds": "how long, from now on",
    "SpeakRequest.text": "the words",
    "SpeakRequest.confidence": "how sure the recognition is of `text`; 0.9 if it is left out",
    "AnswerRequest.answered_by": "who answers; as the party's rule says if it is left out",
    "CloseStreamRequest.name": "the name of the stream; that which is connected if it is left out",
    "CreatePartyRequest.number": "a number, `client:…`, `sip:…`, or `*` for all",
    "CreatePartyRequest.outcome": "what becomes of a call that rings; `manual`: what a request says",
    "CreatePartyRequest.ring": "seconds of ringing before that",
    "CreatePartyRequest.answered_by": "who answers",
    "CreatePartyRequest.greeting": "seconds of a machine's greeting, which ends with a beep",
    "CreatePartyRequest.speaks": (
        "what the party says: `text`, for so many `seconds`, `after` so many seconds from the answer"
    ),
    "CreatePartyRequest.presses": (
        "keys that the party presses: `digits`, `after` so many seconds from the answer, or `in` the next `Gather`"
    ),
    "CreatePartyRequest.hangup_after": "seconds from the answer after which the party hangs up; never if left out",
    "CreatePartyRequest.sip_code": "the SIP status of a call that is not answered",
    "CreatePartyRequest.times": "for how many calls the rule counts; for all if it is left out",
    "WebhooksQuery.call": "only requests of this call",
    "WebhooksQuery.kind": "only requests of this kind",
    "WebhooksQuery.wait": "seconds of real time to wait for the first match that was answered",
    "CreateEngineRequest.name": "its name: a lower-case letter, then lower-case letters, digits and hyphens",
    "CreateEngineRequest.accounts": "the sids of the accounts that it works for, or `*` for all",
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
    "AdvanceClockRequest.advance": "seconds; with `*` as `account`, for all accounts",
    "AdvanceClockRequest.until": "the verb at which a call is, or `waits`, or `ended`; see [Clock](#clock)",
    "AdvanceClockRequest.call": "the sid of that call",
    "AdvanceClockRequest.at_most": "seconds that `until` advances at most",
    "SettleRequest.timeout": "seconds of real time; without `account`, the work of all accounts counts",
    "SettleRequest.advance": "whether to advance the clock to the next due time, again and again",
    "WaitUntilIdleRequest.timeout": "seconds of real time; without `account`, the work of all accounts counts",
    "CreateAccountRequest.sid": "the account's sid in either format; a generated one by default",
    "CreateAccountRequest.token": "the auth token; a generated one by default",
    "CreateApiKeyRequest.sid": "the key's sid in either format; a generated one by default",
    "CreateApiKeyRequest.secret": "the secret; a generated one by default",
    "CreateApiKeyRequest.friendly_name": "the key's name",
    "CreateApplicationRequest.friendly_name": "its name; a numbered one by default",
    "CreateApplicationRequest.voice_url": "the URL of the instructions for its calls",
    "CreateApplicationRequest.voice_method": "the method of `voice_url`",
    "CreateApplicationRequest.voice_fallback_url": "the URL of the instructions if `voice_url` fails",
    "CreateApplicationRequest.voice_fallback_method": "the method of `voice_fallback_url`",
    "CreateApplicationRequest.status_callback": "the URL for callbacks about its calls",
    "CreateApplicationRequest.status_callback_method": "the method of `status_callback`",
    "CreateApplicationRequest.sms_url": "the URL for messages; stored only",
    "CreateApplicationRequest.sms_method": "the method of `sms_url`",
    "CreateApplicationRequest.sms_fallback_url": "the URL for messages if `sms_url` fails; stored only",
    "CreateApplicationRequest.sms_fallback_method": "the method of `sms_fallback_url`",
    "CreateApplicationRequest.sms_status_callback": "the URL for callbacks about its messages; stored only",
    "CreateApplicationRequest.message_status_callback": "the URL for callbacks about its messages; stored only",
    "CreatePhoneNumberRequest.phone_number": "the number in E.164 form, which no account has yet",
    "CreatePhoneNumberRequest.friendly_name": "its name; the formatted number by default",
    "CreatePhoneNumberRequest.voice_application": "the application whose URLs replace its own: a sid, or a name",
    "CreatePhoneNumberRequest.voice_url": "the URL of the instructions for calls to it",
    "CreatePhoneNumberRequest.voice_method": "the method of `voice_url`",
    "CreatePhoneNumberRequest.voice_fallback_url": "the URL of the instructions if `voice_url` fails",
    "CreatePhoneNumberRequest.voice_fallback_method": "the method of `voice_fallback_url`",
    "CreatePhoneNumberRequest.status_callback": "the URL for callbacks about calls to it",
    "CreatePhoneNumberRequest.status_callback_method": "the method of `status_callback`",
    "CreatePhoneNumberRequest.sms_url": "the URL for messages; stored only",
    "CreatePhoneNumberRequest.sms_method": "the method of `sms_url`",
    "CreatePhoneNumberRequest.sms_fallback_url": "the URL for messages if `sms_url` fails; stored only",
    "CreatePhoneNumberRequest.sms_fallback_method": "the method of `sms_fallback_url`",
    "ControlQuery.account": f"the account; {_ACCOUNT}",
    "PageQuery.limit": _LIMIT,
    "PageQuery.after": _AFTER,
    "CallsQuery.limit": _LIMIT,
    "CallsQuery.after": _AFTER,
    "CallsQuery.status": "only calls with this status",
    "CallsQuery.number": "only calls from or to this number or address",
    "AccountsQuery.limit": _LIMIT,
    "AccountsQuery.after": _AFTER,
    "CallbacksQuery.sid": "only callbacks of this recording, conference or call",
    "CallbacksQuery.event": "only this event, by its name in the subscription or in the callback",
    "CallbacksQuery.wait": "seconds of real time to wait for the first match",
    "WarningsQuery.call": "only warnings about this call",
    "WarningsQuery.code": "only warnings with this code",
    "UnsettledFilter.what": "only this kind; without `account`, that of all accounts",
    "UnsettledFilter.overdue": "only what is overdue",
}

FIXTURE_FIELDS: Final = {
    "Fixtures.accounts": "further accounts, which all other resources may name as their `account`",
    "Fixtures.calls": "calls, with the fields of `POST /_standin/calls`",
    "Fixtures.conferences": "conferences, with the fields of `POST /_standin/conferences`",
    "Fixtures.recordings": "recordings, see the next table",
    "Fixtures.keys": "API keys, see the last rows",
    "Fixtures.applications": "applications, with the fields of `POST /_standin/applications`",
    "Fixtures.numbers": "phone numbers, with the fields of `POST /_standin/numbers`",
    "RecordingFixture.account": f"the account; {_ACCOUNT}",
    "RecordingFixture.call": "the call's position in `calls`, from 1",
    "RecordingFixture.conference": "the friendly name of the conference",
    "RecordingFixture.status": "the recording's status",
    "RecordingFixture.seconds": "how long it is",
    "RecordingFixture.recording_channels": "`dual` only for a call",
    "AccountFixture.sid": "the account's sid in either format",
    "AccountFixture.token": "the auth token, which is not printed",
    "AccountFixture.signing_key": "the key that signs callbacks in SignalWire's dialect; a generated one by default",
    "ApiKeyFixture.account": f"the account; {_ACCOUNT}",
    "ApiKeyFixture.sid": "the key's sid in either format; a generated one by default",
    "ApiKeyFixture.secret": "the secret, which is not printed",
    "ApiKeyFixture.friendly_name": "the key's name",
}
