"""What the translated template promises, a rule each: it yields what it finds wrong, and nothing where all is well."""

import re
from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Any, Final

from tapedeck.http.routes import PREFIXES, SHAPES, SUFFIX
from tests.client import ROOT
from tests.template.translation import BASIC_EXECUTION, Stack, listed, mentions, target

Rule = Callable[[Stack], Iterator[str]]
Break = Callable[[Stack], object]

MAX_TIMEOUT: Final = 29
"""Seconds: an HTTP API waits 30 and then answers 503 by itself."""

MAX_RUN: Final = 300
"""Seconds: of a function that no client waits for (our choice)."""

WRITES: Final = frozenset({"dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"})

UNWATCHED_FIELDS: Final = ("path", "ip", "user", "auth", "header", "identity", "querystring", "domain")
"""What an access log may not hold, as parts of the names of API Gateway's variables."""


def policies_name_what_they_grant(stack: Stack) -> Iterator[str]:
    """No role of a function has a wildcard, an exclusion, or a managed policy but the one for logs."""
    for function in stack.functions:
        for statement in stack.statements(function):
            for name in {"NotAction", "NotResource", "NotPrincipal"} & statement.keys():
                yield f"{function}: {name}"
            for value in (*listed(statement.get("Action", "*")), *listed(statement.get("Resource", "*"))):
                if "*" in str(value) and value not in _WHOLE:
                    yield f"{function}: wildcard {value}"
        for arn in stack.role(function).get("ManagedPolicyArns", []):
            if not str(arn).endswith(f"/{BASIC_EXECUTION}"):
                yield f"{function}: managed policy {arn}"


_WHOLE: Final = (
    # Objects have no names in a template: all those of a bucket are one thing.
    {"Fn::Sub": "${MediaBucket.Arn}/*"},
    {"Fn::Sub": "${FailedBatchesBucket.Arn}/*"},
    # Whoever reads a table's stream asks which streams it has.
    {"Fn::Sub": "${RecordingsTable.Arn}/stream/*"},
)
"""What only a wildcard names."""


def routes_are_those_of_the_edge(stack: Stack) -> Iterator[str]:
    """Each shape of `http.routes` under both prefixes, collections with and without `.json`, and `$default`."""
    expected = {("$default", "$default")}
    for shape, methods in SHAPES.items():
        for prefix in PREFIXES:
            path = f"{prefix}/Accounts/{{AccountSid}}/{shape}"
            paths = {path} if path.endswith("}") else {path, f"{path}{SUFFIX}"}
            expected |= {(method, each) for method in methods for each in paths}
    routes = stack.routes()
    for method, path in sorted(expected - routes.keys()):
        yield f"no route {method} {path}"
    for method, path in sorted(routes.keys() - expected):
        yield f"no shape for {method} {path}"


def a_function_has_one_route(stack: Stack) -> Iterator[str]:
    """Prefix and suffix aside, a function answers one method of one resource, and nobody else answers it.

    A resource may also be reached under another, and HEAD is GET without a body.
    """
    shapes: dict[str, set[str]] = {}
    for (method, path), function in stack.routes().items():
        shape = path.removesuffix(SUFFIX)
        for prefix in sorted(PREFIXES, key=len, reverse=True):
            shape = shape.removeprefix(prefix)
        shapes.setdefault(function, set()).add(f"{method} {shape}")
    for function, answered in shapes.items():
        resources = {
            shape.replace("HEAD ", "GET ").replace(_ABOVE_A_TRANSCRIPTION, "/{AccountSid}") for shape in answered
        }
        if len(resources) > 1:
            yield f"{function} answers {' and '.join(sorted(answered))}"
    for shape in sorted({shape for answered in shapes.values() for shape in answered}):
        several = sorted(function for function, answered in shapes.items() if shape in answered)
        if len(several) > 1:
            yield f"{shape} is answered by {' and '.join(several)}"


_ABOVE_A_TRANSCRIPTION: Final = "/{AccountSid}/Recordings/{RecordingSid}"


