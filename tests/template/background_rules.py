"""Rules of background processing: queues, the stream, the schedule and their functions."""

import json
from collections.abc import Iterator
from typing import Any, Final

from tapedeck.adapters.dynamodb import items
from tapedeck.domain.recording import Parent, ParentKind
from tests.template.rules import Rule
from tests.template.translation import Stack, if_true, listed, mentions, target

LEASE_MS: Final = 60_000

RETENTION: Final = 14 * 86_400
"""Seconds: the maximum retention of SQS."""

MAX_RECEIVES: Final = 5
VISIBILITY_FACTOR: Final = 6
"""Minimum ratio of visibility timeout to function timeout, as AWS recommends."""

LANES: Final = {
    "CallbacksQueue": ("CALLBACKS_QUEUE", "CALLBACK_CONCURRENCY", "CallbackConcurrency"),
    "CallbackRetriesQueue": ("CALLBACK_RETRIES_QUEUE", "CALLBACK_RETRY_CONCURRENCY", "CallbackRetryConcurrency"),
}
"""The queues of callbacks: the variables with their URL and concurrency, and the parameter of the latter."""

LANE_VISIBILITY: Final = 90
"""Seconds, three times the sender's timeout: a failed message blocks its group, which recordings share."""

DAY: Final = 86_400
MAX_DAYS: Final = 30
"""Maximum retention of failed batches."""

EVENT_SOURCES: Final = {
    "PublishChangesFunction": [("RecordingsTable", 100)],
    "FinishRecordingFunction": [("FinishingQueue", 1)],
    "DeliverCallbackFunction": [("CallbacksQueue", 1), ("CallbackRetriesQueue", 1)],
}
"""Event sources and their batch sizes of each function."""


STANDARD_QUEUES: Final = frozenset({"EngineCommandsDeadLetterQueue", "FinishingQueue", "FinishingDeadLetterQueue"})
"""Queues that are not FIFO, as their order does not matter, with their dead-letter queues."""

RUNTIME_DEAD_LETTER_QUEUES: Final = {"EngineCommandsDeadLetterQueue": "CreateEngineFunction"}
"""Dead-letter queues of queues outside the template, each with the function that creates those queues."""


