"""The template keeps its rules after translation, and each rule notices when it is broken (rule R20)."""

from typing import Any, Final

import pytest

from tests.client import ROOT
from tests.template import alarm_rules, background_rules, broken_background, rules
from tests.template.rules import Break, Rule
from tests.template.translation import REGION, Stack, target

RULES: Final = (*rules.RULES, *background_rules.RULES, *alarm_rules.RULES)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_template_keeps_the_rule(rule: Rule) -> None:
    """The rule finds nothing wrong with the translated template."""
    assert list(rule(Stack())) == []


def _statement(stack: Stack, function: str, resource: str) -> dict[str, Any]:
    return next(each for each in stack.statements(function) if target(each["Resource"]) == resource)


def _paths(stack: Stack) -> dict[str, Any]:
    paths: dict[str, Any] = stack.properties("Api")["Body"]["paths"]
    return paths


def _variables(stack: Stack, function: str) -> dict[str, Any]:
    variables: dict[str, Any] = stack.properties(function)["Environment"]["Variables"]
    return variables


def _rename(stack: Stack, old: str, new: str) -> None:
    _paths(stack)[new] = _paths(stack).pop(old)


def _add(stack: Stack, kind: str, **properties: Any) -> None:
    stack.resources["Added"] = {"Type": f"AWS::{kind}", "Properties": properties}


def _log(stack: Stack, variable: str) -> None:
    stack.properties(_STAGE)["AccessLogSettings"]["Format"] += f"$context.{variable}"


_STAGE: Final = "ApiApiGatewayDefaultStage"
_CALL: Final = "/2010-04-01/Accounts/{AccountSid}/Calls/{CallSid}"
_KEY: Final = {"Fn::GetAtt": ["SigningKey", "Arn"]}

