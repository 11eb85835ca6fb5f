"""How the template is broken on purpose in what is on its way, and in what somebody hears of it."""

import json
from typing import Any, Final

from tests.template import alarm_rules
from tests.template import background_rules as rules
from tests.template.rules import Break, Rule
from tests.template.translation import Stack, target


def _queue(stack: Stack, **changes: Any) -> None:
    stack.properties("CallbacksQueue").update(changes)


def _stream(stack: Stack, **changes: Any) -> None:
    stack.properties("RecordingsStreamMapping").update(changes)


def _filter(stack: Stack, *forms: str | dict[str, str]) -> None:
    """Let sort keys of these forms through."""
    pattern = {"dynamodb": {"Keys": {"SK": {"S": forms}}}}
    _stream(stack, FilterCriteria={"Filters": [{"Pattern": json.dumps(pattern)}]})


def _slow_sender(stack: Stack) -> None:
    stack.properties("DeliverCallbackFunction").update(Timeout=61)
    _queue(stack, VisibilityTimeout=6 * 61)


def _schedule(stack: Stack, **changes: Any) -> None:
    stack.properties("ReconcileFunctionEveryMinute").update(changes)


def _goal(stack: Stack, **changes: Any) -> None:
    stack.properties("ReconcileFunctionEveryMinute")["Target"].update(changes)


def _variables(stack: Stack, function: str) -> dict[str, Any]:
    variables: dict[str, Any] = stack.properties(function)["Environment"]["Variables"]
    return variables


def _connector(stack: Stack) -> list[dict[str, Any]]:
    statements: list[dict[str, Any]] = stack.properties("ConnectorPolicy")["PolicyDocument"]["Statement"]
    return statements


def _forbid(stack: Stack, function: str, resource: str) -> None:
    """Take away whatever a role allows with a resource."""
    for policy in stack.role(function)["Policies"]:
        document = policy["PolicyDocument"]
        document["Statement"] = [each for each in document["Statement"] if target(each["Resource"]) != resource]


