"""Deliberately broken copies of the template, for the rules of background processing and alarms."""

import json
from typing import Any, Final

from tests.template import alarm_rules
from tests.template import background_rules as rules
from tests.template.rules import Break, Rule
from tests.template.translation import Stack, if_true, target


def _queue(stack: Stack, **changes: Any) -> None:
    stack.properties("CallbacksQueue").update(changes)


def _stream(stack: Stack, **changes: Any) -> None:
    stack.properties("RecordingsStreamMapping").update(changes)


def _filter(stack: Stack, *forms: str | dict[str, str]) -> None:
    """Let the stream filter pass sort keys of these patterns."""
    pattern = {"dynamodb": {"Keys": {"SK": {"S": forms}}}}
    _stream(stack, FilterCriteria={"Filters": [{"Pattern": json.dumps(pattern)}]})


def _audio(stack: Stack, function: str, action: str) -> dict[str, Any]:
    return next(each for each in stack.statements(function) if action in each["Action"])


def _slow_sender(stack: Stack) -> None:
    stack.properties("DeliverCallbackFunction").update(Timeout=61)
    _queue(stack, VisibilityTimeout=6 * 61)


def _schedule(stack: Stack, **changes: Any) -> None:
    stack.properties("ReconcileFunctionEveryMinute").update(changes)


def _schedule_target(stack: Stack, **changes: Any) -> None:
    stack.properties("ReconcileFunctionEveryMinute")["Target"].update(changes)


def _variables(stack: Stack, function: str) -> dict[str, Any]:
    variables: dict[str, Any] = stack.properties(function)["Environment"]["Variables"]
    return variables


def _upload(stack: Stack) -> dict[str, Any]:
    statements = stack.statements("OpenUploadFunction")
    return next(each for each in statements if each["Action"] == "s3:PutObject")


def _credentials_right(stack: Stack) -> dict[str, Any]:
    """Return the statement of the reconciler about the credentials table."""
    table = {"Fn::GetAtt": ["CredentialsTable", "Arn"]}
    return next(each for each in stack.statements("ReconcileFunction") if each["Resource"] == table)


def _revoke(stack: Stack, function: str, resource: str) -> None:
    """Remove every statement of a role for this resource."""
    for policy in stack.role(function)["Policies"]:
        document = policy["PolicyDocument"]
        document["Statement"] = [
            each for each in document["Statement"] if target(if_true(each)["Resource"]) != resource
        ]