def the_api_may_call_what_its_routes_name(stack: Stack) -> Iterator[str]:
    """Every route has a permission for its function that is no wider than itself, and nothing else may call one."""
    expected = {(function, _arn(method, path)) for (method, path), function in stack.routes().items()}
    found = set()
    for name, permission in stack.of_type("Lambda::Permission").items():
        source = permission.get("SourceArn", {}).get("Fn::Sub", ["", {}])
        if permission["Principal"] != "apigateway.amazonaws.com" or source[1].get("__ApiId__") != {"Ref": "Api"}:
            yield f"{name} lets in more than the API"
        found.add((permission["FunctionName"]["Ref"], source[0].partition("${__Stage__}/")[2]))
    for function, arn in sorted(expected - found):
        yield f"the API may not call {function} for {arn}"
    for function, arn in sorted(found - expected):
        yield f"{function} may be called for {arn}, which is no route"


def _arn(method: str, path: str) -> str:
    return "*" if path == "$default" else method + re.sub(r"\{\w+\}", "*", path)


def routes_can_be_deployed(stack: Stack) -> Iterator[str]:
    """A variable is a whole segment (`{Sid}.json` is refused), and siblings carry one name everywhere."""
    paths = [path.split("/") for _, path in stack.routes() if path != "$default"]
    for path in paths:
        for segment in path:
            if "{" in segment and not re.fullmatch(r"\{\w+\}", segment):
                yield f"{segment} is no segment in {'/'.join(path)}"
    siblings = sorted(
        {
            ("/".join(re.sub(r"^\{.*", "{}", part) for part in path[:position]), segment)
            for path in paths
            for position, segment in enumerate(path)
            if segment.startswith("{")
        }
    )
    for place, found in groupby(siblings, key=lambda sibling: sibling[0]):
        names = [segment for _, segment in found]
        if len(names) > 1:
            yield f"{place} is followed by {' and by '.join(names)}"


def who_makes_credentials_has_no_door(stack: Stack) -> Iterator[str]:
    """A function that may write credentials or seal a secret has no route, URL, queue or clock: IAM alone opens it."""
    for function in stack.functions:
        may = rights_on_secrets(stack, function)
        if may & WRITES or any(action.startswith("kms:") for action in may - {DECRYPT}):
            for door in doors_of(stack, function):
                yield f"{function} can be reached through {door}"


def who_opens_secrets_sends_callbacks(stack: Stack) -> Iterator[str]:
    """One function may open what is sealed, the sender of callbacks; it can be reached through its queue alone."""
    openers = [function for function in stack.functions if DECRYPT in rights_on_secrets(stack, function)]
    if openers != ["DeliverCallbackFunction"]:
        yield f"secrets are opened by {openers}"
    for function in openers:
        for door in doors_of(stack, function):
            queue = stack.resources.get(door, {}).get("Properties", {}).get("EventSourceArn")
            if queue != {"Fn::GetAtt": ["CallbacksQueue", "Arn"]}:
                yield f"{function} can be reached through {door}"


DECRYPT: Final = "kms:Decrypt"


def rights_on_secrets(stack: Stack, function: str) -> set[str]:
    """What a function may do with credentials, and with the key that seals some."""
    return {
        action
        for statement in stack.statements(function)
        for action in listed(statement["Action"])
        if {"CredentialsTable", "SigningKey"} & set(map(target, listed(statement["Resource"])))
    }


def doors_of(stack: Stack, function: str) -> list[str]:
    """Whatever leads to a function but IAM's leave to call it: routes, and logical ids of the rest."""
    routes = [" ".join(route) for route, behind in stack.routes().items() if behind == function]
    return routes + [
        name
        for name, resource in stack.resources.items()
        if resource["Type"] in _DOORS and mentions(resource["Properties"], function)
    ]


_DOORS: Final = frozenset(
    f"AWS::{kind}"
    for kind in (
        "Lambda::Permission",
        "Lambda::Url",
        "Lambda::EventSourceMapping",
        "Events::Rule",
        "Scheduler::Schedule",
    )
)