def queues_are_fifo_and_encrypted(stack: Stack) -> Iterator[str]:
    """Each queue is FIFO by message group, named after the stack, encrypted, retains for 14 days, and requires TLS.

    Those in `STANDARD_QUEUES` are not FIFO.
    """
    tls_only = {
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
        label, is_fifo = queue.get("QueueName", {}).get("Fn::Sub", ""), name not in STANDARD_QUEUES
        expectations = {
            "FIFO": queue.get("FifoQueue", False) is is_fifo,
            "a name with the stack's prefix": label.startswith("${AWS::StackName}-")
            and label.endswith(".fifo") is is_fifo,
            "groups": (queue.get("DeduplicationScope"), queue.get("FifoThroughputLimit"))
            == (("messageGroup", "perMessageGroupId") if is_fifo else (None, None)),
            "encryption": queue.get("SqsManagedSseEnabled") is True,
            "retention": queue.get("MessageRetentionPeriod") == RETENTION,
            "TLS": name in tls_only,
        }
        yield from (f"{name}: {expectation}" for expectation, is_met in expectations.items() if not is_met)


def queues_have_dead_letter_queues(stack: Stack) -> Iterator[str]:
    """Each queue has a separate dead-letter queue after five receives, which no function reads.

    Those of callbacks share one: what is to be done about a dead callback does not depend on its queue.
    """
    queues = stack.of_type("SQS::Queue")
    taken: list[str] = []
    for name, queue in queues.items():
        if name.endswith("DeadLetterQueue"):
            continue
        redrive = queue.get("RedrivePolicy", {})
        dead_letter_queue = target(redrive.get("deadLetterTargetArn"))
        is_own = dead_letter_queue == "CallbacksDeadLetterQueue" if name in LANES else dead_letter_queue not in taken
        if redrive.get("maxReceiveCount") != MAX_RECEIVES or dead_letter_queue not in queues or not is_own:
            yield f"{name} has the redrive policy {redrive}"
        taken.append(dead_letter_queue)
    for name in queues:
        is_read = any(mentions(each, name) for each in stack.of_type("Lambda::EventSourceMapping").values())
        if name.endswith("DeadLetterQueue") and (
            name not in {*taken, *RUNTIME_DEAD_LETTER_QUEUES} or is_read or "RedrivePolicy" in queues[name]
        ):
            yield f"{name} is not a dead-letter queue"


def visibility_timeouts_exceed_readers(stack: Stack) -> Iterator[str]:
    """Visibility timeouts are six times the reader's timeout, or 90 seconds for callbacks.

    The lease of a delivery is longer than the sender's timeout, and ends before its message returns.
    """
    queues = stack.of_type("SQS::Queue")
    for mapping in stack.of_type("Lambda::EventSourceMapping").values():
        source, function = target(mapping["EventSourceArn"]), target(mapping["FunctionName"])
        timeout = stack.properties(function)["Timeout"]
        visible = queues[source].get("VisibilityTimeout", 30) if source in queues else None
        if visible is None:
            continue
        if visible != LANE_VISIBILITY if source in LANES else visible < VISIBILITY_FACTOR * timeout:
            yield f"{source} may redeliver while {function} runs"
    sender = stack.properties("DeliverCallbackFunction")["Timeout"]
    if not sender * 1000 <= LEASE_MS < LANE_VISIBILITY * 1000:
        yield f"a lease of {LEASE_MS} ms does not fit a sender of {sender} s"


def readers_report_batch_failures(stack: Stack) -> Iterator[str]:
    """Each reader has its event sources and reports failed records individually."""
    found: dict[str, list[Any]] = {}
    for name, mapping in stack.of_type("Lambda::EventSourceMapping").items():
        source = mapping["EventSourceArn"]["Fn::GetAtt"][0]
        found.setdefault(target(mapping["FunctionName"]), []).append((source, mapping.get("BatchSize")))
        if mapping.get("FunctionResponseTypes") != ["ReportBatchItemFailures"]:
            yield f"{name} repeats the whole batch when one record fails"
        if mapping.get("Enabled", True) is not True:
            yield f"{name} is disabled"
    if found != EVENT_SOURCES:
        yield f"event sources are {found}"


def senders_of_callbacks_are_limited(stack: Stack) -> Iterator[str]:
    """Each queue of callbacks has its own number of senders, which every function that queues callbacks knows (C-291).

    Both numbers are at least two, the least that Lambda permits, and together less than the quota of a new AWS account.
    """
    defaults = {name: stack.content["Parameters"][name] for _, _, name in LANES.values()}
    for name, parameter in defaults.items():
        if parameter["MinValue"] != _MIN_CONCURRENCY:
            yield f"{name} may be {parameter['MinValue']}"
    if sum(int(parameter["Default"]) for parameter in defaults.values()) >= _NEW_ACCOUNT_QUOTA:
        yield "callbacks use up the quota of a new AWS account"
    for queue, (url, concurrency, parameter_name) in LANES.items():
        for name, mapping in stack.of_type("Lambda::EventSourceMapping").items():
            limit = mapping.get("ScalingConfig")
            if target(mapping["EventSourceArn"]) == queue and limit != {"MaximumConcurrency": {"Ref": parameter_name}}:
                yield f"{name} is limited by {limit}"
        for function, properties in stack.functions.items():
            variables = properties["Environment"]["Variables"]
            known = variables.get(concurrency), variables.get(url)
            if known not in ((None, None), ({"Ref": parameter_name}, {"Ref": queue})):
                yield f"{function} knows {known} of {queue}"


def retry_windows_agree(stack: Stack) -> Iterator[str]:
    """The function that sends callbacks and the one that postpones them know for how long callbacks are retried."""
    for function in ("DeliverCallbackFunction", "ReconcileFunction"):
        known = stack.properties(function)["Environment"]["Variables"].get("CALLBACK_RETRY_HOURS")
        if known != {"Ref": "CallbackRetryHours"}:
            yield f"{function} retries for {known}"


_MIN_CONCURRENCY: Final = 2
_NEW_ACCOUNT_QUOTA: Final = 10


def stream_failures_are_bounded(stack: Stack) -> Iterator[str]:
    """The stream is read from its start; a failed batch is bisected, retried a limited number of times, and stored."""
    for name, mapping in stack.of_type("Lambda::EventSourceMapping").items():
        if "StartingPosition" not in mapping:
            continue
        destination = target(mapping.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination"))
        function = target(mapping["FunctionName"])
        expectations = {
            "the recordings table": mapping["EventSourceArn"] == {"Fn::GetAtt": ["RecordingsTable", "StreamArn"]},
            "from the start": mapping["StartingPosition"] == "TRIM_HORIZON",
            "bisection": mapping.get("BisectBatchOnFunctionError") is True,
            "limited retries": 0 <= mapping.get("MaximumRetryAttempts", -1) <= 100,
            "within the stream's retention": 0 < mapping.get("MaximumRecordAgeInSeconds", -1) < DAY,
            "a bucket for failed batches": destination in stack.of_type("S3::Bucket"),
            "permission to write it": (
                "s3:PutObject" in _granted(stack, function).get(f"{destination}/*", set())
                and "s3:ListBucket" in _granted(stack, function).get(destination, set())
            ),
        }
        yield from (f"{name}: {expectation}" for expectation, is_met in expectations.items() if not is_met)


def failed_batches_expire(stack: Stack) -> Iterator[str]:
    """Failed batches expire after at most 30 days: they contain customer data."""
    rules = stack.properties("FailedBatchesBucket").get("LifecycleConfiguration", {}).get("Rules", [])
    days = [rule["ExpirationInDays"] for rule in rules if rule["Status"] == "Enabled" and "ExpirationInDays" in rule]
    if not days or min(days) > MAX_DAYS:
        yield f"failed batches expire after {days} days"


def empty_objects_expire(stack: Stack) -> Iterator[str]:
    """Objects that stand in place of captures expire after exactly one day, and nothing with content does so early."""
    rules = stack.properties("MediaBucket").get("LifecycleConfiguration", {}).get("Rules", [])
    expiry = {
        rule["Id"]: (rule["Status"], rule["ExpirationInDays"], rule.get("ObjectSizeLessThan"))
        for rule in rules
        if "ExpirationInDays" in rule
    }
    if expiry.pop("empty", None) != ("Enabled", 1, "1"):
        yield "empty objects of the media bucket do not expire after a day"
    if any(size is not None for _, _, size in expiry.values()):
        yield f"another rule selects objects by their size: {expiry}"


def stream_filter_selects_resources(stack: Stack) -> Iterator[str]:
    """The stream filter passes calls, conferences, participants and recordings, but no other items."""
    for name, mapping in stack.of_type("Lambda::EventSourceMapping").items():
        if "StartingPosition" not in mapping:
            continue
        (only,) = mapping["FilterCriteria"]["Filters"]
        patterns = json.loads(only["Pattern"])["dynamodb"]["Keys"]["SK"]["S"]
        for sort_key, is_selected in _SORT_KEYS.items():
            if is_selected != any(_matches(sort_key, pattern) for pattern in patterns):
                yield f"{name} {'drops' if is_selected else 'passes'} {sort_key}"


def _matches(text: str, pattern: str | dict[str, str]) -> bool:
    return text == pattern if isinstance(pattern, str) else text.startswith(pattern["prefix"])


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
"""Sample sort keys of the table, and whether the stream filter passes their items."""


def schedule_invokes_the_reconciler(stack: Stack) -> Iterator[str]:
    """The schedule invokes only the reconciler, once a minute, with an empty event and without retries."""
    schedules = stack.of_type("Scheduler::Schedule")
    if len(schedules) != 1:
        yield f"schedules {sorted(schedules)}"
    for name, schedule in schedules.items():
        schedule_target = schedule["Target"]
        expectations = {
            "once a minute": schedule["ScheduleExpression"] == "rate(1 minute)",
            "enabled": schedule.get("State", "ENABLED") == "ENABLED",
            "no name": "Name" not in schedule,
            "the reconciler": schedule_target["Arn"] == {"Fn::GetAtt": ["ReconcileFunction", "Arn"]},
            "an empty event": schedule_target.get("Input") == "{}",
            "no retry": schedule_target.get("RetryPolicy", {}).get("MaximumRetryAttempts") == 0,
        }
        yield from (f"{name}: {expectation}" for expectation, is_met in expectations.items() if not is_met)
        role = stack.properties(target(schedule_target["RoleArn"]))
        statements = [each for policy in role["Policies"] for each in policy["PolicyDocument"]["Statement"]]
        if statements != [{"Action": "lambda:InvokeFunction", "Effect": "Allow", "Resource": schedule_target["Arn"]}]:
            yield f"{name} may {statements}"
    concurrency = stack.properties("ReconcileFunction").get("ReservedConcurrentExecutions")
    if concurrency != {"Fn::If": ["IsReconcilerConcurrencyReserved", 1, {"Ref": "AWS::NoValue"}]}:
        yield f"reconciler concurrency: {concurrency}"
    if stack.content["Parameters"]["ReserveReconcilerConcurrency"]["Default"] != "false":
        yield "a new AWS account, which cannot reserve concurrency, cannot deploy the template"
    if stack.properties("ReconcileFunctionEventInvokeConfig")["MaximumRetryAttempts"] != 0:
        yield "a failed reconciler run is retried in parallel to the next one"


def conversions_leave_room(stack: Stack) -> Iterator[str]:
    """Conversions use half of a new account's concurrency of 10 at most, unless a parameter allows more."""
    limit = stack.properties("FinishingMapping").get("ScalingConfig", {}).get("MaximumConcurrency")
    default = stack.content["Parameters"]["FinishingConcurrency"]["Default"]
    if limit != {"Ref": "FinishingConcurrency"} or default != 5:
        yield f"conversions have the limit {limit}, by default {default}"
    reserved = [name for name, properties in stack.functions.items() if "ReservedConcurrentExecutions" in properties]
    if reserved != ["ReconcileFunction"]:
        yield f"concurrency is reserved for {reserved}"


def retained_resources_have_no_fixed_names(stack: Stack) -> Iterator[str]:
    """What stays after the stack's deletion or a failed creation cannot collide with a second stack of this name."""
    fixed = {"BucketName", "TableName", "AliasName", "QueueName", "TopicName", "Name", "FunctionName", "RoleName"}
    for name, resource in stack.resources.items():
        if resource.get("DeletionPolicy") == "Retain":
            yield from (f"{name} has a fixed {each}" for each in sorted(fixed & resource["Properties"].keys()))


def domain_events_are_opt_in(stack: Stack) -> Iterator[str]:
    """Without `PublishDomainEvents` there is no bus, no right to it, and no function that knows it (C-331)."""
    if stack.content["Parameters"]["PublishDomainEvents"]["Default"] != "false":
        yield "domain events are published by default"
    condition = "AreDomainEventsPublished"
    if stack.resources["EventBus"].get("Condition") != condition:
        yield "the bus always exists"
    if stack.content["Outputs"]["EventBusName"].get("Condition") != condition:
        yield "the output always exists"
    for function, properties in stack.functions.items():
        variable = properties["Environment"]["Variables"].get("EVENT_BUS")
        if variable not in (None, {"Fn::If": [condition, {"Ref": "EventBus"}, ""]}):
            yield f"{function} always knows the bus"
        for policy in stack.role(function).get("Policies", []):
            for statement in policy["PolicyDocument"]["Statement"]:
                is_conditional = statement.get("Fn::If", [""])[0] == condition
                if mentions(statement, "EventBus") and not is_conditional:
                    yield f"{function} always may publish"


def environments_match_roles(stack: Stack) -> Iterator[str]:
    """A function's variables name exactly the queues, buses, buckets and keys that its role grants to its code."""
    kinds = {"SQS::Queue", "Events::EventBus", "S3::Bucket", "KMS::Key"}
    resources = {name for kind in kinds for name in stack.of_type(kind)}
    for function, properties in stack.functions.items():
        variables = properties["Environment"]["Variables"].values()
        named = {target(if_true(value)) for value in variables} & resources
        # The redrive policy of a new queue names its dead-letter queue, which needs no right to it.
        named -= {queue for queue, creator in RUNTIME_DEAD_LETTER_QUEUES.items() if creator == function}
        granted = {resource.partition("/")[0] for resource in _granted(stack, function)} & resources
        granted -= {
            resource_id
            for mapping in stack.of_type("Lambda::EventSourceMapping").values()
            if target(mapping["FunctionName"]) == function
            for resource_id in resources
            if mentions(mapping, resource_id)
        }
        if named != granted:
            yield f"{function} names {sorted(named)} and may use {sorted(granted)}"


def publishers_know_the_public_url(stack: Stack) -> Iterator[str]:
    """A function that sends engine commands also queues callbacks, which contain the API's URL.

    The function that opens an engine's session sends only commands, and so do those whose requests wait for an engine.
    The one that requests instructions needs the URL for the recordings that it names.
    """
    known = {"Fn::If": ["HasPublicUrl", {"Ref": "PublicUrl"}, {"Fn::GetAtt": ["Api", "ApiEndpoint"]}]}
    for function, properties in stack.functions.items():
        variables = properties["Environment"]["Variables"]
        sends_only = "ENGINE_ROLE" in variables or "CONFIRM_UPDATES" in variables
        publishes = "ENGINE_QUEUE_PREFIX" in variables and not sends_only
        needs_url = publishes or function == "FetchDocumentFunction"
        if (variables.get("PUBLIC_URL") == known) != needs_url or (publishes and "CALLBACKS_QUEUE" not in variables):
            yield f"{function} publishes: {publishes}, but knows {sorted(variables)}"


def only_one_function_lends_the_role_of_engines(stack: Stack) -> Iterator[str]:
    """Only the function that opens sessions may assume the role of engines, by a reference to its role.

    CloudFormation shortens the names of roles if the name of the stack is long, so that no pattern of a name is safe.
    """
    lender = stack.properties("OpenEngineSessionFunction")["Role"]
    trusted = [{"Effect": "Allow", "Principal": {"AWS": lender}, "Action": "sts:AssumeRole"}]
    trust = stack.properties("EngineRole")["AssumeRolePolicyDocument"]["Statement"]
    if trust != trusted:
        yield f"the role of engines trusts {trust}"


def publishers_send_to_the_queues_of_engines(stack: Stack) -> Iterator[str]:
    """Exactly the functions that know the URL of these queues may send to them, and their names begin alike."""
    url = {"Fn::Sub": "https://sqs.${AWS::Region}.${AWS::URLSuffix}/${AWS::AccountId}/${AWS::StackName}_engine_"}
    queues = {"Fn::Sub": "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:${AWS::StackName}_engine_*"}
    for function, properties in stack.functions.items():
        given = properties["Environment"]["Variables"].get("ENGINE_QUEUE_PREFIX")
        may_send = any(
            queues in listed(statement["Resource"]) and "sqs:SendMessage" in listed(statement["Action"])
            for statement in stack.statements(function)
        )
        if given not in (None, url) or may_send != (given is not None):
            yield f"{function} has the URL {given} and may send: {may_send}"


def the_reconciler_reads_no_credentials(stack: Stack) -> Iterator[str]:
    """Of the table of credentials, the reconciler reads only the item with the names of the engines (C-268)."""
    allowed = [
        statement
        for statement in stack.statements("ReconcileFunction")
        if "CredentialsTable" in map(target, listed(statement["Resource"]))
    ]
    expected = {
        "Effect": "Allow",
        "Action": "dynamodb:GetItem",
        "Resource": {"Fn::GetAtt": ["CredentialsTable", "Arn"]},
        "Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["LIST#ENGINES"]}},
    }
    if allowed != [expected]:
        yield f"the reconciler may use {allowed}"


def the_list_of_unsettled_queries_no_account(stack: Stack) -> Iterator[str]:
    """Of the table itself, list_unsettled queries only the presence of engines; it finds items by the index (C-314)."""
    queries = [
        statement
        for statement in stack.statements("ListUnsettledFunction")
        if "dynamodb:Query" in listed(statement["Action"]) and target(statement["Resource"]) == "RecordingsTable"
    ]
    expected = {
        "Effect": "Allow",
        "Action": "dynamodb:Query",
        "Resource": {"Fn::GetAtt": ["RecordingsTable", "Arn"]},
        "Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["ENGINES"]}},
    }
    if queries != [expected]:
        yield f"list_unsettled may query {queries}"


def uploads_cannot_overwrite(stack: Stack) -> Iterator[str]:
    """A URL that open_upload signs stores captures only, and none in place of another one (C-212)."""
    writes = [each for each in stack.statements("OpenUploadFunction") if "s3:PutObject" in listed(each["Action"])]
    expected = {
        "Effect": "Allow",
        "Action": "s3:PutObject",
        "Resource": {"Fn::Sub": "${MediaBucket.Arn}/*/capture.wav"},
        "Condition": {"Null": {"s3:if-none-match": "false"}},
    }
    if writes != [expected]:
        yield f"open_upload may sign {writes}"


def readers_change_only_what_they_make(stack: Stack) -> Iterator[str]:
    """A function that answers GET may write and delete no audio but mono renditions, which it can make again."""
    for function in {function for (method, _), function in stack.routes().items() if method == "GET"}:
        for resource, actions in _granted(stack, function).items():
            is_audio = resource.startswith("MediaBucket/") and resource != "MediaBucket/*/mono.*"
            if is_audio and actions - {"s3:GetObject"}:
                yield f"{function} may {sorted(actions)} on {resource}"


def _granted(stack: Stack, function: str) -> dict[str, set[str]]:
    """Return the actions that a function's role allows, by resource."""
    granted: dict[str, set[str]] = {}
    for statement in stack.statements(function):
        for resource in listed(statement["Resource"]):
            granted.setdefault(target(resource), set()).update(listed(statement["Action"]))
    return granted


RULES: Final[tuple[Rule, ...]] = (
    queues_are_fifo_and_encrypted,
    queues_have_dead_letter_queues,
    visibility_timeouts_exceed_readers,
    readers_report_batch_failures,
    senders_of_callbacks_are_limited,
    stream_failures_are_bounded,
    failed_batches_expire,
    empty_objects_expire,
    stream_filter_selects_resources,
    schedule_invokes_the_reconciler,
    conversions_leave_room,
    retained_resources_have_no_fixed_names,
    domain_events_are_opt_in,
    retry_windows_agree,
    environments_match_roles,
    publishers_know_the_public_url,
    only_one_function_lends_the_role_of_engines,
    publishers_send_to_the_queues_of_engines,
    the_reconciler_reads_no_credentials,
    the_list_of_unsettled_queries_no_account,
    uploads_cannot_overwrite,
    readers_change_only_what_they_make,
)
