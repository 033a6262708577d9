"""The newcomer's round with boto3: prints one JSON object with what it saw. The endpoint comes from AWS_ENDPOINT_URL."""
import base64, io, json, zipfile
import boto3

def package(text):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("app.py", "def handler(event, context):\n    print('saw', event)\n    return %r\n" % text)
    return buffer.getvalue()

def main():
    client = boto3.client("lambda")
    logs = boto3.client("logs")
    runtime = [name for name in ("python3.13", "python3.12", "python3.11", "python3.10", "python3.9")]
    for name in runtime:
        try:
            client.create_function(FunctionName="boto", Runtime=name, Handler="app.handler", Role="arn:aws:iam::000000000000:role/any", Code={"ZipFile": package("one")})
            break
        except client.exceptions.InvalidParameterValueException as error:
            last = str(error)
    else:
        raise SystemExit(last)
    client.get_waiter("function_active_v2").wait(FunctionName="boto")
    first = client.invoke(FunctionName="boto", Payload=b'{"n": 1}', LogType="Tail")
    seen = {"first": json.load(first["Payload"]), "log": base64.b64decode(first["LogResult"]).decode()}
    client.update_function_code(FunctionName="boto", ZipFile=package("two"))
    client.get_waiter("function_updated_v2").wait(FunctionName="boto")
    seen["version"] = client.publish_version(FunctionName="boto")["Version"]
    client.create_alias(FunctionName="boto", Name="live", FunctionVersion=seen["version"])
    seen["second"] = json.load(client.invoke(FunctionName="boto", Qualifier="live")["Payload"])
    seen["events"] = len(logs.filter_log_events(logGroupName="/aws/lambda/boto", filterPattern="saw")["events"])
    try:
        client.invoke(FunctionName="missing")
    except client.exceptions.ResourceNotFoundException as error:
        seen["missing"] = error.response["Error"]["Message"]
    seen["identity"] = boto3.client("sts").get_caller_identity()["Arn"]
    events = list(client.invoke_with_response_stream(FunctionName="boto", Payload=b'{"n": 2}')["EventStream"])
    seen["stream"] = [e["PayloadChunk"]["Payload"].decode() if "PayloadChunk" in e else e for e in events]
    client.delete_function(FunctionName="boto")
    seen["left"] = [f["FunctionName"] for page in client.get_paginator("list_functions").paginate() for f in page["Functions"]]
    print(json.dumps(seen))

main()
