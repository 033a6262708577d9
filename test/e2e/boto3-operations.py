"""Every operation of Lambent's Lambda API once through boto3, with its paginators and waiters.

Prints one JSON object: the operations called, and those of the ones named in OPERATIONS that were not. The endpoint comes
from AWS_ENDPOINT_URL, the runtime from RUNTIME.
"""
import base64, io, json, os, zipfile
import boto3

ROLE = "arn:aws:iam::000000000000:role/any"
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:all"
called = set()


def package(answer):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("index.py", "def handler(event, context):\n    return %r\n" % answer)
        archive.writestr("index.mjs", "export const handler = async () => %r;\n" % answer)
    return buffer.getvalue()


client = boto3.client("lambda")
client.meta.events.register("before-call.lambda.*", lambda model, **_: called.add(model.name))


def pages(operation, member, **parameters):
    parameters["PaginationConfig"] = {"PageSize": 1}
    return [item for page in client.get_paginator(operation).paginate(**parameters) for item in page[member]]


def expect(value, wanted):
    if value != wanted:
        raise SystemExit("expected %r, got %r" % (wanted, value))


def functions():
    made = client.create_function(
        FunctionName="all", Runtime=os.environ["RUNTIME"], Handler="index.handler", Role=ROLE, Code={"ZipFile": package("one")},
        Tags={"a": "b"}, Environment={"Variables": {"COLOUR": "green"}}, Description="d", Timeout=5, MemorySize=256)
    expect(made["State"], "Pending")
    for name in ("function_exists", "function_active", "function_active_v2"):
        client.get_waiter(name).wait(FunctionName="all")
    client.create_function(FunctionName="other", Runtime=os.environ["RUNTIME"], Handler="index.handler", Role=ROLE, Code={"ZipFile": package("one")}, Publish=True)
    client.get_waiter("function_active_v2").wait(FunctionName="other")
    expect([f["FunctionName"] for f in pages("list_functions", "Functions")], ["all", "other"])
    expect(len(pages("list_functions", "Functions", FunctionVersion="ALL")), 3)
    expect(client.update_function_code(FunctionName="all", ZipFile=package("two"), DryRun=True)["CodeSha256"] != made["CodeSha256"], True)
    client.update_function_code(FunctionName="all", ZipFile=package("two"))
    client.get_waiter("function_updated").wait(FunctionName="all")
    client.update_function_configuration(FunctionName="all", MemorySize=300)
    client.get_waiter("function_updated_v2").wait(FunctionName="all")
    got = client.get_function(FunctionName="all")
    expect((got["Configuration"]["MemorySize"], got["Tags"]), (300, {"a": "b"}))
    expect(client.get_function_configuration(FunctionName="all")["Environment"], {"Variables": {"COLOUR": "green"}})
    invoked = client.invoke(FunctionName="all", Payload=b"{}", LogType="Tail")
    expect((json.load(invoked["Payload"]), b"REPORT" in base64.b64decode(invoked["LogResult"])), ("two", True))
    expect(client.invoke(FunctionName="all", InvocationType="DryRun")["StatusCode"], 204)
    accepted = client.invoke(FunctionName="all", InvocationType="Event", Payload=b"{}")
    expect((accepted["StatusCode"], accepted["Payload"].read()), (202, b""))
    expect(client.invoke_async(FunctionName="all", InvokeArgs=b"{}")["Status"], 202)
    events = client.invoke_with_response_stream(FunctionName="all", Payload=b"{}")["EventStream"]
    expect([b"".join(e["PayloadChunk"]["Payload"] for e in events if "PayloadChunk" in e)], [b'"two"'])


def versions():
    expect(client.publish_version(FunctionName="all", Description="first")["Version"], "1")
    client.get_waiter("published_version_active").wait(FunctionName="all", Qualifier="1")
    expect(client.publish_version(FunctionName="all")["Version"], "1")
    client.update_function_configuration(FunctionName="all", Description="e")
    client.get_waiter("function_updated_v2").wait(FunctionName="all")
    expect(client.publish_version(FunctionName="all")["Version"], "2")
    expect([v["Version"] for v in pages("list_versions_by_function", "Versions", FunctionName="all")], ["$LATEST", "1", "2"])
    client.create_alias(FunctionName="all", Name="live", FunctionVersion="1")
    client.create_alias(FunctionName="all", Name="next", FunctionVersion="2")
    client.update_alias(FunctionName="all", Name="live", RoutingConfig={"AdditionalVersionWeights": {"2": 0.5}})
    expect(client.get_alias(FunctionName="all", Name="live")["RoutingConfig"], {"AdditionalVersionWeights": {"2": 0.5}})
    expect([a["Name"] for a in pages("list_aliases", "Aliases", FunctionName="all")], ["live", "next"])
    client.delete_alias(FunctionName="all", Name="next")