def routed_functions_never_meet_the_key(stack: Stack) -> Iterator[str]:
    """Neither the role nor the environment of a function with a route names the signing key."""
    for function in stack.routed():
        if mentions(stack.properties(function), "SigningKey") or mentions(stack.role(function), "SigningKey"):
            yield f"{function} names the signing key"


def the_key_is_named_where_it_is_used(stack: Stack) -> Iterator[str]:
    """`SIGNING_KMS_KEY_ID` is set exactly where the role may encrypt with it, or decrypt."""
    for function, properties in stack.functions.items():
        is_named = "SIGNING_KMS_KEY_ID" in properties["Environment"]["Variables"]
        may_use = any(action.startswith("kms:") for action in rights_on_secrets(stack, function))
        if is_named != may_use:
            yield f"{function}: SIGNING_KMS_KEY_ID {is_named}, rights {may_use}"


def nothing_is_public(stack: Stack) -> Iterator[str]:
    """No function has a URL, no policy of a resource lets in everybody, and there are no secrets in the template."""
    for name in stack.of_type("Lambda::Url"):
        yield f"{name} is a URL"
    for name, resource in stack.resources.items():
        for statement in _statements(resource.get("Properties", {})):
            if statement.get("Effect") != "Deny" and statement["Principal"] in ("*", {"AWS": "*"}):
                yield f"{name} lets in everybody"
    for name, bucket in stack.of_type("S3::Bucket").items():
        blocked = bucket.get("PublicAccessBlockConfiguration", {})
        if list(blocked.values()) != [True] * 4:
            yield f"{name} may become public"


