"""Random input through boto3 to every handler of a running Lambent: what the model allows, then what it forbids.

Arguments: endpoint, seed, then a JSON object {service: [operations that are served]}. Prints one JSON object:
{"problems": [...], "calls": {"valid": n, "succeeded": of these, "forbidden": n, "answered": of
these}, "succeeded": {"GetFunction": times, ...}}.
A problem is an answer of 500 or above, one without an AWS error, or none in time.
"""

import datetime
import io
import json
import os
import random
import re
import sys
import zipfile

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError, ReadTimeoutError
from botocore.parsers import ResponseParserError

endpoint, seed, served = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3])
random.seed(seed)
REGION, ACCOUNT = "us-east-1", "000000000000"
VALID_ROUNDS = 3
FORBIDDEN_ROUNDS = {"lambda": 2}
ROLE = "arn:aws:iam::%s:role/any" % ACCOUNT
FUNCTION = "arn:aws:lambda:%s:%s:function:" % (REGION, ACCOUNT)
QUEUE = "arn:aws:sqs:%s:%s:" % (REGION, ACCOUNT)
SIGNING = "arn:aws:lambda:%s:%s:code-signing-config:csc-0123456789abcdef0" % (REGION, ACCOUNT)
UUID = "00000000-0000-4000-8000-000000000000"


def package():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("index.py", "def handler(event, context):\n    return 1\n")
        archive.writestr("index.mjs", "export const handler = async () => 1;\n")
    return buffer.getvalue()


ZIP = package()
NEVER = [None]


def new():
    return "n%d" % random.randrange(10**9)