def settings():
    client.tag_resource(Resource=FUNCTION, Tags={"c": "d"})
    client.untag_resource(Resource=FUNCTION, TagKeys=["a"])
    expect(client.list_tags(Resource=FUNCTION)["Tags"], {"c": "d"})
    client.put_function_concurrency(FunctionName="all", ReservedConcurrentExecutions=5)
    expect(client.get_function_concurrency(FunctionName="all")["ReservedConcurrentExecutions"], 5)
    client.put_provisioned_concurrency_config(FunctionName="all", Qualifier="2", ProvisionedConcurrentExecutions=1)
    expect(client.get_provisioned_concurrency_config(FunctionName="all", Qualifier="2")["RequestedProvisionedConcurrentExecutions"], 1)
    expect(len(pages("list_provisioned_concurrency_configs", "ProvisionedConcurrencyConfigs", FunctionName="all")), 1)
    client.delete_provisioned_concurrency_config(FunctionName="all", Qualifier="2")
    client.delete_function_concurrency(FunctionName="all")
    expect(client.get_account_settings()["AccountUsage"]["FunctionCount"], 2)
    client.put_function_event_invoke_config(FunctionName="all", MaximumRetryAttempts=1)
    client.update_function_event_invoke_config(FunctionName="all", MaximumEventAgeInSeconds=100)
    client.put_function_event_invoke_config(FunctionName="all", Qualifier="live", MaximumRetryAttempts=0)
    expect(client.get_function_event_invoke_config(FunctionName="all")["MaximumEventAgeInSeconds"], 100)
    expect(len(pages("list_function_event_invoke_configs", "FunctionEventInvokeConfigs", FunctionName="all")), 2)
    client.delete_function_event_invoke_config(FunctionName="all")
    client.create_function_url_config(FunctionName="all", AuthType="NONE")
    client.update_function_url_config(FunctionName="all", AuthType="AWS_IAM")
    expect(client.get_function_url_config(FunctionName="all")["AuthType"], "AWS_IAM")
    expect(len(pages("list_function_url_configs", "FunctionUrlConfigs", FunctionName="all")), 1)
    client.delete_function_url_config(FunctionName="all")
    client.put_function_recursion_config(FunctionName="all", RecursiveLoop="Allow")
    expect(client.get_function_recursion_config(FunctionName="all")["RecursiveLoop"], "Allow")
    client.put_runtime_management_config(FunctionName="all", UpdateRuntimeOn="FunctionUpdate")
    expect(client.get_runtime_management_config(FunctionName="all")["UpdateRuntimeOn"], "FunctionUpdate")


def policies():
    client.add_permission(FunctionName="all", StatementId="s3", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com")
    expect(json.loads(client.get_policy(FunctionName="all")["Policy"])["Statement"][0]["Sid"], "s3")
    client.remove_permission(FunctionName="all", StatementId="s3")
    if hasattr(client, "put_resource_policy"):
        statement = {"Sid": "own", "Effect": "Allow", "Principal": {"AWS": "000000000000"}, "Action": "lambda:InvokeFunction", "Resource": FUNCTION}
        client.put_resource_policy(ResourceArn=FUNCTION, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
        client.get_resource_policy(ResourceArn=FUNCTION)
        client.delete_resource_policy(ResourceArn=FUNCTION)


def code_signing():
    publishers = {"SigningProfileVersionArns": ["arn:aws:signer:us-east-1:000000000000:/signing-profiles/all/abcdefghij"]}
    arn = client.create_code_signing_config(AllowedPublishers=publishers)["CodeSigningConfig"]["CodeSigningConfigArn"]
    client.update_code_signing_config(CodeSigningConfigArn=arn, Description="d")
    expect(client.get_code_signing_config(CodeSigningConfigArn=arn)["CodeSigningConfig"]["Description"], "d")
    expect(len(pages("list_code_signing_configs", "CodeSigningConfigs")), 1)
    client.put_function_code_signing_config(FunctionName="all", CodeSigningConfigArn=arn)
    expect(client.get_function_code_signing_config(FunctionName="all")["CodeSigningConfigArn"], arn)
    expect(pages("list_functions_by_code_signing_config", "FunctionArns", CodeSigningConfigArn=arn), [FUNCTION])
    client.delete_function_code_signing_config(FunctionName="all")
    client.delete_code_signing_config(CodeSigningConfigArn=arn)


def layers():
    for answer in ("one", "two"):
        version = client.publish_layer_version(LayerName="all", Content={"ZipFile": package(answer)}, CompatibleRuntimes=["python3.12"])
    expect(version["Version"], 2)
    expect(client.get_layer_version(LayerName="all", VersionNumber=1)["Version"], 1)
    expect(client.get_layer_version_by_arn(Arn=version["LayerVersionArn"])["Version"], 2)
    expect([v["Version"] for v in pages("list_layer_versions", "LayerVersions", LayerName="all")], [2, 1])
    expect([l["LayerName"] for l in pages("list_layers", "Layers")], ["all"])
    client.add_layer_version_permission(LayerName="all", VersionNumber=1, StatementId="s", Action="lambda:GetLayerVersion", Principal="*")
    expect("lambda:GetLayerVersion" in client.get_layer_version_policy(LayerName="all", VersionNumber=1)["Policy"], True)
    client.remove_layer_version_permission(LayerName="all", VersionNumber=1, StatementId="s")
    for number in (1, 2):
        client.delete_layer_version(LayerName="all", VersionNumber=number)


def mappings():
    queue = boto3.client("sqs", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
    queue.create_queue(QueueName="work")
    arn = "arn:aws:sqs:us-east-1:000000000000:work"
    uuid = client.create_event_source_mapping(FunctionName="all", EventSourceArn=arn, BatchSize=5)["UUID"]
    while client.get_event_source_mapping(UUID=uuid)["State"] != "Enabled":
        pass
    expect([m["UUID"] for m in pages("list_event_source_mappings", "EventSourceMappings", FunctionName="all")], [uuid])
    expect(client.update_event_source_mapping(UUID=uuid, BatchSize=7)["BatchSize"], 7)
    expect(client.delete_event_source_mapping(UUID=uuid)["State"], "Deleting")


def removal():
    for name in ("all", "other"):
        client.delete_function(FunctionName=name)
    expect(pages("list_functions", "Functions"), [])


for part in (functions, versions, settings, policies, code_signing, layers, mappings, removal):
    part()
known = set(client.meta.service_model.operation_names)
wanted = set(json.loads(os.environ["OPERATIONS"]))
print(json.dumps({"called": sorted(called), "missed": sorted((wanted & known) - called), "unknown": sorted(wanted - known)}))