BROKEN: Final[tuple[tuple[Rule, str, Break], ...]] = (
    (rules.queues_are_fifo_and_encrypted, "not FIFO", lambda stack: _queue(stack, FifoQueue=False)),
    (
        rules.queues_are_fifo_and_encrypted, "a FIFO dead-letter queue of standard queues",
        lambda stack: stack.properties("EngineCommandsDeadLetterQueue").update(FifoQueue=True),
    ),
    (
        rules.environments_match_roles, "a dead-letter queue that another function names",
        lambda stack: _variables(stack, "DeleteEngineFunction").update(
            ENGINE_COMMANDS_DEAD_LETTER_QUEUE={"Fn::GetAtt": ["EngineCommandsDeadLetterQueue", "Arn"]}
        ),
    ),
    (
        rules.queues_are_fifo_and_encrypted, "deduplication by queue",
        lambda stack: _queue(stack, DeduplicationScope="queue"),
    ),
    (rules.queues_are_fifo_and_encrypted, "unencrypted", lambda stack: _queue(stack, SqsManagedSseEnabled=False)),
    (
        rules.queues_are_fifo_and_encrypted, "retention of four days",
        lambda stack: _queue(stack, MessageRetentionPeriod=345_600),
    ),
    (
        rules.queues_are_fifo_and_encrypted, "a fixed name",
        lambda stack: _queue(stack, QueueName={"Fn::Sub": "callbacks.fifo"}),
    ),
    (
        rules.queues_are_fifo_and_encrypted, "a queue without TLS policy",
        lambda stack: stack.properties("QueuesPolicy")["Queues"].pop(),
    ),
    (
        rules.queues_are_fifo_and_encrypted, "TLS for senders only",
        lambda stack: stack.properties("QueuesPolicy")["PolicyDocument"]["Statement"][0].update(
            Action="sqs:SendMessage"
        ),
    ),
    (
        rules.queues_have_dead_letter_queues, "no redrive policy",
        lambda stack: stack.properties("CallbacksQueue").pop("RedrivePolicy"),
    ),
    (
        rules.queues_have_dead_letter_queues, "a shared dead-letter queue",
        lambda stack: _queue(stack, RedrivePolicy=stack.properties("FinishingQueue")["RedrivePolicy"]),
    ),
    (
        rules.queues_have_dead_letter_queues, "dead letter after one receive",
        lambda stack: stack.properties("CallbacksQueue")["RedrivePolicy"].update(maxReceiveCount=1),
    ),
    (
        rules.queues_have_dead_letter_queues, "a dead-letter queue is read",
        lambda stack: stack.properties("CallbacksMapping").update(
            EventSourceArn={"Fn::GetAtt": ["CallbacksDeadLetterQueue", "Arn"]}
        ),
    ),
    (
        rules.queues_have_dead_letter_queues, "dead retries elsewhere",
        lambda stack: stack.properties("CallbackRetriesQueue").update(
            RedrivePolicy=stack.properties("FinishingQueue")["RedrivePolicy"]
        ),
    ),
    (
        rules.visibility_timeouts_exceed_readers, "visibility timeout too short",
        lambda stack: _queue(stack, VisibilityTimeout=60),
    ),
    (
        rules.visibility_timeouts_exceed_readers, "a failed retry blocks its group for long",
        lambda stack: stack.properties("CallbackRetriesQueue").update(VisibilityTimeout=180),
    ),
    (
        rules.senders_of_callbacks_are_limited, "no limit",
        lambda stack: stack.properties("CallbackRetriesMapping").pop("ScalingConfig"),
    ),
    (
        rules.senders_of_callbacks_are_limited, "the limit of the other queue",
        lambda stack: stack.properties("CallbacksMapping").update(
            ScalingConfig={"MaximumConcurrency": {"Ref": "CallbackRetryConcurrency"}}
        ),
    ),
    (
        rules.senders_of_callbacks_are_limited, "shares of the default number",
        lambda stack: _variables(stack, "RedriveFailedChangesFunction").pop("CALLBACK_CONCURRENCY"),
    ),
    (
        rules.retry_windows_agree, "the default window",
        lambda stack: _variables(stack, "ReconcileFunction").pop("CALLBACK_RETRY_HOURS"),
    ),
    (
        rules.senders_of_callbacks_are_limited, "a limit that Lambda refuses",
        lambda stack: stack.content["Parameters"]["CallbackRetryConcurrency"].update(MinValue=1),
    ),
    (
        rules.senders_of_callbacks_are_limited, "the whole quota of a new AWS account",
        lambda stack: stack.content["Parameters"]["CallbackConcurrency"].update(Default=8),
    ),
    (
        rules.visibility_timeouts_exceed_readers, "a slower reader",
        lambda stack: stack.properties("FinishRecordingFunction").update(Timeout=301),
    ),
    (
        rules.visibility_timeouts_exceed_readers, "lease too short", _slow_sender,
    ),
    (
        rules.readers_report_batch_failures, "no batch item failures",
        lambda stack: stack.properties("FinishingMapping").pop("FunctionResponseTypes"),
    ),
    (
        rules.readers_report_batch_failures, "callbacks in batches",
        lambda stack: stack.properties("CallbacksMapping").update(BatchSize=10),
    ),
    (
        rules.readers_report_batch_failures, "a queue without reader",
        lambda stack: stack.resources.pop("FinishingMapping"),
    ),
    (rules.readers_report_batch_failures, "disabled", lambda stack: _stream(stack, Enabled=False)),
    (
        rules.stream_failures_are_bounded, "from the latest record",
        lambda stack: _stream(stack, StartingPosition="LATEST"),
    ),
    (rules.stream_failures_are_bounded, "no bisection", lambda stack: _stream(stack, BisectBatchOnFunctionError=False)),
    (rules.stream_failures_are_bounded, "unlimited retries", lambda stack: _stream(stack, MaximumRetryAttempts=-1)),
    (
        rules.stream_failures_are_bounded, "up to the stream's retention",
        lambda stack: _stream(stack, MaximumRecordAgeInSeconds=86_400),
    ),
    (
        rules.stream_failures_are_bounded, "no failure destination",
        lambda stack: stack.properties("RecordingsStreamMapping").pop("DestinationConfig"),
    ),
    (
        rules.stream_failures_are_bounded, "a queue, which stores no records",
        lambda stack: _stream(
            stack, DestinationConfig={"OnFailure": {"Destination": {"Fn::GetAtt": ["CallbacksDeadLetterQueue", "Arn"]}}}
        ),
    ),
    (
        rules.stream_failures_are_bounded, "no permission to store it",
        lambda stack: _revoke(stack, "PublishChangesFunction", "FailedBatchesBucket/*"),
    ),
    (
        rules.failed_batches_expire, "no expiry",
        lambda stack: stack.properties("FailedBatchesBucket").pop("LifecycleConfiguration"),
    ),
    (
        rules.failed_batches_expire, "expiry too late",
        lambda stack: stack.properties("FailedBatchesBucket")["LifecycleConfiguration"]["Rules"][0].update(
            ExpirationInDays=31
        ),
    ),
    (
        rules.empty_objects_expire, "no expiry",
        lambda stack: stack.properties("MediaBucket").pop("LifecycleConfiguration"),
    ),
    (
        rules.empty_objects_expire, "expiry of everything after a day",
        lambda stack: stack.properties("MediaBucket")["LifecycleConfiguration"]["Rules"][1].pop("ObjectSizeLessThan"),
    ),
    (
        rules.stream_filter_selects_resources, "participants are missing",
        lambda stack: _filter(stack, "CALL", "CONF", {"prefix": "REC#"}),
    ),
    (
        rules.stream_filter_selects_resources, "list entries pass",
        lambda stack: _filter(stack, {"prefix": "C"}, {"prefix": "PART#"}, {"prefix": "REC#"}),
    ),
    (
        rules.schedule_invokes_the_reconciler, "no schedule",
        lambda stack: stack.resources.pop("ReconcileFunctionEveryMinute"),
    ),
    (
        rules.schedule_invokes_the_reconciler, "once an hour",
        lambda stack: _schedule(stack, ScheduleExpression="rate(1 hour)"),
    ),
    (rules.schedule_invokes_the_reconciler, "disabled", lambda stack: _schedule(stack, State="DISABLED")),
    (rules.schedule_invokes_the_reconciler, "a fixed name", lambda stack: _schedule(stack, Name="reconcile")),
    (
        rules.schedule_invokes_the_reconciler, "another target",
        lambda stack: _schedule_target(stack, Arn={"Fn::GetAtt": ["CreateAccountFunction", "Arn"]}),
    ),
    (
        rules.schedule_invokes_the_reconciler, "a non-empty event",
        lambda stack: _schedule_target(stack, Input='{"max_batches": 1}'),
    ),
    (rules.schedule_invokes_the_reconciler, "retries", lambda stack: _schedule_target(stack, RetryPolicy={})),
    (
        rules.schedule_invokes_the_reconciler, "permission for every function",
        lambda stack: stack.properties("ReconcileFunctionEveryMinuteRole")["Policies"][0]["PolicyDocument"][
            "Statement"
        ][0].update(Resource="*"),
    ),
    (
        rules.schedule_invokes_the_reconciler, "concurrent runs",
        lambda stack: stack.properties("ReconcileFunction").pop("ReservedConcurrentExecutions"),
    ),
    (
        rules.schedule_invokes_the_reconciler, "asynchronous retries",
        lambda stack: stack.properties("ReconcileFunctionEventInvokeConfig").update(MaximumRetryAttempts=2),
    ),
    (
        rules.environments_match_roles, "a bus without a name",
        lambda stack: _variables(stack, "PublishChangesFunction").pop("EVENT_BUS"),
    ),
    (
        rules.schedule_invokes_the_reconciler, "concurrency reserved by default",
        lambda stack: stack.content["Parameters"]["ReserveReconcilerConcurrency"].update(Default="true"),
    ),
    (
        rules.conversions_leave_room, "a large default",
        lambda stack: stack.content["Parameters"]["FinishingConcurrency"].update(Default=100),
    ),
    (
        rules.conversions_leave_room, "a limit that no parameter changes",
        lambda stack: stack.properties("FinishingMapping").update(ScalingConfig={"MaximumConcurrency": 100}),
    ),
    (
        rules.conversions_leave_room, "concurrency reserved for a function",
        lambda stack: stack.properties("DeliverCallbackFunction").update(ReservedConcurrentExecutions=2),
    ),
    (
        rules.retained_resources_have_no_fixed_names, "a table with a fixed name",
        lambda stack: stack.properties("RecordingsTable").update(TableName={"Fn::Sub": "${AWS::StackName}-recordings"}),
    ),
    (
        rules.domain_events_are_opt_in, "published by default",
        lambda stack: stack.content["Parameters"]["PublishDomainEvents"].update(Default="true"),
    ),
    (
        rules.domain_events_are_opt_in, "a bus without a condition",
        lambda stack: stack.resources["EventBus"].pop("Condition"),
    ),
    (
        rules.domain_events_are_opt_in, "an output without a condition",
        lambda stack: stack.content["Outputs"]["EventBusName"].pop("Condition"),
    ),
    (
        rules.domain_events_are_opt_in, "a function that always knows the bus",
        lambda stack: _variables(stack, "PublishChangesFunction").update(EVENT_BUS={"Ref": "EventBus"}),
    ),
    (
        rules.domain_events_are_opt_in, "a right without a condition",
        lambda stack: stack.role("PublishChangesFunction")["Policies"][0]["PolicyDocument"]["Statement"].append(
            {"Effect": "Allow", "Action": "events:PutEvents", "Resource": {"Fn::GetAtt": ["EventBus", "Arn"]}}
        ),
    ),
    (
        rules.environments_match_roles, "an unused queue",
        lambda stack: _variables(stack, "ListCallbacksFunction").update(CALLBACKS_QUEUE={"Ref": "CallbacksQueue"}),
    ),
    (
        rules.environments_match_roles, "another queue",
        lambda stack: _variables(stack, "ReplayCallbackFunction").update(CALLBACKS_QUEUE={"Ref": "FinishingQueue"}),
    ),
    (
        rules.publishers_know_the_public_url, "no public URL",
        lambda stack: _variables(stack, "ReconcileFunction").pop("PUBLIC_URL"),
    ),
    (
        rules.publishers_know_the_public_url, "another public URL",
        lambda stack: _variables(stack, "RedriveFailedChangesFunction").update(PUBLIC_URL={"Ref": "PublicUrl"}),
    ),
    (
        rules.only_one_function_lends_the_role_of_engines, "trust in a name",
        lambda stack: stack.properties("EngineRole")["AssumeRolePolicyDocument"]["Statement"][0].update(
            Principal={"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}},
            Condition={"ArnLike": {"aws:PrincipalArn": {"Fn::Sub": "arn:*:role/${AWS::StackName}-OpenEngineSession*"}}},
        ),
    ),
    (
        rules.publishers_send_to_the_queues_of_engines, "another prefix",
        lambda stack: _variables(stack, "ReconcileFunction").update(
            ENGINE_QUEUE_PREFIX={"Fn::Sub": "https://sqs.${AWS::Region}.${AWS::URLSuffix}/${AWS::AccountId}/engine-"}
        ),
    ),
    (
        rules.publishers_send_to_the_queues_of_engines, "no right to send",
        lambda stack: stack.role("PublishChangesFunction")["Policies"][0]["PolicyDocument"]["Statement"].pop(1),
    ),
    (
        rules.the_reconciler_reads_no_credentials, "every item of the credentials table",
        lambda stack: _credentials_right(stack).pop("Condition"),
    ),
    (
        rules.the_list_of_unsettled_queries_no_account, "queries of every partition",
        lambda stack: stack.statements("ListUnsettledFunction")[1].pop("Condition"),
    ),
    (
        rules.uploads_cannot_overwrite, "uploads without a condition",
        lambda stack: _upload(stack).pop("Condition"),
    ),
    (
        rules.uploads_cannot_overwrite, "uploads of finished audio",
        lambda stack: _upload(stack).update(Resource={"Fn::Sub": "${MediaBucket.Arn}/*"}),
    ),
    (
        rules.readers_change_only_what_they_make, "a read may overwrite what the conversion made",
        lambda stack: _audio(stack, "GetRecordingFunction", "s3:PutObject").update(
            Resource={"Fn::Sub": "${MediaBucket.Arn}/*/original.*"}
        ),
    ),
    (
        rules.readers_change_only_what_they_make, "a read may delete every object",
        lambda stack: _audio(stack, "GetCallRecordingFunction", "s3:DeleteObject").update(
            Resource={"Fn::Sub": "${MediaBucket.Arn}/*"}
        ),
    ),
    (
        alarm_rules.alarms_of_other_accounts_use_no_key, "the key of the topic without a condition",
        lambda stack: stack.properties("AlarmsKey")["KeyPolicy"]["Statement"][1].pop("Condition"),
    ),
    (
        alarm_rules.failures_have_alarms, "no alarm for dead letters",
        lambda stack: stack.resources.pop("CallbacksDeadLetterAlarm"),
    ),
    (
        alarm_rules.failures_have_alarms, "no alarm for old callbacks",
        lambda stack: stack.resources.pop("CallbackQueueAgeAlarm"),
    ),
    (
        alarm_rules.failures_have_alarms, "no alarm for old retries",
        lambda stack: stack.resources.pop("CallbackRetriesQueueAgeAlarm"),
    ),
    (
        alarm_rules.failures_have_alarms, "no alarm for stream lag",
        lambda stack: stack.resources.pop("IteratorAgeAlarm"),
    ),
    (
        alarm_rules.failures_have_alarms, "no alarm for failed changes",
        lambda stack: stack.resources.pop("FailedChangesAlarm"),
    ),
    (
        alarm_rules.failures_have_alarms, "no alarm for lost changes",
        lambda stack: stack.resources.pop("LostChangesAlarm"),
    ),
    (
        alarm_rules.failures_have_alarms, "failed batches are not counted",
        lambda stack: stack.properties("RecordingsStreamMapping").pop("MetricsConfig"),
    ),
    (
        alarm_rules.throttling_has_alarms, "no alarm for throttled functions",
        lambda stack: stack.resources.pop("ThrottlesAlarm"),
    ),
    (
        alarm_rules.throttling_has_alarms, "no alarm for throttles of a background function",
        lambda stack: stack.properties("BackgroundThrottlesAlarm")["Metrics"].pop(),
    ),
    (
        alarm_rules.throttling_has_alarms, "no alarm for concurrency",
        lambda stack: stack.resources.pop("ConcurrencyAlarm"),
    ),
    (
        alarm_rules.throttling_has_alarms, "a fixed limit of concurrency instead of the quota",
        lambda stack: stack.properties("ConcurrencyAlarm")["Metrics"][0].update(Expression="used / 10"),
    ),
    (
        alarm_rules.failures_have_alarms, "no alarm for errors of a function",
        lambda stack: stack.properties("BackgroundErrorsAlarm")["Metrics"].pop(),
    ),
    (
        alarm_rules.failures_have_alarms, "no alarm for a stalled reconciler",
        lambda stack: stack.resources.pop("ReconcilerStalledAlarm"),
    ),
    (
        alarm_rules.alarms_notify, "missing data is healthy where it must not be",
        lambda stack: stack.properties("ReconcilerStalledAlarm").update(TreatMissingData="notBreaching"),
    ),
    (
        alarm_rules.metrics_have_alarms, "no alarm for suspended hosts",
        lambda stack: stack.resources.pop("CallbackHostsSuspendedAlarm"),
    ),
    (
        alarm_rules.metrics_have_alarms, "no alarm for exhausted callbacks",
        lambda stack: stack.resources.pop("CallbacksExhaustedAlarm"),
    ),
)  # fmt: skip
"""The rule, a description of the change, and the change."""
