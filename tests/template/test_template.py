"""The translated template satisfies every rule, and every rule detects a violation (REL-20)."""

from typing import Any, Final

import pytest

from tests.client import ROOT
from tests.template import alarm_rules, background_rules, broken_background, rules
from tests.template.rules import Break, Rule
from tests.template.translation import Stack, target

RULES: Final = (*rules.RULES, *background_rules.RULES, *alarm_rules.RULES)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_template_satisfies_the_rule(rule: Rule) -> None:
    """The rule yields no violation for the translated template."""
    assert list(rule(Stack())) == []


def _statement(stack: Stack, function: str, resource: str) -> dict[str, Any]:
    return next(each for each in stack.statements(function) if target(each["Resource"]) == resource)


def _write(stack: Stack, function: str, action: str) -> dict[str, Any]:
    return next(each for each in stack.statements(function) if each["Action"] == action)


def _leading_keys(stack: Stack, function: str, operator: str) -> list[str]:
    """Return the key patterns of the condition of the function's first write."""
    condition = next(each["Condition"] for each in stack.statements(function) if "Condition" in each)
    patterns: list[str] = condition[f"{operator}:StringLike"]["dynamodb:LeadingKeys"]
    return patterns


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
        rules.policies_have_no_wildcards, "an action with a wildcard",
        lambda stack: _statement(stack, "GetCallFunction", "RecordingsTable").update(Action=["dynamodb:Get*"]),
    ),
    (
        rules.policies_have_no_wildcards, "any resource",
        lambda stack: _statement(stack, "GetCallFunction", "RecordingsTable").update(Resource="*"),
    ),
    (
        rules.policies_have_no_wildcards, "a wildcard below an ARN",
        lambda stack: _statement(stack, "GetCallFunction", "RecordingsTable").update(
            Resource={"Fn::Sub": "${RecordingsTable.Arn}/*"}
        ),
    ),
    (
        rules.policies_have_no_wildcards, "all actions but one",
        lambda stack: _statement(stack, "GetCallFunction", "RecordingsTable").update(NotAction="dynamodb:PutItem"),
    ),
    (
        rules.policies_have_no_wildcards, "a managed policy",
        lambda stack: stack.role("GetCallFunction")["ManagedPolicyArns"].append("arn:aws:iam::aws:policy/ReadOnly"),
    ),
    (
        rules.telephony_decides_which_functions_exist, "one of its functions that is always there",
        lambda stack: stack.resources["ListApplicationsFunction"].pop("Condition"),
    ),
    (
        rules.telephony_decides_which_functions_exist, "another one that needs it",
        lambda stack: stack.resources["GetCallFunction"].update(Condition="HasTelephony"),
    ),
    (
        rules.telephony_decides_which_functions_exist, "no variable of $default",
        lambda stack: _variables(stack, "DefaultFunction").pop("TELEPHONY"),
    ),
    (rules.routes_match_the_code, "a missing route", lambda stack: _paths(stack).pop(_CALL)),
    (rules.routes_match_the_code, "no $default", lambda stack: _paths(stack).pop("/$default")),
    (
        rules.routes_match_the_code, "an extra route",
        lambda stack: _paths(stack).update({"/admin": _paths(stack)[_CALL]}),
    ),
    (
        rules.routes_match_the_code, "another method",
        lambda stack: _paths(stack)[_CALL].update(put=_paths(stack)[_CALL].pop("get")),
    ),
    (
        rules.routes_match_the_code, "a collection without .json",
        lambda stack: _paths(stack).pop(f"{_CALL}/Recordings.json"),
    ),
    (
        rules.a_function_has_one_route, "a second function for a route",
        lambda stack: _paths(stack)[_CALL].update(get=_paths(stack)[f"{_CALL}/Recordings"]["post"]),
    ),
    (
        rules.invoke_permissions_match_routes, "a missing permission",
        lambda stack: stack.resources.pop("GetCallFunctionTwilioPermission"),
    ),
    (
        rules.invoke_permissions_match_routes, "a permission for any API",
        lambda stack: stack.properties("GetCallFunctionTwilioPermission").pop("SourceArn"),
    ),
    (
        rules.invoke_permissions_match_routes, "a permission for every principal",
        lambda stack: stack.properties("GetCallFunctionTwilioPermission").update(Principal="*"),
    ),
    (rules.routes_can_be_deployed, "a suffix on a variable", lambda stack: _rename(stack, _CALL, f"{_CALL}.json")),
    (
        rules.routes_can_be_deployed, "two names for one parameter",
        lambda stack: _rename(stack, _CALL, _CALL.replace("{CallSid}", "{Sid}")),
    ),
    (
        rules.only_key_functions_write_credentials_over_http, "a route that may write credentials",
        lambda stack: _statement(stack, "GetCallFunction", "CredentialsTable").update(Action="dynamodb:PutItem"),
    ),
    (
        rules.only_key_functions_write_credentials_over_http, "a key function that may write more than it needs",
        lambda stack: _statement(stack, "UpdateKeyFunction", "CredentialsTable").update(
            Action=["dynamodb:PutItem", "dynamodb:UpdateItem"]
        ),
    ),
    (
        rules.key_functions_write_only_items_of_keys, "every item",
        lambda stack: _write(stack, "CreateKeyFunction", "dynamodb:PutItem").pop("Condition"),
    ),
    (
        rules.key_functions_write_only_items_of_keys, "the keys that sign",
        lambda stack: _leading_keys(stack, "UpdateKeyFunction", "ForAllValues").append("SIGNING#*"),
    ),
    (
        rules.key_functions_write_only_items_of_keys, "the item of the account",
        lambda stack: _leading_keys(stack, "DeleteKeyFunction", "ForAnyValue").append("ACCOUNT#*"),
    ),
    (
        rules.key_functions_write_only_items_of_keys, "an absent key",
        lambda stack: _write(stack, "UpdateKeyFunction", "dynamodb:UpdateItem")["Condition"].pop(
            "ForAnyValue:StringLike"
        ),
    ),
    (
        rules.key_functions_write_only_items_of_keys, "an engine function that may write the item of an account",
        lambda stack: _leading_keys(stack, "RotateEngineTokenFunction", "ForAllValues").append("ACCOUNT#*"),
    ),
    (
        rules.key_functions_write_only_items_of_keys, "an engine function that may write every item",
        lambda stack: _write(stack, "DeleteEngineFunction", "dynamodb:DeleteItem").pop("Condition"),
    ),
    (
        rules.only_key_functions_write_credentials_over_http, "a queue",
        lambda stack: _add(stack, "Lambda::EventSourceMapping", FunctionName={"Ref": "RotateAuthTokenFunction"}),
    ),
    (
        rules.only_key_functions_write_credentials_over_http, "a schedule",
        lambda stack: _add(stack, "Events::Rule", Targets=[{"Arn": {"Fn::Sub": "${IssueApiKeyFunction.Arn}"}}]),
    ),
    (
        rules.only_key_functions_write_credentials_over_http, "a trigger with the right to encrypt",
        lambda stack: _statement(stack, "DeliverCallbackFunction", "SigningKey").update(Action="kms:Encrypt"),
    ),
    (
        rules.only_senders_of_signed_requests_decrypt, "another function decrypts",
        lambda stack: _statement(stack, "ListCallbacksFunction", "RecordingsTable").update(
            Action="kms:Decrypt", Resource=_KEY
        ),
    ),
    (
        rules.only_senders_of_signed_requests_decrypt, "no function decrypts",
        lambda stack: _statement(stack, "DeliverCallbackFunction", "SigningKey").update(Action="kms:Encrypt"),
    ),
    (
        rules.only_senders_of_signed_requests_decrypt, "a schedule",
        lambda stack: _add(stack, "Scheduler::Schedule", Target={"Arn": {"Ref": "DeliverCallbackFunction"}}),
    ),
    (
        rules.only_senders_of_signed_requests_decrypt, "another queue",
        lambda stack: stack.properties("CallbacksMapping").update(
            EventSourceArn={"Fn::GetAtt": ["FinishingQueue", "Arn"]}
        ),
    ),
    (
        rules.only_senders_of_signed_requests_decrypt, "a schedule of the other sender",
        lambda stack: _add(stack, "Scheduler::Schedule", Target={"Arn": {"Ref": "FetchDocumentFunction"}}),
    ),
    (
        rules.only_senders_of_signed_requests_decrypt, "a sender that is always there",
        lambda stack: stack.resources["FetchDocumentFunction"].pop("Condition"),
    ),
    (
        rules.routed_functions_have_no_signing_key, "in its role",
        lambda stack: _statement(stack, "GetCallFunction", "RecordingsTable").update(Resource=_KEY),
    ),
    (
        rules.routed_functions_have_no_signing_key, "in its environment",
        lambda stack: _variables(stack, "DefaultFunction").update(SIGNING_KMS_KEY_ID=_KEY),
    ),
    (
        rules.signing_key_id_is_set_where_used, "an unused variable",
        lambda stack: _variables(stack, "IssueApiKeyFunction").update(SIGNING_KMS_KEY_ID=_KEY),
    ),
    (
        rules.signing_key_id_is_set_where_used, "decryption without the variable",
        lambda stack: _variables(stack, "DeliverCallbackFunction").pop("SIGNING_KMS_KEY_ID"),
    ),
    (
        rules.signing_key_id_is_set_where_used, "encryption without the variable",
        lambda stack: _variables(stack, "CreateAccountFunction").pop("SIGNING_KMS_KEY_ID"),
    ),
    (rules.nothing_is_public, "a function's URL", lambda stack: _add(stack, "Lambda::Url", AuthType="NONE")),
    (
        rules.nothing_is_public, "a key for every principal",
        lambda stack: stack.properties("SigningKey")["KeyPolicy"]["Statement"][0].update(Principal={"AWS": "*"}),
    ),
    (rules.nothing_is_public, "a bucket that may become public", lambda stack: _add(stack, "S3::Bucket")),
    (
        rules.buckets_are_protected, "unencrypted",
        lambda stack: stack.properties("MediaBucket").pop("BucketEncryption"),
    ),
    (
        rules.buckets_are_protected, "versions",
        lambda stack: stack.properties("MediaBucket").update(VersioningConfiguration={"Status": "Enabled"}),
    ),
    (
        rules.buckets_are_protected, "object lock",
        lambda stack: stack.properties("MediaBucket").update(ObjectLockEnabled=True),
    ),
    (
        rules.buckets_are_protected, "deleted with the stack",
        lambda stack: stack.resources["MediaBucket"].pop("DeletionPolicy"),
    ),
    (
        rules.buckets_are_protected, "no TLS",
        lambda stack: stack.resources.pop("MediaBucketPolicy"),
    ),
    (
        rules.buckets_are_protected, "TLS for one action only",
        lambda stack: stack.properties("MediaBucketPolicy")["PolicyDocument"]["Statement"][0].update(
            Action="s3:PutObject"
        ),
    ),
    (
        rules.encoder_layer_is_where_used, "an unused encoder",
        lambda stack: stack.properties("GetCallFunction")["Layers"].extend(
            stack.properties("GetRecordingFunction")["Layers"][1:]
        ),
    ),
    (
        rules.encoder_layer_is_where_used, "no encoder",
        lambda stack: stack.properties("GetRecordingFunction")["Layers"].pop(),
    ),
    (
        rules.tables_are_protected, "unencrypted",
        lambda stack: stack.properties("CredentialsTable").pop("SSESpecification"),
    ),
    (
        rules.tables_are_protected, "no recovery",
        lambda stack: stack.properties("RecordingsTable").pop("PointInTimeRecoverySpecification"),
    ),
    (
        rules.tables_are_protected, "no protection",
        lambda stack: stack.properties("RecordingsTable").update(DeletionProtectionEnabled=False),
    ),
    (
        rules.tables_are_protected, "deleted with the stack",
        lambda stack: stack.resources["RecordingsTable"].pop("DeletionPolicy"),
    ),
    (
        rules.tables_are_protected, "deleted on replacement",
        lambda stack: stack.resources["CredentialsTable"].update(UpdateReplacePolicy="Delete"),
    ),
    (
        rules.tables_are_protected, "unprotected by default",
        lambda stack: stack.content["Parameters"]["DeletionProtection"].update(Default="false"),
    ),
    (
        rules.recordings_have_their_indexes_and_stream, "a missing index",
        lambda stack: stack.properties("RecordingsTable")["GlobalSecondaryIndexes"].pop(),
    ),
    (
        rules.recordings_have_their_indexes_and_stream, "a stream without old images",
        lambda stack: stack.properties("RecordingsTable")["StreamSpecification"].update(StreamViewType="NEW_IMAGE"),
    ),
    (
        rules.recordings_have_their_indexes_and_stream, "no expiry",
        lambda stack: stack.properties("RecordingsTable").pop("TimeToLiveSpecification"),
    ),
    (rules.keys_rotate, "no rotation", lambda stack: stack.properties("SigningKey").pop("EnableKeyRotation")),
    (rules.keys_rotate, "deleted with the stack", lambda stack: stack.resources["SigningKey"].pop("DeletionPolicy")),
    (rules.logs_expire, "no retention", lambda stack: stack.properties("AccessLogs").pop("RetentionInDays")),
    (rules.logs_expire, "another log group", lambda stack: stack.properties("GetCallFunction").pop("LoggingConfig")),
    (rules.stages_throttle_and_log, "no limits", lambda stack: stack.properties(_STAGE).pop("DefaultRouteSettings")),
    (rules.stages_throttle_and_log, "no log", lambda stack: stack.properties(_STAGE).pop("AccessLogSettings")),
    (rules.stages_throttle_and_log, "logs the path", lambda stack: _log(stack, "path")),
    (rules.stages_throttle_and_log, "logs the address", lambda stack: _log(stack, "identity.sourceIp")),
    (rules.stages_throttle_and_log, "logs credentials", lambda stack: _log(stack, "authorizer.principalId")),
    (alarm_rules.alarms_notify, "no action", lambda stack: stack.properties("ContentionAlarm").pop("AlarmActions")),
    (
        alarm_rules.alarms_notify, "missing data undefined",
        lambda stack: stack.properties("ContentionAlarm").pop("TreatMissingData"),
    ),
    (
        alarm_rules.alarms_notify, "no description",
        lambda stack: stack.properties("ContentionAlarm").pop("AlarmDescription"),
    ),
    (alarm_rules.metrics_have_alarms, "a missing alarm", lambda stack: stack.resources.pop("AdminErrorsAlarm")),
    (
        alarm_rules.metrics_have_alarms, "a metric that is never emitted",
        lambda stack: stack.properties("ContentionAlarm").update(MetricName="Buzy"),
    ),
    (
        alarm_rules.metrics_have_alarms, "a dimension that is never emitted",
        lambda stack: stack.properties("ContentionAlarm").update(Dimensions=[]),
    ),
    (
        alarm_rules.metrics_have_alarms, "another service",
        lambda stack: _variables(stack, "GetCallFunction").update(SERVICE="another"),
    ),
    (
        alarm_rules.throttling_has_alarms, "a missing alarm",
        lambda stack: stack.resources.pop("RecordingsWriteThrottleAlarm"),
    ),
    (
        alarm_rules.throttling_has_alarms, "no alarm for the gateway",
        lambda stack: stack.resources.pop("GatewayErrorsAlarm"),
    ),
    (
        rules.functions_are_uniform, "an old Python",
        lambda stack: stack.properties("GetCallFunction").update(Runtime="python3.11"),
    ),
    (
        rules.functions_are_uniform, "a timeout over that of the gateway",
        lambda stack: stack.properties("GetCallFunction").update(Timeout=30),
    ),
    (
        rules.functions_are_uniform, "a timeout over 300 seconds",
        lambda stack: stack.properties("ReconcileFunction").update(Timeout=301),
    ),
    (rules.functions_are_uniform, "no layer", lambda stack: stack.properties("GetCallFunction").pop("Layers")),
    (
        rules.functions_are_uniform, "the folder of another function",
        lambda stack: stack.properties("GetCallFunction").update(Code=stack.properties("DefaultFunction")["Code"]),
    ),
)  # fmt: skip
"""The rule, a description of the change, and the change."""


@pytest.mark.parametrize(
    ("rule", "_change", "break_it"),
    [*BROKEN, *broken_background.BROKEN],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_rule_detects_a_violation(rule: Rule, _change: str, break_it: Break) -> None:
    """The rule yields a violation for a deliberately broken copy."""
    stack = Stack()
    break_it(stack)
    assert list(rule(stack)) != []


def test_every_rule_has_a_broken_copy() -> None:
    """Each rule has at least one broken copy that it must detect."""
    assert {rule for rule, _, _ in (*BROKEN, *broken_background.BROKEN)} == set(RULES)


def test_a_guided_deployment_has_no_question_about_authentication() -> None:
    """`sam deploy --guided` finds no route without authentication, so it shows no prompt that aborts by default."""
    from samcli.commands.deploy.auth_utils import auth_per_resource
    from samcli.lib.providers.sam_stack_provider import SamLocalStackProvider

    stacks, _ = SamLocalStackProvider.get_stacks(str(ROOT / "template.yaml"))
    assert [resource for resource, has_auth in auth_per_resource(stacks) if not has_auth] == []