BROKEN: Final[tuple[tuple[Rule, str, Break], ...]] = (
    (
        rules.policies_name_what_they_grant, "an action with a wildcard",
        lambda stack: _statement(stack, "GetCallFunction", "RecordingsTable").update(Action=["dynamodb:Get*"]),
    ),
    (
        rules.policies_name_what_they_grant, "any resource",
        lambda stack: _statement(stack, "GetCallFunction", "RecordingsTable").update(Resource="*"),
    ),
    (
        rules.policies_name_what_they_grant, "everything under an ARN",
        lambda stack: _statement(stack, "GetCallFunction", "RecordingsTable").update(
            Resource={"Fn::Sub": "${RecordingsTable.Arn}/*"}
        ),
    ),
    (
        rules.policies_name_what_they_grant, "all actions but one",
        lambda stack: _statement(stack, "GetCallFunction", "RecordingsTable").update(NotAction="dynamodb:PutItem"),
    ),
    (
        rules.policies_name_what_they_grant, "a managed policy",
        lambda stack: stack.role("GetCallFunction")["ManagedPolicyArns"].append("arn:aws:iam::aws:policy/ReadOnly"),
    ),
    (rules.routes_are_those_of_the_edge, "a route is gone", lambda stack: _paths(stack).pop(_CALL)),
    (rules.routes_are_those_of_the_edge, "no $default", lambda stack: _paths(stack).pop("/$default")),
    (
        rules.routes_are_those_of_the_edge, "a route more",
        lambda stack: _paths(stack).update({"/admin": _paths(stack)[_CALL]}),
    ),
    (
        rules.routes_are_those_of_the_edge, "another method",
        lambda stack: _paths(stack)[_CALL].update(put=_paths(stack)[_CALL].pop("get")),
    ),
    (
        rules.routes_are_those_of_the_edge, "a collection without .json",
        lambda stack: _paths(stack).pop(f"{_CALL}/Recordings.json"),
    ),
    (
        rules.a_function_has_one_route, "behind another's route",
        lambda stack: _paths(stack)[_CALL].update(get=_paths(stack)[f"{_CALL}/Recordings"]["post"]),
    ),
    (
        rules.the_api_may_call_what_its_routes_name, "a permission is gone",
        lambda stack: stack.resources.pop("GetCallFunctionTwilioPermission"),
    ),
    (
        rules.the_api_may_call_what_its_routes_name, "a permission for all that API Gateway calls",
        lambda stack: stack.properties("GetCallFunctionTwilioPermission").pop("SourceArn"),
    ),
    (
        rules.the_api_may_call_what_its_routes_name, "a permission for everybody",
        lambda stack: stack.properties("GetCallFunctionTwilioPermission").update(Principal="*"),
    ),
    (rules.routes_can_be_deployed, "a suffix on a variable", lambda stack: _rename(stack, _CALL, f"{_CALL}.json")),
    (
        rules.routes_can_be_deployed, "two names for one place",
        lambda stack: _rename(stack, _CALL, _CALL.replace("{CallSid}", "{Sid}")),
    ),
    (
        rules.who_makes_credentials_has_no_door, "a route that may write credentials",
        lambda stack: _statement(stack, "GetCallFunction", "CredentialsTable").update(Action="dynamodb:PutItem"),
    ),
    (
        rules.who_makes_credentials_has_no_door, "a queue before it",
        lambda stack: _add(stack, "Lambda::EventSourceMapping", FunctionName={"Ref": "RotateAuthTokenFunction"}),
    ),
    (
        rules.who_makes_credentials_has_no_door, "a schedule",
        lambda stack: _add(stack, "Events::Rule", Targets=[{"Arn": {"Fn::Sub": "${IssueApiKeyFunction.Arn}"}}]),
    ),
    (
        rules.who_makes_credentials_has_no_door, "a route that may seal",
        lambda stack: _statement(stack, "DeliverCallbackFunction", "SigningKey").update(Action="kms:Encrypt"),
    ),
    (
        rules.who_opens_secrets_sends_callbacks, "another opens them",
        lambda stack: _statement(stack, "ListCallbacksFunction", "RecordingsTable").update(
            Action="kms:Decrypt", Resource=_KEY
        ),
    ),
    (
        rules.who_opens_secrets_sends_callbacks, "nobody opens them",
        lambda stack: _statement(stack, "DeliverCallbackFunction", "SigningKey").update(Action="kms:Encrypt"),
    ),
    (
        rules.who_opens_secrets_sends_callbacks, "a schedule",
        lambda stack: _add(stack, "Scheduler::Schedule", Target={"Arn": {"Ref": "DeliverCallbackFunction"}}),
    ),
    (
        rules.who_opens_secrets_sends_callbacks, "another queue",
        lambda stack: stack.properties("CallbacksMapping").update(
            EventSourceArn={"Fn::GetAtt": ["MediaEventsQueue", "Arn"]}
        ),
    ),
    (
        rules.routed_functions_never_meet_the_key, "in its role",
        lambda stack: _statement(stack, "GetCallFunction", "RecordingsTable").update(Resource=_KEY),
    ),
    (
        rules.routed_functions_never_meet_the_key, "in its environment",
        lambda stack: _variables(stack, "DefaultFunction").update(SIGNING_KMS_KEY_ID=_KEY),
    ),
    (
        rules.the_key_is_named_where_it_is_used, "without use",
        lambda stack: _variables(stack, "IssueApiKeyFunction").update(SIGNING_KMS_KEY_ID=_KEY),
    ),
    (
        rules.the_key_is_named_where_it_is_used, "opened without a name",
        lambda stack: _variables(stack, "DeliverCallbackFunction").pop("SIGNING_KMS_KEY_ID"),
    ),
    (
        rules.the_key_is_named_where_it_is_used, "without a name",
        lambda stack: _variables(stack, "CreateAccountFunction").pop("SIGNING_KMS_KEY_ID"),
    ),
    (rules.nothing_is_public, "a function's URL", lambda stack: _add(stack, "Lambda::Url", AuthType="NONE")),
    (
        rules.nothing_is_public, "a key for everybody",
        lambda stack: stack.properties("SigningKey")["KeyPolicy"]["Statement"][0].update(Principal={"AWS": "*"}),
    ),
    (rules.nothing_is_public, "a bucket without its locks", lambda stack: _add(stack, "S3::Bucket")),
    (
        rules.buckets_are_kept_close, "clear text",
        lambda stack: stack.properties("MediaBucket").pop("BucketEncryption"),
    ),
    (
        rules.buckets_are_kept_close, "versions",
        lambda stack: stack.properties("MediaBucket").update(VersioningConfiguration={"Status": "Enabled"}),
    ),
    (
        rules.buckets_are_kept_close, "locked objects",
        lambda stack: stack.properties("MediaBucket").update(ObjectLockEnabled=True),
    ),
    (
        rules.buckets_are_kept_close, "gone with the stack",
        lambda stack: stack.resources["MediaBucket"].pop("DeletionPolicy"),
    ),
    (
        rules.buckets_are_kept_close, "no TLS",
        lambda stack: stack.resources.pop("MediaBucketPolicy"),
    ),
    (
        rules.buckets_are_kept_close, "TLS for some",
        lambda stack: stack.properties("MediaBucketPolicy")["PolicyDocument"]["Statement"][0].update(
            Action="s3:PutObject"
        ),
    ),
    (
        rules.encoders_are_where_they_are_used, "an encoder for nothing",
        lambda stack: stack.properties("GetCallFunction")["Layers"].extend(
            stack.properties("GetRecordingFunction")["Layers"][1:]
        ),
    ),
    (
        rules.encoders_are_where_they_are_used, "no encoder",
        lambda stack: stack.properties("GetRecordingFunction")["Layers"].pop(),
    ),
    (rules.tables_survive, "clear text", lambda stack: stack.properties("CredentialsTable").pop("SSESpecification")),
    (
        rules.tables_survive, "no recovery",
        lambda stack: stack.properties("RecordingsTable").pop("PointInTimeRecoverySpecification"),
    ),
    (
        rules.tables_survive, "no protection",
        lambda stack: stack.properties("RecordingsTable").update(DeletionProtectionEnabled=False),
    ),
    (
        rules.tables_survive, "gone with the stack",
        lambda stack: stack.resources["RecordingsTable"].pop("DeletionPolicy"),
    ),
    (
        rules.tables_survive, "gone with a replacement",
        lambda stack: stack.resources["CredentialsTable"].update(UpdateReplacePolicy="Delete"),
    ),
    (
        rules.tables_survive, "unprotected by default",
        lambda stack: stack.content["Parameters"]["DeletionProtection"].update(Default="false"),
    ),
    (
        rules.recordings_have_their_indexes_and_stream, "an index is gone",
        lambda stack: stack.properties("RecordingsTable")["GlobalSecondaryIndexes"].pop(),
    ),
    (
        rules.recordings_have_their_indexes_and_stream, "half a stream",
        lambda stack: stack.properties("RecordingsTable")["StreamSpecification"].update(StreamViewType="NEW_IMAGE"),
    ),
    (
        rules.recordings_have_their_indexes_and_stream, "nothing expires",
        lambda stack: stack.properties("RecordingsTable").pop("TimeToLiveSpecification"),
    ),
    (rules.keys_rotate, "no rotation", lambda stack: stack.properties("SigningKey").pop("EnableKeyRotation")),
    (rules.keys_rotate, "gone with the stack", lambda stack: stack.resources["SigningKey"].pop("DeletionPolicy")),
    (rules.logs_end, "no retention", lambda stack: stack.properties("AccessLogs").pop("RetentionInDays")),
    (rules.logs_end, "a group of its own", lambda stack: stack.properties("GetCallFunction").pop("LoggingConfig")),
    (rules.stages_throttle_and_log, "no limits", lambda stack: stack.properties(_STAGE).pop("DefaultRouteSettings")),
    (rules.stages_throttle_and_log, "no log", lambda stack: stack.properties(_STAGE).pop("AccessLogSettings")),
    (rules.stages_throttle_and_log, "logs the path", lambda stack: _log(stack, "path")),
    (rules.stages_throttle_and_log, "logs the address", lambda stack: _log(stack, "identity.sourceIp")),
    (rules.stages_throttle_and_log, "logs credentials", lambda stack: _log(stack, "authorizer.principalId")),
    (alarm_rules.alarms_ring, "tells nobody", lambda stack: stack.properties("ContentionAlarm").pop("AlarmActions")),
    (alarm_rules.alarms_ring, "undecided", lambda stack: stack.properties("ContentionAlarm").pop("TreatMissingData")),
    (alarm_rules.alarms_ring, "no text", lambda stack: stack.properties("ContentionAlarm").pop("AlarmDescription")),
    (alarm_rules.metrics_are_watched, "an alarm is gone", lambda stack: stack.resources.pop("AdminErrorsAlarm")),
    (
        alarm_rules.metrics_are_watched, "a metric that nobody emits",
        lambda stack: stack.properties("ContentionAlarm").update(MetricName="Buzy"),
    ),
    (
        alarm_rules.metrics_are_watched, "a dimension that nobody emits",
        lambda stack: stack.properties("ContentionAlarm").update(Dimensions=[]),
    ),
    (
        alarm_rules.metrics_are_watched, "another service",
        lambda stack: _variables(stack, "GetCallFunction").update(SERVICE="another"),
    ),
    (
        alarm_rules.throttling_is_watched, "an alarm is gone",
        lambda stack: stack.resources.pop("RecordingsWriteThrottleAlarm"),
    ),
    (alarm_rules.throttling_is_watched, "the gateway's own", lambda stack: stack.resources.pop("GatewayErrorsAlarm")),
    (
        rules.functions_are_alike, "an old Python",
        lambda stack: stack.properties("GetCallFunction").update(Runtime="python3.11"),
    ),
    (
        rules.functions_are_alike, "slower than the gateway",
        lambda stack: stack.properties("GetCallFunction").update(Timeout=30),
    ),
    (
        rules.functions_are_alike, "slower than anybody's patience",
        lambda stack: stack.properties("ReconcileFunction").update(Timeout=301),
    ),
    (rules.functions_are_alike, "no layer", lambda stack: stack.properties("GetCallFunction").pop("Layers")),
    (
        rules.functions_are_alike, "another's folder",
        lambda stack: stack.properties("GetCallFunction").update(Code=stack.properties("DefaultFunction")["Code"]),
    ),
)  # fmt: skip
"""A rule, in what way the template is broken, and how."""


