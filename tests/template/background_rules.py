"""What the translated template promises of what is on its way: queues, a stream, a clock, and who works for them."""

import json
from collections.abc import Iterator
from typing import Any, Final

from tapedeck.adapters.dynamodb import items
from tapedeck.background.webhook_delivery import LEASE_MS
from tapedeck.domain.recording import Parent, ParentKind
from tapedeck.operations.media import object_key
from tests.template.rules import Rule
from tests.template.translation import Stack, listed, mentions, target

RETENTION: Final = 14 * 86_400
"""Seconds: the longest that SQS keeps a message."""

MAX_RECEIVES: Final = 5
OUTLASTS: Final = 6
"""How often a function may run into its timeout before its messages are seen by somebody else, as AWS advises."""

DAY: Final = 86_400
MAX_DAYS: Final = 30
"""For which what failed is kept."""

FED: Final = {
    "PublishChangesFunction": ("RecordingsTable", 100),
    "IngestMediaEventFunction": ("MediaEventsQueue", 10),
    "DeliverCallbackFunction": ("CallbacksQueue", 1),
}
"""Where each function gets its records, and how many at a time."""


def queues_keep_order_and_secrets(stack: Stack) -> Iterator[str]:
    """Each is FIFO by group, named after the stack, encrypted, keeps messages for two weeks, and speaks TLS alone."""
    guarded = {
        target(queue)
        for policy in stack.of_type("SQS::QueuePolicy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        if statement
        == {
            "Sid": "OnlyTls",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "sqs:*",
            "Resource": "*",
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
        for queue in policy["Queues"]
    }
    for name, queue in stack.of_type("SQS::Queue").items():
        label = queue.get("QueueName", {}).get("Fn::Sub", "")
        promises = {
            "order": queue.get("FifoQueue") is True,
            "a name of the stack's own": label.startswith("${AWS::StackName}-") and label.endswith(".fifo"),
            "groups": (queue.get("DeduplicationScope"), queue.get("FifoThroughputLimit"))
            == ("messageGroup", "perMessageGroupId"),
            "encryption": queue.get("SqsManagedSseEnabled") is True,
            "retention": queue.get("MessageRetentionPeriod") == RETENTION,
            "TLS": name in guarded,
        }
        yield from (f"{name}: {promise}" for promise, is_kept in promises.items() if not is_kept)


def messages_end_somewhere(stack: Stack) -> Iterator[str]:
    """What fails five times goes to a queue of dead letters of its own, which nothing reads but an operator."""
    queues = stack.of_type("SQS::Queue")
    graves: list[str] = []
    for name, queue in queues.items():
        if name.endswith("DeadLetterQueue"):
            continue
        redrive = queue.get("RedrivePolicy", {})
        grave = target(redrive.get("deadLetterTargetArn"))
        if redrive.get("maxReceiveCount") != MAX_RECEIVES or grave not in queues or grave in graves:
            yield f"{name} ends in {redrive}"
        graves.append(grave)
    for name in queues:
        is_read = any(mentions(each, name) for each in stack.of_type("Lambda::EventSourceMapping").values())
        if name.endswith("DeadLetterQueue") and (name not in graves or is_read or "RedrivePolicy" in queues[name]):
            yield f"{name} is no queue of dead letters"


def messages_wait_for_their_reader(stack: Stack) -> Iterator[str]:
    """Nobody else sees a message before six times its reader's timeout; the sender's lease outlasts the sender."""
    queues = stack.of_type("SQS::Queue")
    for mapping in stack.of_type("Lambda::EventSourceMapping").values():
        source, function = target(mapping["EventSourceArn"]), target(mapping["FunctionName"])
        timeout = stack.properties(function)["Timeout"]
        if source in queues and queues[source].get("VisibilityTimeout", 30) < OUTLASTS * timeout:
            yield f"{source} shows what {function} may be at"
    sender = stack.properties("DeliverCallbackFunction")["Timeout"]
    if not sender * 1000 <= LEASE_MS <= queues["CallbacksQueue"].get("VisibilityTimeout", 30) * 1000:
        yield f"a lease of {LEASE_MS} ms does not fit a sender of {sender} s"


def readers_tell_what_failed(stack: Stack) -> Iterator[str]:
    """Each function that is fed has one source, and reports the records that failed, so that others are done once."""
    found: dict[str, list[Any]] = {}
    for name, mapping in stack.of_type("Lambda::EventSourceMapping").items():
        source = mapping["EventSourceArn"]["Fn::GetAtt"][0]
        found.setdefault(target(mapping["FunctionName"]), []).append((source, mapping.get("BatchSize")))
        if mapping.get("FunctionResponseTypes") != ["ReportBatchItemFailures"]:
            yield f"{name} does all again where one fails"
        if mapping.get("Enabled", True) is not True:
            yield f"{name} is asleep"
    expected = {function: [feed] for function, feed in FED.items()}
    if found != expected:
        yield f"fed are {found}"


def the_stream_goes_on(stack: Stack) -> Iterator[str]:
    """It is read from its beginning; what fails is cut in two, tried a bounded number of times, and kept whole."""
    for name, mapping in stack.of_type("Lambda::EventSourceMapping").items():
        if "StartingPosition" not in mapping:
            continue
        destination = target(mapping.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination"))
        function = target(mapping["FunctionName"])
        promises = {
            "its own table": mapping["EventSourceArn"] == {"Fn::GetAtt": ["RecordingsTable", "StreamArn"]},
            "from the beginning": mapping["StartingPosition"] == "TRIM_HORIZON",
            "in halves": mapping.get("BisectBatchOnFunctionError") is True,
            "not for ever": 0 <= mapping.get("MaximumRetryAttempts", -1) <= 100,
            "before the stream forgets": 0 < mapping.get("MaximumRecordAgeInSeconds", -1) < DAY,
            "a bucket for what fails": destination in stack.of_type("S3::Bucket"),
            "leave to put it there": (
                "s3:PutObject" in _granted(stack, function).get(f"{destination}/*", set())
                and "s3:ListBucket" in _granted(stack, function).get(destination, set())
            ),
        }
        yield from (f"{name}: {promise}" for promise, is_kept in promises.items() if not is_kept)


def what_failed_is_forgotten(stack: Stack) -> Iterator[str]:
    """Whole records lie in the bucket of failures for at most a month: they hold what customers entrust."""
    rules = stack.properties("FailedBatchesBucket").get("LifecycleConfiguration", {}).get("Rules", [])
    days = [rule["ExpirationInDays"] for rule in rules if rule["Status"] == "Enabled" and "ExpirationInDays" in rule]
    if not days or min(days) > MAX_DAYS:
        yield f"it expires after {days}"


def the_stream_tells_of_resources_alone(stack: Stack) -> Iterator[str]:
    """Calls, conferences, participants and recordings come through its filter; rows, names and claims do not."""
    for name, mapping in stack.of_type("Lambda::EventSourceMapping").items():
        if "StartingPosition" not in mapping:
            continue
        (only,) = mapping["FilterCriteria"]["Filters"]
        wanted = json.loads(only["Pattern"])["dynamodb"]["Keys"]["SK"]["S"]
        for sort_key, is_told in _SORT_KEYS.items():
            if is_told != any(_fits(sort_key, form) for form in wanted):
                yield f"{name} {'misses' if is_told else 'tells'} {sort_key}"


def _fits(text: str, form: str | dict[str, str]) -> bool:
    return text == form if isinstance(form, str) else text.startswith(form["prefix"])


_ID: Final = "0" * 32
_SORT_KEYS: Final = {
    items.call_key(_ID, _ID)["SK"]: True,
    items.conference_key(_ID, _ID)["SK"]: True,
    items.participant_key(_ID, _ID, _ID)["SK"]: True,
    items.recording_key(Parent(_ID, ParentKind.CALL, _ID), _ID)["SK"]: True,
    items.list_entry_key(_ID, "RECS", _ID)["SK"]: False,
    items.label_key(_ID, _ID, "label")["SK"]: False,
    items.shown_recording_key(_ID, _ID, _ID)["SK"]: False,
    "LIVE": False,
    "00000001.completed": False,
}
"""The forms of sort keys in the table, and whether somebody hears of what lies there."""


def the_clock_calls_the_reconcile(stack: Stack) -> Iterator[str]:
    """Once a minute, with an event that says nothing, never twice for one minute; and it may call nothing else."""
    schedules = stack.of_type("Scheduler::Schedule")
    if len(schedules) != 1:
        yield f"schedules {sorted(schedules)}"
    for name, schedule in schedules.items():
        goal = schedule["Target"]
        promises = {
            "once a minute": schedule["ScheduleExpression"] == "rate(1 minute)",
            "awake": schedule.get("State", "ENABLED") == "ENABLED",
            "no name": "Name" not in schedule,
            "the reconciler": goal["Arn"] == {"Fn::GetAtt": ["ReconcileFunction", "Arn"]},
            "nothing to say": goal.get("Input") == "{}",
            "no repetition": goal.get("RetryPolicy", {}).get("MaximumRetryAttempts") == 0,
        }
        yield from (f"{name}: {promise}" for promise, is_kept in promises.items() if not is_kept)
        role = stack.properties(target(goal["RoleArn"]))
        statements = [each for policy in role["Policies"] for each in policy["PolicyDocument"]["Statement"]]
        if statements != [{"Action": "lambda:InvokeFunction", "Effect": "Allow", "Resource": goal["Arn"]}]:
            yield f"{name} may {statements}"
    alone = stack.properties("ReconcileFunction").get("ReservedConcurrentExecutions")
    if alone != {"Fn::If": ["IsSingleShardReconciler", 1, {"Ref": "AWS::NoValue"}]}:
        yield f"reconciler runs at once: {alone}"
    if stack.properties("ReconcileFunctionEventInvokeConfig")["MaximumRetryAttempts"] != 0:
        yield "a reconcile that failed is done again beside the next one"


def environments_name_what_is_used(stack: Stack) -> Iterator[str]:
    """A function's variables name the queues, buses, buckets and keys that its role opens to its code, and no other."""
    kinds = {"SQS::Queue", "Events::EventBus", "S3::Bucket", "KMS::Key"}
    things = {name for kind in kinds for name in stack.of_type(kind)}
    for function, properties in stack.functions.items():
        variables = properties["Environment"]["Variables"].values()
        named = {target(value) for value in variables} & things
        ours = {resource.partition("/")[0] for resource in _granted(stack, function)} & things
        ours -= {
            thing
            for mapping in stack.of_type("Lambda::EventSourceMapping").values()
            if target(mapping["FunctionName"]) == function
            for thing in things
            if mentions(mapping, thing)
        }
        if named != ours:
            yield f"{function} names {sorted(named)} and may use {sorted(ours)}"


def who_publishes_knows_the_address(stack: Stack) -> Iterator[str]:
    """Whoever asks a media engine for something also writes callbacks, which point at the API's address."""
    known = {"Fn::If": ["KnowsItsUrl", {"Ref": "PublicUrl"}, {"Fn::GetAtt": ["Api", "ApiEndpoint"]}]}
    for function, properties in stack.functions.items():
        variables = properties["Environment"]["Variables"]
        publishes = "COMMANDS_QUEUE" in variables
        if (variables.get("PUBLIC_URL") == known) != publishes or (publishes and "CALLBACKS_QUEUE" not in variables):
            yield f"{function} publishes: {publishes}, but knows {sorted(variables)}"


def a_connector_does_its_part_alone(stack: Stack) -> Iterator[str]:
    """It takes commands, tells events, puts captures where commands say; nothing else of the stack is open to it."""
    (policy,) = stack.of_type("IAM::ManagedPolicy").values()
    found = {
        (action, target(resource))
        for statement in policy["PolicyDocument"]["Statement"]
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    }
    takes = ("ChangeMessageVisibility", "DeleteMessage", "GetQueueAttributes", "ReceiveMessage")
    captures = object_key("account", "recording").rpartition("/")[2]
    expected = {
        *((f"sqs:{action}", "MediaCommandsQueue") for action in takes),
        ("sqs:SendMessage", "MediaEventsQueue"),
        ("s3:PutObject", f"MediaBucket/*/{captures}"),
    }
    yield from (f"a connector may {' on '.join(each)}" for each in sorted(found - expected))
    yield from (f"a connector may not {' on '.join(each)}" for each in sorted(expected - found))


def _granted(stack: Stack, function: str) -> dict[str, set[str]]:
    """What a function's role allows, by resource."""
    granted: dict[str, set[str]] = {}
    for statement in stack.statements(function):
        for resource in listed(statement["Resource"]):
            granted.setdefault(target(resource), set()).update(listed(statement["Action"]))
    return granted


RULES: Final[tuple[Rule, ...]] = (
    queues_keep_order_and_secrets,
    messages_end_somewhere,
    messages_wait_for_their_reader,
    readers_tell_what_failed,
    the_stream_goes_on,
    what_failed_is_forgotten,
    the_stream_tells_of_resources_alone,
    the_clock_calls_the_reconcile,
    environments_name_what_is_used,
    who_publishes_knows_the_address,
    a_connector_does_its_part_alone,
)
