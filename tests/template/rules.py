"""Rules of the translated template: each yields a description of every violation."""

import re
from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Any, Final

from tapedeck.http.routes import ACCOUNTS, ENGINE_ROUTES, PREFIXES, SHAPES, SUFFIX, TELEPHONY_ONLY
from tests.client import ROOT
from tests.template.translation import BASIC_EXECUTION, Stack, listed, mentions, target

Rule = Callable[[Stack], Iterator[str]]
Break = Callable[[Stack], object]

MAX_TIMEOUT: Final = 29
"""Seconds: an HTTP API answers 503 after 30."""

MAX_RUN: Final = 300
"""Seconds: maximum timeout of a function that no client waits for."""

WRITES: Final = frozenset({"dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"})

FORBIDDEN_LOG_FIELDS: Final = ("path", "ip", "user", "auth", "header", "identity", "querystring", "domain")
"""Parts of the names of API Gateway variables that an access log may not contain."""


def policies_have_no_wildcards(stack: Stack) -> Iterator[str]:
    """No function role has wildcards, exclusions, or managed policies besides the one for logs."""
    for function in stack.functions:
        for statement in stack.statements(function):
            for name in {"NotAction", "NotResource", "NotPrincipal"} & statement.keys():
                yield f"{function}: {name}"
            for value in (*listed(statement.get("Action", "*")), *listed(statement.get("Resource", "*"))):
                if "*" in str(value) and value not in _ALLOWED_WILDCARDS:
                    yield f"{function}: wildcard {value}"
        for arn in stack.role(function).get("ManagedPolicyArns", []):
            if not str(arn).endswith(f"/{BASIC_EXECUTION}"):
                yield f"{function}: managed policy {arn}"


_ALLOWED_WILDCARDS: Final = (
    # All objects of a bucket that has only one kind.
    {"Fn::Sub": "${FailedBatchesBucket.Arn}/*"},
    # The captures and the renditions of all recordings.
    {"Fn::Sub": "${MediaBucket.Arn}/*/capture.wav"},
    {"Fn::Sub": "${MediaBucket.Arn}/*/mono.*"},
    {"Fn::Sub": "${MediaBucket.Arn}/*/original.*"},
    # Reading a stream requires listing the streams of the table.
    {"Fn::Sub": "${RecordingsTable.Arn}/stream/*"},
    # The queues of the engines, which create_engine creates.
    {"Fn::Sub": "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:${AWS::StackName}_engine_*"},
)
"""Resources that only a wildcard can express."""


def routes_match_the_code(stack: Stack) -> Iterator[str]:
    """The routes are those of `http.routes`: the shapes under both prefixes, the engine protocol's, and `$default`.

    Collections exist also with `.json`.
    """
    expected = {("$default", "$default")}
    expected |= {(method, path) for path, methods in ENGINE_ROUTES.items() for method in methods}
    shapes = {f"{ACCOUNTS}/{{AccountSid}}/{shape}".rstrip("/"): methods for shape, methods in SHAPES.items()}
    for shape, methods in {ACCOUNTS: frozenset({"GET"}), **shapes}.items():
        for prefix in PREFIXES:
            path = f"{prefix}/{shape}"
            paths = {path} if path.endswith("}") else {path, f"{path}{SUFFIX}"}
            expected |= {(method, each) for method in methods for each in paths}
    routes = stack.routes()
    for method, path in sorted(expected - routes.keys()):
        yield f"no route {method} {path}"
    for method, path in sorted(routes.keys() - expected):
        yield f"no shape for {method} {path}"


def telephony_decides_which_functions_exist(stack: Stack) -> Iterator[str]:
    """The functions of the paths that need `Telephony` exist only with it, and `$default` knows the parameter.

    Reading any other path never needs it.
    """
    for (method, path), function in stack.routes().items():
        shape = path.partition("{AccountSid}/")[2].removesuffix(SUFFIX)
        condition = stack.resources[function].get("Condition")
        if shape in TELEPHONY_ONLY and condition != "HasTelephony":
            yield f"{function} is always there"
        if method == "GET" and shape in SHAPES and shape not in TELEPHONY_ONLY and condition is not None:
            yield f"{function} is not always there"
    if stack.properties("DefaultFunction")["Environment"]["Variables"].get("TELEPHONY") != {"Ref": "Telephony"}:
        yield "DefaultFunction does not know Telephony"


