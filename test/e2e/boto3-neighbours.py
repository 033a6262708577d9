"""Every operation of Lambent's IAM, STS and CloudWatch Logs once through boto3, with paginators and typed errors.

Prints one JSON object: those of the operations named in OPERATIONS ("iam:CreateRole") that were not called. The endpoint
comes from AWS_ENDPOINT_URL.
"""
import json, os, time
import boto3

ACCOUNT = "000000000000"
BASIC = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
called = set()


def document(action, **more):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, **more}]})


READ = document("lambda:Get*", Resource="*")
TRUST = document("sts:AssumeRole", Principal={"AWS": ACCOUNT})


def client(service):
    made = boto3.client(service)
    made.meta.events.register(f"before-call.{service}.*", lambda model, **_: called.add(f"{service}:{model.name}"))
    return made


iam, sts, logs = client("iam"), client("sts"), client("logs")


def pages(of, operation, member, **parameters):
    parameters["PaginationConfig"] = {"PageSize": 1}
    return [item for page in of.get_paginator(operation).paginate(**parameters) for item in page[member]]


def refused(error, call, **parameters):
    try:
        call(**parameters)
    except error as raised:
        return raised.response["Error"]["Message"]
    raise AssertionError(f"{call} was not refused")


def roles(boundary):
    role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST, PermissionsBoundary=boundary)["Role"]
    iam.get_waiter("role_exists").wait(RoleName="r")
    assert role["PermissionsBoundary"]["PermissionsBoundaryArn"] == boundary
    iam.delete_role_permissions_boundary(RoleName="r")
    iam.put_role_permissions_boundary(RoleName="r", PermissionsBoundary=boundary)
    iam.update_role(RoleName="r", MaxSessionDuration=7200)
    assert iam.update_role_description(RoleName="r", Description="d")["Role"]["Description"] == "d"
    iam.update_assume_role_policy(RoleName="r", PolicyDocument=TRUST)
    iam.tag_role(RoleName="r", Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    iam.untag_role(RoleName="r", TagKeys=["a"])
    assert pages(iam, "list_role_tags", "Tags", RoleName="r") == [{"Key": "b", "Value": "2"}]
    assert pages(iam, "list_instance_profiles_for_role", "InstanceProfiles", RoleName="r") == []
    assert [each["RoleName"] for each in pages(iam, "list_roles", "Roles")] == ["r"]
    assert iam.get_role(RoleName="r")["Role"]["MaxSessionDuration"] == 7200
    policies_of("role", RoleName="r")
    session = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="session", Policy=READ, PolicyArns=[{"arn": BASIC}])
    assert session["PackedPolicySize"] > 0 and session["Credentials"]["AccessKeyId"].startswith("ASIA")
    iam.delete_role(RoleName="r")


def policies_of(kind, **name):
    """Inline and attached policies of a role, user or group."""
    of = lambda operation, **more: getattr(iam, operation.format(kind))(**name, **more)
    of("put_{}_policy", PolicyName="p", PolicyDocument=READ)
    assert of("get_{}_policy", PolicyName="p")["PolicyDocument"] == json.loads(READ)
    assert pages(iam, f"list_{kind}_policies", "PolicyNames", **name) == ["p"]
    of("delete_{}_policy", PolicyName="p")
    of("attach_{}_policy", PolicyArn=BASIC)
    attached = pages(iam, f"list_attached_{kind}_policies", "AttachedPolicies", **name)
    assert [each["PolicyArn"] for each in attached] == [BASIC]
    of("detach_{}_policy", PolicyArn=BASIC)
    refused(iam.exceptions.NoSuchEntityException, getattr(iam, f"get_{kind}_policy"), **name, PolicyName="p")


def policies():
    arn = iam.create_policy(PolicyName="p", PolicyDocument=READ)["Policy"]["Arn"]
    version = iam.create_policy_version(PolicyArn=arn, PolicyDocument=READ)["PolicyVersion"]["VersionId"]
    assert iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"] == json.loads(READ)
    assert len(pages(iam, "list_policy_versions", "Versions", PolicyArn=arn)) == 2
    iam.set_default_policy_version(PolicyArn=arn, VersionId=version)
    iam.delete_policy_version(PolicyArn=arn, VersionId="v1")
    iam.tag_policy(PolicyArn=arn, Tags=[{"Key": "a", "Value": "1"}])
    assert pages(iam, "list_policy_tags", "Tags", PolicyArn=arn) == [{"Key": "a", "Value": "1"}]
    iam.untag_policy(PolicyArn=arn, TagKeys=["a"])
    assert iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"] == version
    assert [each["Arn"] for each in pages(iam, "list_policies", "Policies", Scope="Local")] == [arn]
    return arn


