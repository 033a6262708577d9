"""Sends every operation with random input through boto3 and compares what the server saw and what came back.

Arguments: endpoint, seed, then the services. Prints one JSON line per operation: {"operation", "problem"?}.
The server tells under /__last what its handler received and returned.
"""

import datetime
import json
import random
import sys
import urllib.request

import boto3
from botocore.config import Config

endpoint, seed, *services = sys.argv[1:]
random.seed(int(seed))
words = ["plain", "é ü", "<&>\"'", "a b+c", "日本", "%2F/x", "x=1&y=2", "\U0001f600", "1", "true", "-"]


def word():
    return "w%x%s" % (random.randrange(10**6), random.choice(words))


def generate(shape, depth=0):
    kind = shape.type_name
    if kind == "structure":
        return generate_structure(shape, depth)
    if kind == "list":
        items = [generate(shape.member, depth + 1) for _ in range(2)] if depth < 8 else [None]
        return None if None in items else items
    if kind == "map":
        value = generate(shape.value, depth + 1) if depth < 8 else None
        return None if value is None else {"k" + word(): value, "l": value}
    if kind == "blob":
        return bytes([0, 255, random.randrange(256)])
    if kind == "timestamp":
        return datetime.datetime.fromtimestamp(1_700_000_000 + random.randrange(10**6), datetime.timezone.utc)
    if kind == "boolean":
        return random.random() < 0.5
    if kind in ("integer", "long"):
        return random.randrange(1000)
    if kind in ("float", "double"):
        return float(random.randrange(1000))
    return word()


def generate_structure(shape, depth):
    members = list(shape.members.items())
    is_union = getattr(shape, "is_tagged_union", False)
    if is_union:
        members = [random.choice(members)]
    result = {}
    for name, member in members:
        if member.serialization.get("streaming") or getattr(member, "is_document_type", False):
            continue
        is_optional = name not in shape.required_members and not is_union
        if is_optional and (depth > 3 or random.random() < 0.2):
            continue
        is_header = member.serialization.get("location") == "header" and member.type_name == "string"
        value = "h%d" % random.randrange(10**6) if is_header else generate(member, depth + 1)
        if value is not None:
            result[name] = value
    if depth > 0 and not result:
        for name, member in shape.members.items():
            value = generate(member, depth + 1)
            if value is not None:
                return {name: value}
        return None
    return result


def comparable(value):
    if isinstance(value, (bytes, bytearray)):
        return "bytes " + bytes(value).hex()
    if isinstance(value, datetime.datetime):
        return "time %d" % round(value.timestamp() * 1000)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [comparable(item) for item in value]
    if isinstance(value, dict):
        members = {name: comparable(item) for name, item in value.items() if name != "ResponseMetadata"}
        return {name: item for name, item in members.items() if item is not None and item != {} and item != []}
    return value


def known(value, shape):
    """Drops members that this botocore's model does not have yet."""
    if shape is None or value is None:
        return value
    kind = shape.type_name
    if kind == "structure" and isinstance(value, dict):
        return {name: known(item, shape.members[name]) for name, item in value.items() if name in shape.members}
    if kind == "list" and isinstance(value, list):
        return [known(item, shape.member) for item in value]
    if kind == "map" and isinstance(value, dict):
        return {name: known(item, shape.value) for name, item in value.items()}
    return value


def difference(left, right, path=""):
    if isinstance(left, dict) and isinstance(right, dict):
        for name in sorted(set(left) | set(right)):
            found = difference(left.get(name), right.get(name), "%s.%s" % (path, name))
            if found:
                return found
        return None
    if isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        for index, (one, other) in enumerate(zip(left, right)):
            found = difference(one, other, "%s[%d]" % (path, index))
            if found:
                return found
        return None
    return None if left == right else "%s: %r is not %r" % (path, left, right)


def round_trip(client, method, model):
    sent = (generate(model.input_shape) if model.input_shape else {}) or {}
    # The client makes a host name of it, which is not this server's.
    if model.name == "PutEvents":
        sent.pop("EndpointId", None)
    output = getattr(client, method)(**sent)
    with urllib.request.urlopen(endpoint + "/__last") as response:
        last = json.load(response)
    if last["operation"] != model.name:
        return "was routed to " + last["operation"]
    received = last["input"]
    for name, member in (model.input_shape.members if model.input_shape else {}).items():
        if member.metadata.get("idempotencyToken") and name not in sent:
            received.pop(name, None)
    problem = difference(comparable(received), comparable(sent))
    if problem:
        return "input" + problem
    if model.output_shape is None:
        return None
    streaming = {name for name, member in model.output_shape.members.items() if hasattr(output.get(name), "read")}
    for name in streaming:
        output[name] = output[name].read()
    problem = difference(comparable(output), comparable(known(last["output"], model.output_shape)))
    return problem and "output" + problem


config = Config(
    parameter_validation=False, retries={"total_max_attempts": 1}, inject_host_prefix=False,
    request_checksum_calculation="when_required", response_checksum_validation="when_required",
)
# Services that boto3 does not call by their signing names.
CLIENTS = {"monitoring": "cloudwatch"}
for service in services:
    client = boto3.client(
        CLIENTS.get(service, service), endpoint_url=endpoint, region_name="eu-west-1", aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key="secret", config=config,
    )
    for method, operation in sorted(client.meta.method_to_api_mapping.items()):
        model = client.meta.service_model.operation_model(operation)
        if model.has_event_stream_output or model.has_streaming_input:
            continue
        try:
            problem = round_trip(client, method, model) or round_trip(client, method, model)
        except Exception as error:
            problem = "%s: %s" % (type(error).__name__, error)
        print(json.dumps({"operation": "%s:%s" % (service, operation), "problem": problem}))