BROKEN: Final[tuple[tuple[Rule, str, Break], ...]] = (
    (rules.queues_keep_order_and_secrets, "no order", lambda stack: _queue(stack, FifoQueue=False)),
    (rules.queues_keep_order_and_secrets, "one order for all", lambda stack: _queue(stack, DeduplicationScope="queue")),
    (rules.queues_keep_order_and_secrets, "clear text", lambda stack: _queue(stack, SqsManagedSseEnabled=False)),
    (rules.queues_keep_order_and_secrets, "four days", lambda stack: _queue(stack, MessageRetentionPeriod=345_600)),
    (
        rules.queues_keep_order_and_secrets, "a name for all stacks",
        lambda stack: _queue(stack, QueueName={"Fn::Sub": "callbacks.fifo"}),
    ),
    (
        rules.queues_keep_order_and_secrets, "one speaks without TLS",
        lambda stack: stack.properties("QueuesPolicy")["Queues"].pop(),
    ),
    (
        rules.queues_keep_order_and_secrets, "TLS for senders alone",
        lambda stack: stack.properties("QueuesPolicy")["PolicyDocument"]["Statement"][0].update(
            Action="sqs:SendMessage"
        ),
    ),
    (
        rules.messages_end_somewhere, "tried for ever",
        lambda stack: stack.properties("MediaCommandsQueue").pop("RedrivePolicy"),
    ),
    (
        rules.messages_end_somewhere, "a grave for two",
        lambda stack: _queue(stack, RedrivePolicy=stack.properties("MediaEventsQueue")["RedrivePolicy"]),
    ),
    (
        rules.messages_end_somewhere, "given up at once",
        lambda stack: stack.properties("CallbacksQueue")["RedrivePolicy"].update(maxReceiveCount=1),
    ),
    (
        rules.messages_end_somewhere, "dead letters are read",
        lambda stack: stack.properties("CallbacksMapping").update(
            EventSourceArn={"Fn::GetAtt": ["CallbacksDeadLetterQueue", "Arn"]}
        ),
    ),
    (rules.messages_wait_for_their_reader, "seen too soon", lambda stack: _queue(stack, VisibilityTimeout=179)),
    (
        rules.messages_wait_for_their_reader, "a reader takes longer",
        lambda stack: stack.properties("IngestMediaEventFunction").update(Timeout=61),
    ),
    (
        rules.messages_wait_for_their_reader, "a lease too short", _slow_sender,
    ),
    (
        rules.readers_tell_what_failed, "all or nothing",
        lambda stack: stack.properties("MediaEventsMapping").pop("FunctionResponseTypes"),
    ),
    (
        rules.readers_tell_what_failed, "callbacks wait for one another",
        lambda stack: stack.properties("CallbacksMapping").update(BatchSize=10),
    ),
    (rules.readers_tell_what_failed, "not read", lambda stack: stack.resources.pop("MediaEventsMapping")),
    (rules.readers_tell_what_failed, "asleep", lambda stack: _stream(stack, Enabled=False)),
    (rules.the_stream_goes_on, "from now on", lambda stack: _stream(stack, StartingPosition="LATEST")),
    (rules.the_stream_goes_on, "all of it again", lambda stack: _stream(stack, BisectBatchOnFunctionError=False)),
    (rules.the_stream_goes_on, "for ever", lambda stack: _stream(stack, MaximumRetryAttempts=-1)),
    (rules.the_stream_goes_on, "until it forgets", lambda stack: _stream(stack, MaximumRecordAgeInSeconds=86_400)),
    (
        rules.the_stream_goes_on, "lost",
        lambda stack: stack.properties("RecordingsStreamMapping").pop("DestinationConfig"),
    ),
    (
        rules.the_stream_goes_on, "a queue, which keeps no records",
        lambda stack: _stream(
            stack, DestinationConfig={"OnFailure": {"Destination": {"Fn::GetAtt": ["CallbacksDeadLetterQueue", "Arn"]}}}
        ),
    ),
    (
        rules.the_stream_goes_on, "no leave to keep it",
        lambda stack: _forbid(stack, "PublishChangesFunction", "FailedBatchesBucket/*"),
    ),
    (
        rules.what_failed_is_forgotten, "kept for ever",
        lambda stack: stack.properties("FailedBatchesBucket").pop("LifecycleConfiguration"),
    ),
    (
        rules.what_failed_is_forgotten, "kept for long",
        lambda stack: stack.properties("FailedBatchesBucket")["LifecycleConfiguration"]["Rules"][0].update(
            ExpirationInDays=31
        ),
    ),
    (
        rules.the_stream_tells_of_resources_alone, "participants are missing",
        lambda stack: _filter(stack, "CALL", "CONF", {"prefix": "REC#"}),
    ),
    (
        rules.the_stream_tells_of_resources_alone, "links come along",
        lambda stack: _filter(stack, {"prefix": "C"}, {"prefix": "PART#"}, {"prefix": "REC#"}),
    ),
    (
        rules.the_clock_calls_the_reconcile, "nobody calls",
        lambda stack: stack.resources.pop("ReconcileFunctionEveryMinute"),
    ),
    (
        rules.the_clock_calls_the_reconcile, "once an hour",
        lambda stack: _schedule(stack, ScheduleExpression="rate(1 hour)"),
    ),
    (rules.the_clock_calls_the_reconcile, "asleep", lambda stack: _schedule(stack, State="DISABLED")),
    (rules.the_clock_calls_the_reconcile, "a name for all stacks", lambda stack: _schedule(stack, Name="reconcile")),
    (
        rules.the_clock_calls_the_reconcile, "somebody else",
        lambda stack: _goal(stack, Arn={"Fn::GetAtt": ["CreateAccountFunction", "Arn"]}),
    ),
    (rules.the_clock_calls_the_reconcile, "an event of its own", lambda stack: _goal(stack, Input='{"most": 1}')),
    (rules.the_clock_calls_the_reconcile, "again and again", lambda stack: _goal(stack, RetryPolicy={})),
    (
        rules.the_clock_calls_the_reconcile, "it may call anything",
        lambda stack: stack.properties("ReconcileFunctionEveryMinuteRole")["Policies"][0]["PolicyDocument"][
            "Statement"
        ][0].update(Resource="*"),
    ),
    (
        rules.the_clock_calls_the_reconcile, "two at once",
        lambda stack: stack.properties("ReconcileFunction").pop("ReservedConcurrentExecutions"),
    ),
    (
        rules.the_clock_calls_the_reconcile, "failed ones pile up",
        lambda stack: stack.properties("ReconcileFunctionEventInvokeConfig").update(MaximumRetryAttempts=2),
    ),
    (
        rules.environments_name_what_is_used, "a bus without a name",
        lambda stack: _variables(stack, "PublishChangesFunction").pop("EVENT_BUS"),
    ),
    (
        rules.environments_name_what_is_used, "a queue for nothing",
        lambda stack: _variables(stack, "ListCallbacksFunction").update(CALLBACKS_QUEUE={"Ref": "CallbacksQueue"}),
    ),
    (
        rules.environments_name_what_is_used, "another queue",
        lambda stack: _variables(stack, "ReplayCallbackFunction").update(CALLBACKS_QUEUE={"Ref": "MediaEventsQueue"}),
    ),
    (
        rules.who_publishes_knows_the_address, "it does not",
        lambda stack: _variables(stack, "ReconcileFunction").pop("PUBLIC_URL"),
    ),
    (
        rules.who_publishes_knows_the_address, "it knows another",
        lambda stack: _variables(stack, "RedriveFailedChangesFunction").update(PUBLIC_URL={"Ref": "PublicUrl"}),
    ),
    (
        rules.a_connector_does_its_part_alone, "it reads media",
        lambda stack: _connector(stack)[2].update(Action=["s3:PutObject", "s3:GetObject"]),
    ),
    (
        rules.a_connector_does_its_part_alone, "it writes over MP3s",
        lambda stack: _connector(stack)[2].update(Resource={"Fn::Sub": "${MediaBucket.Arn}/*"}),
    ),
    (rules.a_connector_does_its_part_alone, "it tells nothing", lambda stack: _connector(stack).pop(1)),
    (
        alarm_rules.failures_are_watched, "dead letters lie unseen",
        lambda stack: stack.resources.pop("MediaCommandsDeadLetterAlarm"),
    ),
    (
        alarm_rules.failures_are_watched, "callbacks wait unseen",
        lambda stack: stack.resources.pop("CallbackQueueAgeAlarm"),
    ),
    (
        alarm_rules.failures_are_watched, "the stream stands still",
        lambda stack: stack.resources.pop("IteratorAgeAlarm"),
    ),
    (
        alarm_rules.failures_are_watched, "changes fail unseen",
        lambda stack: stack.resources.pop("FailedChangesAlarm"),
    ),
    (
        alarm_rules.failures_are_watched, "changes are lost unseen",
        lambda stack: stack.resources.pop("LostChangesAlarm"),
    ),
    (
        alarm_rules.failures_are_watched, "what fails is not counted",
        lambda stack: stack.properties("RecordingsStreamMapping").pop("MetricsConfig"),
    ),
    (
        alarm_rules.failures_are_watched, "one crashes unseen",
        lambda stack: stack.properties("BackgroundErrorsAlarm")["Metrics"].pop(),
    ),
    (
        alarm_rules.failures_are_watched, "nothing is reconciled",
        lambda stack: stack.resources.pop("ReconcilerStalledAlarm"),
    ),
    (
        alarm_rules.alarms_ring, "silence means health where it must not",
        lambda stack: stack.properties("ReconcilerStalledAlarm").update(TreatMissingData="notBreaching"),
    ),
    (
        alarm_rules.metrics_are_watched, "callbacks are given up unseen",
        lambda stack: stack.resources.pop("CallbacksExhaustedAlarm"),
    ),
)  # fmt: skip
"""A rule, in what way the template is broken, and how."""