def users(boundary):
    user = {"UserName": "u"}
    iam.create_user(**user)
    iam.get_waiter("user_exists").wait(**user)
    iam.update_user(**user, NewPath="/a/")
    iam.put_user_permissions_boundary(**user, PermissionsBoundary=boundary)
    bound = iam.list_entities_for_policy(PolicyArn=boundary, PolicyUsageFilter="PermissionsBoundary")
    assert [each["UserName"] for each in bound["PolicyUsers"]] == ["u"]
    assert iam.get_user(**user)["User"]["PermissionsBoundary"]["PermissionsBoundaryType"] == "Policy"
    iam.delete_user_permissions_boundary(**user)
    iam.tag_user(**user, Tags=[{"Key": "a", "Value": "1"}])
    assert pages(iam, "list_user_tags", "Tags", **user) == [{"Key": "a", "Value": "1"}]
    iam.untag_user(**user, TagKeys=["a"])
    assert [each["Path"] for each in pages(iam, "list_users", "Users")] == ["/a/"]
    policies_of("user", **user)
    key = iam.create_access_key(**user)["AccessKey"]["AccessKeyId"]
    iam.update_access_key(**user, AccessKeyId=key, Status="Inactive")
    assert [each["Status"] for each in pages(iam, "list_access_keys", "AccessKeyMetadata", **user)] == ["Inactive"]
    iam.delete_access_key(**user, AccessKeyId=key)
    for operation in ["list_mfa_devices", "list_signing_certificates", "list_ssh_public_keys"]:
        iam.get_paginator(operation).paginate(**user).build_full_result()
    iam.list_service_specific_credentials(**user)
    assert pages(iam, "list_virtual_mfa_devices", "VirtualMFADevices") == []
    assert pages(iam, "list_account_aliases", "AccountAliases") == []
    refused(iam.exceptions.NoSuchEntityException, iam.get_login_profile, **user)
    refused(iam.exceptions.NoSuchEntityException, iam.delete_login_profile, **user)


def groups():
    group = {"GroupName": "g"}
    iam.create_group(**group)
    iam.add_user_to_group(**group, UserName="u")
    assert [each["UserName"] for each in pages(iam, "get_group", "Users", **group)] == ["u"]
    assert [each["GroupName"] for each in pages(iam, "list_groups", "Groups")] == ["g"]
    assert len(pages(iam, "list_groups_for_user", "Groups", UserName="u")) == 1
    iam.update_group(**group, NewPath="/g/")
    policies_of("group", **group)
    message = refused(iam.exceptions.DeleteConflictException, iam.delete_user, UserName="u")
    assert message == "Cannot delete entity, must remove users from group first.", message
    iam.remove_user_from_group(**group, UserName="u")
    iam.delete_group(**group)
    iam.delete_user(UserName="u")


def log_groups():
    group = {"logGroupName": "/a"}
    logs.create_log_group(**group, tags={"a": "1"})
    logs.put_retention_policy(**group, retentionInDays=7)
    logs.delete_retention_policy(**group)
    found = pages(logs, "describe_log_groups", "logGroups")
    arn = found[0]["logGroupArn"]
    logs.tag_resource(resourceArn=arn, tags={"b": "2"})
    logs.untag_resource(resourceArn=arn, tagKeys=["a"])
    logs.tag_log_group(**group, tags={"c": "3"})
    logs.untag_log_group(**group, tags=["c"])
    assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == logs.list_tags_log_group(**group)["tags"] == {"b": "2"}
    stream = {**group, "logStreamName": "s"}
    logs.create_log_stream(**stream)
    metric = {"metricName": "m", "metricNamespace": "N", "metricValue": "$.n", "dimensions": {"d": "$.d"}}
    logs.put_metric_filter(**group, filterName="f", filterPattern="{ $.n = * }", metricTransformations=[metric])
    found = pages(logs, "describe_metric_filters", "metricFilters", **group)
    assert found[0]["metricTransformations"] == [metric]
    event = {"timestamp": int(time.time() * 1000), "message": '{"n":1,"d":"x"}'}
    tested = logs.test_metric_filter(filterPattern="{ $.n = 1 }", logEventMessages=[event["message"]])
    assert tested["matches"][0]["extractedValues"] == {"$.n": "1"}
    token = logs.put_log_events(**stream, logEvents=[event])["nextSequenceToken"]
    logs.put_log_events(**stream, logEvents=[event], sequenceToken=token)
    assert len(logs.get_log_events(**stream, startFromHead=True)["events"]) == 2
    assert len(pages(logs, "filter_log_events", "events", **group)) == 2
    assert len(pages(logs, "describe_log_streams", "logStreams", **group)) == 1
    logs.delete_metric_filter(**group, filterName="f")
    refused(logs.exceptions.ResourceNotFoundException, logs.delete_metric_filter, **group, filterName="f")
    subscription = {"filterName": "f", "filterPattern": "", "destinationArn": f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:none"}
    refused(logs.exceptions.InvalidParameterException, logs.put_subscription_filter, **group, **subscription)
    assert pages(logs, "describe_subscription_filters", "subscriptionFilters", **group) == []
    refused(logs.exceptions.ResourceNotFoundException, logs.delete_subscription_filter, **group, filterName="f")
    writing = document("logs:PutLogEvents", Principal={"Service": "events.amazonaws.com"}, Resource="*")
    logs.put_resource_policy(policyName="p", policyDocument=writing)
    assert len(pages(logs, "describe_resource_policies", "resourcePolicies")) == 1
    logs.delete_resource_policy(policyName="p")
    logs.delete_log_stream(**stream)
    logs.delete_log_group(**group)


boundary = policies()
roles(boundary)
users(boundary)
groups()
iam.delete_policy(PolicyArn=boundary)
assert sts.get_caller_identity()["Account"] == ACCOUNT
assert sts.get_session_token(DurationSeconds=900)["Credentials"]["SessionToken"]
log_groups()
print(json.dumps([name for name in json.loads(os.environ["OPERATIONS"]) if name not in called]))