# Values that make sense where the model alone does not tell them; None leaves the member out.
POOL = {
    "FunctionName": ["one", "one", "one", "two", FUNCTION + "one"],
    "CreateFunction.FunctionName": [new],
    "DeleteFunction.FunctionName": ["missing"],
    "DeleteFunction.Qualifier": NEVER,
    "PutFunctionConcurrency.ReservedConcurrentExecutions": [1, 5],
    "PutProvisionedConcurrencyConfig.ProvisionedConcurrentExecutions": [1],
    "PutProvisionedConcurrencyConfig.Qualifier": ["9"],
    "GetProvisionedConcurrencyConfig.Qualifier": ["live"],
    "DeleteProvisionedConcurrencyConfig.Qualifier": ["live"],
    "GetRuntimeManagementConfig.Qualifier": [None, "1"],
    "PutFunctionCodeSigningConfig.FunctionName": ["two"],
    "UpdateFunctionCode.FunctionName": ["one"],
    "Invoke.FunctionName": ["one"],
    "InvokeAsync.FunctionName": ["one"],
    "Invoke.InvocationType": ["DryRun"],
    "InvokeAsync.InvokeArgs": [b"{}"],
    "Payload": [b"{}", b"[1]"],
    "ClientContext": [None, "e30="],
    "LayerName": ["layer"],
    "VersionNumber": [1, 1, 2],
    "DeleteLayerVersion.VersionNumber": [9],
    "Qualifier": [None, "$LATEST", "live", "1"],
    "AddPermission.FunctionName": ["one"],
    "AddPermission.Qualifier": NEVER,
    "RemovePermission.FunctionName": ["one"],
    "RemovePermission.Qualifier": NEVER,
    "GetPolicy.FunctionName": ["one"],
    "GetPolicy.Qualifier": NEVER,
    "Name": ["live"],
    "CreateAlias.Name": [new],
    "CreateAlias.FunctionName": ["one"],
    "DeleteAlias.FunctionName": ["one"],
    "FunctionVersion": ["$LATEST", "1"],
    "ListFunctions.FunctionVersion": [None, "ALL"],
    "ListAliases.FunctionVersion": [None, "1"],
    "RoutingConfig": [None, {"AdditionalVersionWeights": {}}],
    "Role": [ROLE],
    "Runtime": [os.environ["RUNTIME"]],
    "Handler": ["index.handler"],
    "ZipFile": [ZIP],
    "Code": [{"ZipFile": ZIP}],
    "Content": [{"ZipFile": ZIP}],
    "Resource": [FUNCTION + "one"],
    "ResourceArn": [FUNCTION + "one"],
    "StatementId": [new],
    "AddLayerVersionPermission.VersionNumber": [1],
    "RemoveLayerVersionPermission.VersionNumber": [1],
    "GetLayerVersionPolicy.VersionNumber": [1],
    "MasterRegion": NEVER,
    "Principal": [ACCOUNT, "s3.amazonaws.com", "*"],
    "AddLayerVersionPermission.Principal": [ACCOUNT, "*"],
    "PrincipalOrgID": NEVER,
    "OrganizationId": NEVER,
    "FunctionUrlAuthType": NEVER,
    "InvokedViaFunctionUrl": NEVER,
    "Action": ["lambda:InvokeFunction"],
    "AddLayerVersionPermission.Action": ["lambda:GetLayerVersion"],
    "SourceArn": [None, "arn:aws:s3:::bucket"],
    "SourceAccount": [None, ACCOUNT],
    "EventSourceToken": NEVER,
    "CodeSigningConfigArn": [SIGNING],
    "CreateFunction.CodeSigningConfigArn": NEVER,
    "SigningProfileVersionArns": [["arn:aws:signer:%s:%s:/signing-profiles/p/abcdefghij" % (REGION, ACCOUNT)]],
    "EventSourceArn": [QUEUE + "fuzz"],
    "CreateEventSourceMapping.FunctionName": ["one", "two"],
    "UpdateEventSourceMapping.FunctionName": ["one"],
    "ListEventSourceMappings.FunctionName": [None, "one"],
    "UUID": [UUID],
    "Enabled": [None, False],
    "BatchSize": [None, 1, 10],
    "MaximumBatchingWindowInSeconds": [None, 0, 10],
    "FilterCriteria": [None, {"Filters": [{"Pattern": '{"body":{"a":[1]}}'}]}],
    "FunctionResponseTypes": [None, ["ReportBatchItemFailures"]],
    "ScalingConfig": [None, {"MaximumConcurrency": 2}],
    "Arn": ["arn:aws:lambda:%s:%s:layer:layer:1" % (REGION, ACCOUNT)],
    "Tags": [{"a": "b"}],
    "TagKeys": [["z"]],
    "Marker": NEVER,
    "RevisionId": NEVER,
    "CodeSha256": NEVER,
    "Timeout": [None, 3, 900],
    "MemorySize": [None, 128, 1024],
    "EphemeralStorage": [None, {"Size": 512}, {"Size": 10240}],
    "Environment": [None, {"Variables": {"NAME": "ü"}}, {"Variables": {}}],
    "TracingConfig": [None, {"Mode": "Active"}],
    "LoggingConfig": [None, {"LogFormat": "JSON", "ApplicationLogLevel": "WARN"}, {"LogFormat": "Text"}],
    "Architectures": NEVER,
    "CompatibleRuntimes": [None, ["python3.12", "provided.al2023"]],
    "CompatibleRuntime": [None, "python3.12"],
    "UpdateRuntimeOn": ["Auto", "FunctionUpdate"],
    "RuntimeVersionArn": NEVER,
    "AuthType": ["NONE", "AWS_IAM"],
    "Cors": [None, {"AllowOrigins": ["*"], "MaxAge": 5}],
    "DestinationConfig": [None, {"OnFailure": {"Destination": QUEUE + "fuzz"}}],
    "MaximumRetryAttempts": [0, 2],
    "MaximumEventAgeInSeconds": [None, 60, 21600],
    "CreateEventSourceMapping.DestinationConfig": NEVER,
    "UpdateEventSourceMapping.DestinationConfig": NEVER,
    "CreateEventSourceMapping.MaximumRetryAttempts": NEVER,
    "UpdateEventSourceMapping.MaximumRetryAttempts": NEVER,
    "Policy": ['{"Version":"2012-10-17","Statement":[]}'],
}
for name in (
    "DeadLetterConfig DurableExecutionName TenantId VpcConfig CapacityProviderConfig DurableConfig KMSKeyArn PublishTo ImageUri "
    "SourceKMSKeyArn S3Bucket S3Key S3ObjectVersion S3ObjectStorageMode PackageType SnapStart Layers ImageConfig "
    "FileSystemConfigs TenancyConfig StartingPosition StartingPositionTimestamp MaximumRecordAgeInSeconds "
    "BisectBatchOnFunctionError ParallelizationFactor TumblingWindowInSeconds Topics Queues MetricsConfig "
    "SourceAccessConfigurations SelfManagedEventSource AmazonManagedKafkaEventSourceConfig "
    "SelfManagedKafkaEventSourceConfig DocumentDBEventSourceConfig ProvisionedPollerConfig"
).split():
    POOL[name] = NEVER
for operation in ("CreateEventSourceMapping", "UpdateEventSourceMapping"):
    POOL[operation + ".LoggingConfig"] = NEVER
for verb in ("Create", "Get", "Update", "Delete", "List"):
    for kind in ("UrlConfig", "EventInvokeConfig", "UrlConfigs", "EventInvokeConfigs"):
        POOL["%sFunction%s.FunctionName" % (verb, kind)] = ["one"]
        POOL["%sFunction%s.Qualifier" % (verb, kind)] = NEVER