def a_function_has_one_route(stack: Stack) -> Iterator[str]:
    """Each function serves one method of one resource, apart from prefix and suffix, which no other serves.

    A resource may also be served below another one, and HEAD counts as GET.
    """
    shapes: dict[str, set[str]] = {}
    for (method, path), function in stack.routes().items():
        shape = path.removesuffix(SUFFIX)
        for prefix in sorted(PREFIXES, key=len, reverse=True):
            shape = shape.removeprefix(prefix)
        shapes.setdefault(function, set()).add(f"{method} {shape}")
    for function, served in shapes.items():
        resources = {shape.replace("HEAD ", "GET ").replace(_RECORDING_PREFIX, "/{AccountSid}") for shape in served}
        if len(resources) > 1:
            yield f"{function} answers {' and '.join(sorted(served))}"
    for shape in sorted({shape for served in shapes.values() for shape in served}):
        functions = sorted(function for function, served in shapes.items() if shape in served)
        if len(functions) > 1:
            yield f"{shape} is served by {' and '.join(functions)}"


_RECORDING_PREFIX: Final = "/{AccountSid}/Recordings/{RecordingSid}"


def invoke_permissions_match_routes(stack: Stack) -> Iterator[str]:
    """Each route has an invoke permission of the same scope, and there are no other permissions."""
    expected = {(function, _arn(method, path)) for (method, path), function in stack.routes().items()}
    found = set()
    for name, permission in stack.of_type("Lambda::Permission").items():
        source = permission.get("SourceArn", {}).get("Fn::Sub", ["", {}])
        if permission["Principal"] != "apigateway.amazonaws.com" or source[1].get("__ApiId__") != {"Ref": "Api"}:
            yield f"{name} allows more than the API"
        found.add((permission["FunctionName"]["Ref"], source[0].partition("${__Stage__}/")[2]))
    for function, arn in sorted(expected - found):
        yield f"the API may not invoke {function} for {arn}"
    for function, arn in sorted(found - expected):
        yield f"{function} may be invoked for {arn}, which is no route"


def _arn(method: str, path: str) -> str:
    return "*" if path == "$default" else method + re.sub(r"\{\w+\}", "*", path)


def routes_can_be_deployed(stack: Stack) -> Iterator[str]:
    """A path parameter is a whole segment (`{Sid}.json` is rejected) and has one name per position."""
    paths = [path.split("/") for _, path in stack.routes() if path != "$default"]
    for path in paths:
        for segment in path:
            if "{" in segment and not re.fullmatch(r"\{\w+\}", segment):
                yield f"{segment} is an invalid segment in {'/'.join(path)}"
    siblings = sorted(
        {
            ("/".join(re.sub(r"^\{.*", "{}", part) for part in path[:position]), segment)
            for path in paths
            for position, segment in enumerate(path)
            if segment.startswith("{")
        }
    )
    for prefix, found in groupby(siblings, key=lambda sibling: sibling[0]):
        names = [segment for _, segment in found]
        if len(names) > 1:
            yield f"{prefix} is followed by {' and by '.join(names)}"


def only_key_functions_write_credentials_over_http(stack: Stack) -> Iterator[str]:
    """Of the functions that write credentials or encrypt secrets, only those of API keys have a route.

    No other has a route, URL, queue or schedule. The functions of API keys have only the writes that they need.
    """
    for function in stack.functions:
        may = rights_on_secrets(stack, function)
        if may & WRITES == KEY_WRITES.get(function, {}).keys():
            may -= WRITES
        if may & WRITES or any(action.startswith("kms:") for action in may - {DECRYPT}):
            for trigger in triggers_of(stack, function):
                yield f"{function} can be invoked through {trigger}"


KEY_WRITES: Final[dict[str, dict[str, str]]] = {
    "CreateKeyFunction": {"dynamodb:PutItem": "KEY#", "dynamodb:UpdateItem": "ACCOUNT#"},
    "UpdateKeyFunction": {"dynamodb:UpdateItem": "ACCOUNT#"},
    "DeleteKeyFunction": {"dynamodb:DeleteItem": "KEY#", "dynamodb:UpdateItem": "ACCOUNT#"},
}
"""The writes of the functions of API keys: the prefix of the partition keys of each action."""

ENGINE_WRITES: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "CreateEngineFunction": {"dynamodb:PutItem": ("ENGINE#",), "dynamodb:UpdateItem": ("LIST#",)},
    "RotateEngineTokenFunction": {"dynamodb:UpdateItem": ("ENGINE#",)},
    "RevokeEngineTokenFunction": {"dynamodb:UpdateItem": ("ENGINE#",)},
    "DeleteEngineFunction": {"dynamodb:DeleteItem": ("ENGINE#",), "dynamodb:UpdateItem": ("ENGINE#", "LIST#")},
}
"""The writes of the functions of media engines: the prefixes of the partition keys of each action."""