@pytest.mark.parametrize(
    ("rule", "_how", "break_it"),
    [*BROKEN, *broken_background.BROKEN],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_broken_copy_is_noticed(rule: Rule, _how: str, break_it: Break) -> None:
    """The rule finds something wrong with a copy that was broken on purpose."""
    stack = Stack()
    break_it(stack)
    assert list(rule(stack)) != []


def test_every_rule_has_a_broken_copy() -> None:
    """A rule that nothing has ever broken proves nothing."""
    assert {rule for rule, _, _ in (*BROKEN, *broken_background.BROKEN)} == set(RULES)


def test_cfn_lint_finds_nothing() -> None:
    """AWS's own linter, with the transform, passes the template as it stands."""
    from cfnlint.api import lint  # type: ignore[import-untyped] # published without types

    assert lint((ROOT / "template.yaml").read_text(encoding="utf-8"), regions=[REGION]) == []


def test_a_guided_deployment_asks_nothing_about_authentication() -> None:
    """SAM asks for each route that seems open, and a newcomer who presses Enter would end the deployment."""
    from samcli.commands.deploy.auth_utils import auth_per_resource
    from samcli.lib.providers.sam_stack_provider import SamLocalStackProvider

    stacks, _ = SamLocalStackProvider.get_stacks(str(ROOT / "template.yaml"))
    assert [resource for resource, is_told in auth_per_resource(stacks) if not is_told] == []