POOL.update({"PutFunctionEventInvokeConfig.FunctionName": ["one"], "PutFunctionEventInvokeConfig.Qualifier": NEVER})
# Nobody waits for messages here, and no body is shorter than it is said to be: the server would wait for the rest.
CALM = {"WaitTimeSeconds": [None, 0], "DelaySeconds": [None, 0], "ContentLength": NEVER}

WORDS = [
    "one", "text", "a", "1", "12", ACCOUNT, "$LATEST", "*", "/a/b/", "o-abcdefghij", "s3.amazonaws.com", ROLE, FUNCTION + "one",
    QUEUE + "fuzz", SIGNING, UUID, "rate(5 minutes)", "AKIAAAAAAAAAAAAAAAAA", "2020-01-01", "name_1", "a" * 32, "e30=",
]
AWKWARD = [
    "", " ", "\u00fc", "\U0001f600", "a/b", "../..", "%00", "x" * 300, "x" * 5000, "__proto__", "constructor", "'\"<&>",
    "arn:aws:lambda:::", "arn:aws:iam::1:root", "\u2028", "{", "[]", "null", "-1", "$LATEST", ":::::", "a b", "a\tb",
]

# What the name of a header may be.
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class Generator:
    """Values for input shapes; `forbidden`: mostly such that the model or the handler refuses them."""

    def __init__(self, operation, pool, forbidden):
        self.operation, self.pool, self.forbidden = operation, pool, forbidden

    def structure(self, shape, depth=0):
        members = list(shape.members.items())
        if getattr(shape, "is_tagged_union", False):
            members = [random.choice(members)]
        result = {}
        for name, member in members:
            required = name in shape.required_members
            if required and self.forbidden and random.random() < 0.1 and member.serialization.get("location") != "uri":
                continue
            pool = CALM.get(name) or self.pool.get("%s.%s" % (self.operation, name)) or self.pool.get(name)
            if not required and pool is None and random.random() < 0.5:
                continue
            value = self.member(pool, member, depth)
            if value is not None:
                result[name] = value
        return result

    def member(self, pool, shape, depth):
        if pool is not None and (pool in CALM.values() or not self.forbidden or random.random() < 0.5):
            value = random.choice(pool)
            return value() if callable(value) else value
        return self.value(shape, depth + 1)

    def value(self, shape, depth):
        kind = shape.type_name
        if self.forbidden and random.random() < 0.05:
            return random.choice(["text", 7, -1, True, [], {}, [{}], 1e300])
        if depth > 6:
            return None
        if kind == "structure":
            return self.structure(shape, depth)
        limits = shape.metadata
        if kind == "list":
            size = random.choice([0, 1, 3, 1 + int(limits.get("max", 100))]) if self.forbidden else max(1, int(limits.get("min", 1)))
            items = [self.value(shape.member, depth + 1) for _ in range(min(size, 200))]
            return [item for item in items if item is not None]
        if kind == "map":
            key, value = self.value(shape.key, depth + 1), self.value(shape.value, depth + 1)
            if shape.serialization.get("location") == "headers" and not TOKEN.fullmatch(str(key)):
                # Every HTTP server refuses it before a service could name an error.
                key = "key"
            return None if value is None else {str(key): value}
        if kind == "blob":
            return random.choice([b"", b"\xff\xfe", b"{}", b"x" * 70_000]) if self.forbidden else b"{}"
        if kind == "timestamp":
            return datetime.datetime.fromtimestamp(1_700_000_000 + random.randrange(10**6), datetime.timezone.utc)
        if kind == "boolean":
            return random.random() < 0.5
        if kind in ("integer", "long", "float", "double"):
            low, high = int(limits.get("min", 0)), int(limits.get("max", limits.get("min", 0) + 100))
            if self.forbidden:
                return random.choice([-1, 0, low - 1, high + 1, 2**31, 2**53, 2**63, low])
            return random.randint(low, min(high, low + 100))
        return self.text(shape)

    def text(self, shape):
        limits = shape.metadata
        if self.forbidden and random.random() < 0.7:
            return random.choice(AWKWARD)
        if limits.get("enum"):
            return random.choice(limits["enum"])
        fitting = [word for word in WORDS if fits(word, limits)]
        return random.choice(fitting) if fitting else "a" * max(1, int(limits.get("min", 1)))


def fits(word, limits):
    if not int(limits.get("min", 0)) <= len(word) <= int(limits.get("max", 10**9)):
        return False
    try:
        return "pattern" not in limits or re.fullmatch(limits["pattern"], word) is not None
    except re.error:
        return True


config = Config(
    parameter_validation=False, retries={"total_max_attempts": 1}, inject_host_prefix=False, read_timeout=15, connect_timeout=5,
    request_checksum_calculation="when_required", response_checksum_validation="when_required",
    s3={"addressing_style": "path"},
)
CLIENTS = {"monitoring": "cloudwatch"}
problems, succeeded, tries = [], {}, {"valid": 0, "succeeded": 0, "forbidden": 0, "answered": 0}