PREFIXED_WRITES: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    **{function: {action: (prefix,) for action, prefix in writes.items()} for function, writes in KEY_WRITES.items()},
    **ENGINE_WRITES,
}


def key_functions_write_only_items_of_keys(stack: Stack) -> Iterator[str]:
    """Each write of a function of API keys or engines is limited to partition keys with the prefix that it writes.

    AWS does not document whether `dynamodb:LeadingKeys` is the key of one write of a transaction or has those of all.
    So every value must have a prefix that the function writes, and at least one the prefix of the action.
    """
    for function, writes in PREFIXED_WRITES.items():
        prefixes = [f"{prefix}*" for prefix in sorted({each for prefixes in writes.values() for each in prefixes})]
        for statement in stack.statements(function):
            if target(statement["Resource"]) != "CredentialsTable":
                continue
            for action in WRITES.intersection(listed(statement["Action"])):
                expected = {
                    "ForAllValues:StringLike": {_LEADING_KEYS: prefixes},
                    "ForAnyValue:StringLike": {_LEADING_KEYS: [f"{prefix}*" for prefix in writes.get(action, ())]},
                }
                if statement.get("Condition") != expected:
                    yield f"{function} may {action} on {statement.get('Condition', 'every item')}"


_LEADING_KEYS: Final = "dynamodb:LeadingKeys"


def only_senders_of_signed_requests_decrypt(stack: Stack) -> Iterator[str]:
    """Only the senders of callbacks and of requests for instructions may decrypt signing keys.

    Only its queues invoke the first. Only its route for media engines invokes the second, which exists only with
    `Telephony`.
    """
    decrypting = sorted(function for function in stack.functions if DECRYPT in rights_on_secrets(stack, function))
    if decrypting != ["DeliverCallbackFunction", FETCH_DOCUMENT]:
        yield f"secrets are decrypted by {decrypting}"
    for function in decrypting:
        for trigger in triggers_of(stack, function):
            source = stack.resources.get(trigger, {}).get("Properties", {})
            queues = ({"Fn::GetAtt": [name, "Arn"]} for name in ("CallbacksQueue", "CallbackRetriesQueue"))
            is_route = trigger == "POST /engine/v2/documents" or source.get("Principal") == "apigateway.amazonaws.com"
            if not (is_route if function == FETCH_DOCUMENT else source.get("EventSourceArn") in queues):
                yield f"{function} can be invoked through {trigger}"
    if stack.resources[FETCH_DOCUMENT].get("Condition") != "HasTelephony":
        yield f"{FETCH_DOCUMENT} is always there"


FETCH_DOCUMENT: Final = "FetchDocumentFunction"
"""The only routed function that signs requests."""

DECRYPT: Final = "kms:Decrypt"


def rights_on_secrets(stack: Stack, function: str) -> set[str]:
    """Return the actions that a function may perform on the credentials table and the signing key."""
    return {
        action
        for statement in stack.statements(function)
        for action in listed(statement["Action"])
        if {"CredentialsTable", "SigningKey"} & set(map(target, listed(statement["Resource"])))
    }


def triggers_of(stack: Stack, function: str) -> list[str]:
    """Return everything that invokes a function: its routes, and the logical ids of other triggers."""
    routes = [" ".join(route) for route, behind in stack.routes().items() if behind == function]
    return routes + [
        name
        for name, resource in stack.resources.items()
        if resource["Type"] in _TRIGGER_TYPES and mentions(resource["Properties"], function)
    ]


_TRIGGER_TYPES: Final = frozenset(
    f"AWS::{kind}"
    for kind in (
        "Lambda::Permission",
        "Lambda::Url",
        "Lambda::EventSourceMapping",
        "Events::Rule",
        "Scheduler::Schedule",
    )
)


def routed_functions_have_no_signing_key(stack: Stack) -> Iterator[str]:
    """Neither the role nor the environment of a routed function refers to the signing key, but of one."""
    for function in stack.routed() - {FETCH_DOCUMENT}:
        if mentions(stack.properties(function), "SigningKey") or mentions(stack.role(function), "SigningKey"):
            yield f"{function} refers to the signing key"