def buckets_are_kept_close(stack: Stack) -> Iterator[str]:
    """Each is encrypted, keeps no versions (rule R18), survives the stack, and is reached through TLS alone."""
    guarded = {
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
            yield f"{name} keeps versions"
        if bucket.get("ObjectLockEnabled"):
            yield f"{name} locks objects"
        if not kept.get("DeletionPolicy") == kept.get("UpdateReplacePolicy") == "Retain":
            yield f"{name} goes with the stack"
        if name not in guarded:
            yield f"{name} may be reached without TLS"


def encoders_are_where_they_are_used(stack: Stack) -> Iterator[str]:
    """Only functions that may put media make MP3s, and only they carry the encoder's weight."""
    layers = {name for name in stack.of_type("Lambda::LayerVersion") if name.startswith("EncoderLayer")}
    for function, properties in stack.functions.items():
        carries = any(mentions(properties.get("Layers", []), layer) for layer in layers)
        puts = any(
            "s3:PutObject" in listed(statement["Action"]) and mentions(statement["Resource"], "MediaBucket")
            for statement in stack.statements(function)
        )
        if carries != puts:
            yield f"{function} {'carries' if carries else 'lacks'} the encoder"


def _statements(value: Any) -> Iterator[dict[str, Any]]:
    """Whatever says whom it is about."""
    match value:
        case dict():
            if "Principal" in value:
                yield value
            for part in value.values():
                yield from _statements(part)
        case list():
            for part in value:
                yield from _statements(part)


def tables_survive(stack: Stack) -> Iterator[str]:
    """Tables are encrypted, can be restored, are kept with the stack's end, and are protected as the operator says."""
    for name, table in stack.of_type("DynamoDB::Table").items():
        kept = stack.resources[name]
        promises = {
            "encryption": table.get("SSESpecification") == {"SSEEnabled": True},
            "recovery": table.get("PointInTimeRecoverySpecification") == {"PointInTimeRecoveryEnabled": True},
            "protection": table.get("DeletionProtectionEnabled") == {"Ref": "DeletionProtection"},
            "retention": kept.get("DeletionPolicy") == kept.get("UpdateReplacePolicy") == "Retain",
            "on demand": table.get("BillingMode") == "PAY_PER_REQUEST",
        }
        yield from (f"{name}: {promise}" for promise, is_kept in promises.items() if not is_kept)
    if stack.content["Parameters"]["DeletionProtection"]["Default"] != "true":
        yield "tables are not protected unless somebody asks for it"


def recordings_have_their_indexes_and_stream(stack: Stack) -> Iterator[str]:
    """Both indexes, keys only, and the stream with both images, from the first deployment on."""
    table = stack.properties("RecordingsTable")
    expected = {"work": ["work", "work_at"], "status": ["status_key", "sid"]}
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
    """KMS renews every key of ours each year; the one that sealed something is kept."""
    for name, key in stack.of_type("KMS::Key").items():
        if key.get("EnableKeyRotation") is not True:
            yield f"{name} does not rotate"
    if stack.resources["SigningKey"].get("DeletionPolicy") != "Retain":
        yield "SigningKey goes with the stack, and what it sealed with it"


def logs_end(stack: Stack) -> Iterator[str]:
    """Every log group forgets, and every function writes to one of them."""
    groups = stack.of_type("Logs::LogGroup")
    for name, group in groups.items():
        if "RetentionInDays" not in group:
            yield f"{name} is kept for ever"
    for function, properties in stack.functions.items():
        if properties.get("LoggingConfig", {}).get("LogGroup", {}).get("Ref") not in groups:
            yield f"{function} logs to a group of its own"


def stages_throttle_and_log(stack: Stack) -> Iterator[str]:
    """Every stage has limits and an access log that tells the route, never what a client wrote."""
    for name, stage in stack.of_type("ApiGatewayV2::Stage").items():
        limits = stage.get("DefaultRouteSettings", {})
        for limit in ("ThrottlingRateLimit", "ThrottlingBurstLimit"):
            if limit not in limits:
                yield f"{name} has no {limit}"
        log = stage.get("AccessLogSettings", {})
        if log.get("DestinationArn") != {"Fn::GetAtt": ["AccessLogs", "Arn"]}:
            yield f"{name} has no access log"
        told = set(re.findall(r"\$context\.([\w.]+)", log.get("Format", "")))
        if not {"requestId", "routeKey", "status"} <= told:
            yield f"{name} logs only {sorted(told)}"
        for variable in sorted(told):
            if any(field in variable.lower() for field in UNWATCHED_FIELDS):
                yield f"{name} logs {variable}"


def functions_are_alike(stack: Stack) -> Iterator[str]:
    """Python 3.13, `app.handler`, the layer, and an end before that of who waits; each a folder, each folder one."""
    layers = [{"Ref": name} for name in stack.of_type("Lambda::LayerVersion") if name.startswith("SharedLayer")]
    routed = stack.routed()
    for function, properties in stack.functions.items():
        if properties["Runtime"] != "python3.13":
            yield f"{function} runs on {properties['Runtime']}"
        if properties["Timeout"] > (MAX_TIMEOUT if function in routed else MAX_RUN):
            yield f"{function} may take {properties['Timeout']} s"
        if properties["Handler"] != "app.handler" or properties.get("Layers", [])[:1] != layers:
            yield f"{function} is started in a way of its own"
        expected = "".join(word.capitalize() for word in stack.operation(function).split("_")) + "Function"
        if function != expected:
            yield f"{function} runs the folder of {expected}"
    folders = {path.parent.name for path in (ROOT / "functions").glob("*/app.py")}
    yield from (
        f"functions/{folder} is in no stack" for folder in sorted(folders - set(map(stack.operation, stack.functions)))
    )


RULES: Final[tuple[Rule, ...]] = (
    policies_name_what_they_grant,
    routes_are_those_of_the_edge,
    a_function_has_one_route,
    the_api_may_call_what_its_routes_name,
    routes_can_be_deployed,
    who_makes_credentials_has_no_door,
    who_opens_secrets_sends_callbacks,
    routed_functions_never_meet_the_key,
    the_key_is_named_where_it_is_used,
    nothing_is_public,
    buckets_are_kept_close,
    encoders_are_where_they_are_used,
    tables_survive,
    recordings_have_their_indexes_and_stream,
    keys_rotate,
    logs_end,
    stages_throttle_and_log,
    functions_are_alike,
)