def connect(service):
    return boto3.client(
        CLIENTS.get(service, service), endpoint_url=endpoint, region_name=REGION, aws_access_key_id="any",
        aws_secret_access_key="any", config=config,
    )


def call(client, method, service, operation, sent):
    """The status and the output; what the client itself refuses to send has no status."""
    about = "%s:%s %s" % (service, operation, repr(sent)[:600])
    try:
        output = getattr(client, method)(**sent)
        for value in output.values():
            if hasattr(value, "read"):
                value.read()
        status = output["ResponseMetadata"]["HTTPStatusCode"]
        if not 200 <= status < 400:
            problems.append("%d without an error: %s" % (status, about))
        return status, output
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        code = error.response.get("Error", {}).get("Code", "")
        # An answer to HEAD has no body that could name the error.
        named = re.fullmatch(r"[A-Z][A-Za-z0-9.]+", code) and code != "Unknown" or operation.startswith("Head")
        # 431: a URL longer than HTTP servers read. 501: what Lambent does not have, refused by name.
        if status != 431 and (not (300 <= status < 500 or status == 501) or not named):
            problems.append("%d %s: %s" % (status, error, about))
        return status, None
    except (ReadTimeoutError, ConnectionClosedError, EndpointConnectionError, ResponseParserError) as error:
        problems.append("%s: %s: %s" % (type(error).__name__, error, about))
        return None, None
    except Exception:
        return None, None


def operations_of(service, client):
    for method, operation in sorted(client.meta.method_to_api_mapping.items()):
        model = client.meta.service_model.operation_model(operation)
        if operation in served[service] and not model.has_event_stream_output:
            yield method, operation, model


def learn(operation, sent, output):
    """Later calls are about what earlier ones have made."""
    if operation == "CreateCodeSigningConfig":
        doomed = POOL["CodeSigningConfigArn"]
        POOL["CodeSigningConfigArn"] = [output["CodeSigningConfig"]["CodeSigningConfigArn"]]
        POOL["DeleteCodeSigningConfig.CodeSigningConfigArn"] = doomed
    elif operation == "CreateEventSourceMapping":
        POOL["UUID"] = [output["UUID"]]
    elif operation == "CreateFunction":
        POOL["DeleteFunction.FunctionName"] = [sent["FunctionName"]]
    elif operation == "CreateAlias":
        POOL["DeleteAlias.Name"] = [sent["Name"]]
    elif operation in ("AddPermission", "AddLayerVersionPermission"):
        POOL[operation.replace("Add", "Remove") + ".StatementId"] = [sent["StatementId"]]


def in_order(operation):
    """What makes things comes first, what removes them last."""
    verb = re.match(r"[A-Z][a-z]+", operation[1]).group()
    ranks = {"Create": 0, "Publish": 0, "Put": 1, "Add": 1, "Tag": 1, "Delete": 3, "Remove": 3}
    return ranks.get(verb, 2), random.random()


def send_valid():
    client = connect("lambda")
    connect("sqs").create_queue(QueueName="fuzz", Attributes={"VisibilityTimeout": "900"})
    for name in ("one", "two"):
        made = dict(FunctionName=name, Runtime=os.environ["RUNTIME"], Handler="index.handler", Role=ROLE, Code={"ZipFile": ZIP}, Publish=True)
        client.create_function(**made)
        client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.1})
        client.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    for _ in range(2):
        client.publish_layer_version(LayerName="layer", Content={"ZipFile": ZIP})
    for _ in range(VALID_ROUNDS):
        for method, operation, model in sorted(operations_of("lambda", client), key=in_order):
            sent = Generator(operation, POOL, False).structure(model.input_shape) if model.input_shape else {}
            status, output = call(client, method, "lambda", operation, sent)
            tries["valid"] += 1
            tries["succeeded"] += output is not None
            if output is not None:
                succeeded[operation] = succeeded.get(operation, 0) + 1
                learn(operation, sent, output)


def send_forbidden():
    for service in served:
        client = connect(service)
        for _ in range(FORBIDDEN_ROUNDS.get(service, 1)):
            for method, operation, model in operations_of(service, client):
                pool = POOL if service == "lambda" else {}
                sent = Generator(operation, pool, True).structure(model.input_shape) if model.input_shape else {}
                status, _ = call(client, method, service, operation, sent)
                tries["forbidden"] += 1
                tries["answered"] += status is not None


send_valid()
send_forbidden()
print(json.dumps({"problems": problems, "calls": tries, "succeeded": succeeded}))