def signing_key_id_is_set_where_used(stack: Stack) -> Iterator[str]:
    """`SIGNING_KMS_KEY_ID` is set exactly for the functions that may encrypt or decrypt with the key."""
    for function, properties in stack.functions.items():
        is_named = "SIGNING_KMS_KEY_ID" in properties["Environment"]["Variables"]
        may_use = any(action.startswith("kms:") for action in rights_on_secrets(stack, function))
        if is_named != may_use:
            yield f"{function}: SIGNING_KMS_KEY_ID {is_named}, rights {may_use}"


def nothing_is_public(stack: Stack) -> Iterator[str]:
    """No function has a URL, no resource policy allows every principal, and no bucket can become public."""
    for name in stack.of_type("Lambda::Url"):
        yield f"{name} is a URL"
    for name, resource in stack.resources.items():
        for statement in _statements(resource.get("Properties", {})):
            if statement.get("Effect") != "Deny" and statement["Principal"] in ("*", {"AWS": "*"}):
                yield f"{name} allows every principal"
    for name, bucket in stack.of_type("S3::Bucket").items():
        blocked = bucket.get("PublicAccessBlockConfiguration", {})
        if list(blocked.values()) != [True] * 4:
            yield f"{name} may become public"


def buckets_are_protected(stack: Stack) -> Iterator[str]:
    """Each bucket is encrypted, unversioned (REL-18), retained with the stack, and requires TLS."""
    tls_only = {
        target(policy["Bucket"])
        for policy in stack.of_type("S3::BucketPolicy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        if (statement["Effect"], statement["Action"], statement["Principal"]) == ("Deny", "s3:*", "*")
        and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        and {target(each) for each in statement["Resource"]}
        == {target(policy["Bucket"]), f"{target(policy['Bucket'])}/*"}
    }
    for name, bucket in stack.of_type("S3::Bucket").items():
        kept = stack.resources[name]
        if "ServerSideEncryptionConfiguration" not in bucket.get("BucketEncryption", {}):
            yield f"{name} is not encrypted"
        if bucket.get("VersioningConfiguration", {}).get("Status", "Suspended") != "Suspended":
            yield f"{name} is versioned"
        if bucket.get("ObjectLockEnabled"):
            yield f"{name} locks objects"
        if not kept.get("DeletionPolicy") == kept.get("UpdateReplacePolicy") == "Retain":
            yield f"{name} is deleted with the stack"
        if name not in tls_only:
            yield f"{name} does not require TLS"


def encoder_layer_is_where_used(stack: Stack) -> Iterator[str]:
    """Exactly the functions that may write audio, not only captures, have the encoder layer."""
    layers = {name for name in stack.of_type("Lambda::LayerVersion") if name.startswith("EncoderLayer")}
    for function, properties in stack.functions.items():
        has_layer = any(mentions(properties.get("Layers", []), layer) for layer in layers)
        puts = any(
            "s3:PutObject" in listed(statement["Action"])
            and mentions(statement["Resource"], "MediaBucket")
            and any(not target(each).endswith("/capture.wav") for each in listed(statement["Resource"]))
            for statement in stack.statements(function)
        )
        if has_layer != puts:
            yield f"{function} {'has' if has_layer else 'lacks'} the encoder layer"


def _statements(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every policy statement with a principal, at any depth."""
    match value:
        case dict():
            if "Principal" in value:
                yield value
            for part in value.values():
                yield from _statements(part)
        case list():
            for part in value:
                yield from _statements(part)


def tables_are_protected(stack: Stack) -> Iterator[str]:
    """Tables are encrypted, restorable, retained with the stack, and protected from deletion by default."""
    for name, table in stack.of_type("DynamoDB::Table").items():
        kept = stack.resources[name]
        expectations = {
            "encryption": table.get("SSESpecification") == {"SSEEnabled": True},
            "recovery": table.get("PointInTimeRecoverySpecification") == {"PointInTimeRecoveryEnabled": True},
            "protection": table.get("DeletionProtectionEnabled") == {"Ref": "DeletionProtection"},
            "retention": kept.get("DeletionPolicy") == kept.get("UpdateReplacePolicy") == "Retain",
            "on demand": table.get("BillingMode") == "PAY_PER_REQUEST",
        }
        yield from (f"{name}: {expectation}" for expectation, is_met in expectations.items() if not is_met)
    if stack.content["Parameters"]["DeletionProtection"]["Default"] != "true":
        yield "tables are not protected by default"


def recordings_have_their_indexes_and_stream(stack: Stack) -> Iterator[str]:
    """The recordings table has its indexes with keys only, a stream with both images, and expiry."""
    table = stack.properties("RecordingsTable")
    expected = {"work": ["work", "work_at"], "status": ["status_key", "sid"], "live": ["live", "PK"]}
    found = {
        index["IndexName"]: [part["AttributeName"] for part in index["KeySchema"]]
        for index in table.get("GlobalSecondaryIndexes", [])
        if index["Projection"] == {"ProjectionType": "KEYS_ONLY"}
    }
    if found != expected:
        yield f"indexes {found}"
    if table.get("StreamSpecification") != {"StreamViewType": "NEW_AND_OLD_IMAGES"}:
        yield f"stream {table.get('StreamSpecification')}"
    if table.get("TimeToLiveSpecification") != {"AttributeName": "expires_at", "Enabled": True}:
        yield f"expiry {table.get('TimeToLiveSpecification')}"


def keys_rotate(stack: Stack) -> Iterator[str]:
    """Every KMS key rotates each year; the signing key is retained with the stack."""
    for name, key in stack.of_type("KMS::Key").items():
        if key.get("EnableKeyRotation") is not True:
            yield f"{name} does not rotate"
    if stack.resources["SigningKey"].get("DeletionPolicy") != "Retain":
        yield "SigningKey is deleted with the stack, and its ciphertexts become useless"


def logs_expire(stack: Stack) -> Iterator[str]:
    """Every log group has a retention, and every function writes to one of them."""
    groups = stack.of_type("Logs::LogGroup")
    for name, group in groups.items():
        if "RetentionInDays" not in group:
            yield f"{name} has no retention"
    for function, properties in stack.functions.items():
        if properties.get("LoggingConfig", {}).get("LogGroup", {}).get("Ref") not in groups:
            yield f"{function} logs to a group outside the template"


def stages_throttle_and_log(stack: Stack) -> Iterator[str]:
    """Every stage has throttling limits and an access log with the route but without client input."""
    for name, stage in stack.of_type("ApiGatewayV2::Stage").items():
        limits = stage.get("DefaultRouteSettings", {})
        for limit in ("ThrottlingRateLimit", "ThrottlingBurstLimit"):
            if limit not in limits:
                yield f"{name} has no {limit}"
        log = stage.get("AccessLogSettings", {})
        if log.get("DestinationArn") != {"Fn::GetAtt": ["AccessLogs", "Arn"]}:
            yield f"{name} has no access log"
        logged = set(re.findall(r"\$context\.([\w.]+)", log.get("Format", "")))
        if not {"requestId", "awsEndpointRequestId", "routeKey", "status"} <= logged:
            yield f"{name} logs only {sorted(logged)}"
        for variable in sorted(logged):
            if any(field in variable.lower() for field in FORBIDDEN_LOG_FIELDS):
                yield f"{name} logs {variable}"


def functions_are_uniform(stack: Stack) -> Iterator[str]:
    """Each function has Python 3.13, `app.handler`, the shared layer, a bounded timeout, and a folder of its name."""
    layers = [{"Ref": name} for name in stack.of_type("Lambda::LayerVersion") if name.startswith("SharedLayer")]
    routed = stack.routed()
    for function, properties in stack.functions.items():
        if properties["Runtime"] != "python3.13":
            yield f"{function} runs on {properties['Runtime']}"
        if properties["Timeout"] > (MAX_TIMEOUT if function in routed else MAX_RUN):
            yield f"{function} has a timeout of {properties['Timeout']} s"
        if properties["Handler"] != "app.handler" or properties.get("Layers", [])[:1] != layers:
            yield f"{function} has another handler or layer"
        expected = "".join(word.capitalize() for word in stack.operation(function).split("_")) + "Function"
        if function != expected:
            yield f"{function} has the folder of {expected}"
    folders = {path.parent.name for path in (ROOT / "functions").glob("*/app.py")}
    yield from (
        f"functions/{folder} is not in the template"
        for folder in sorted(folders - set(map(stack.operation, stack.functions)))
    )


RULES: Final[tuple[Rule, ...]] = (
    policies_have_no_wildcards,
    routes_match_the_code,
    telephony_decides_which_functions_exist,
    a_function_has_one_route,
    invoke_permissions_match_routes,
    routes_can_be_deployed,
    only_key_functions_write_credentials_over_http,
    key_functions_write_only_items_of_keys,
    only_senders_of_signed_requests_decrypt,
    routed_functions_have_no_signing_key,
    signing_key_id_is_set_where_used,
    nothing_is_public,
    buckets_are_protected,
    encoder_layer_is_where_used,
    tables_are_protected,
    recordings_have_their_indexes_and_stream,
    keys_rotate,
    logs_expire,
    stages_throttle_and_log,
    functions_are_uniform,
)
