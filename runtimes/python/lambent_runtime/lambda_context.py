"""The handler's second argument.

AWS: "Using the Lambda context object to retrieve Python function information" in the developer guide.
"""

import json
import os
import sys
import time

from .errors import RuntimeFault


# Of the trace context that a caller may give in the client context's "w3c".
_W3C_FIELDS = ("traceparent", "tracestate", "baggage")


class _Fields:
    """Named attributes taken from a mapping; those it lacks are None."""

    __slots__ = ()

    def __init__(self, values):
        for name in self.__slots__:
            setattr(self, name, values.get(name))

    def __repr__(self):
        fields = ",".join("%s=%s" % (name, getattr(self, name)) for name in self.__slots__)
        return "%s([%s])" % (type(self).__name__, fields)


class Client(_Fields):
    __slots__ = ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name")


class ClientContext(_Fields):
    __slots__ = ("custom", "env", "client")

    def __init__(self, values):
        super().__init__(values)
        if self.client is not None:
            self.client = Client(self.client)


class CognitoIdentity(_Fields):
    __slots__ = ("cognito_identity_id", "cognito_identity_pool_id")


class LambdaContext:
    def __init__(self, headers):
        self.aws_request_id = headers["lambda-runtime-aws-request-id"]
        self.log_group_name = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.function_name = os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
        self.memory_limit_in_mb = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.function_version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.invoked_function_arn = headers.get("lambda-runtime-invoked-function-arn")
        self.tenant_id = headers.get("lambda-runtime-aws-tenant-id")
        client_context = _parse(headers, "lambda-runtime-client-context", "Client Context")
        self._w3c = _w3c_fields(client_context)
        self.client_context = None if client_context is None else ClientContext(client_context)
        identity = _parse(headers, "lambda-runtime-cognito-identity", "Cognito Identity") or {}
        self.identity = CognitoIdentity(
            {
                "cognito_identity_id": identity.get("cognitoIdentityId"),
                "cognito_identity_pool_id": identity.get("cognitoIdentityPoolId"),
            }
        )
        self._epoch_deadline_time_in_ms = int(headers.get("lambda-runtime-deadline-ms", "0"))

    def get_remaining_time_in_millis(self):
        return max(0, self._epoch_deadline_time_in_ms - int(time.time() * 1000))

    def w3c(self):
        """Return the caller's trace context in W3C's form."""
        return dict(self._w3c)

    def log(self, message):
        sys.stdout.write(str(message))

    def __repr__(self):
        public = ("%s=%s" % item for item in vars(self).items() if not item[0].startswith("_"))
        return "LambdaContext([%s])" % ",".join(public)


def _w3c_fields(client_context):
    given = client_context.get("w3c") if isinstance(client_context, dict) else None
    if not isinstance(given, dict):
        return {}
    return {name: given[name] for name in _W3C_FIELDS if isinstance(given.get(name), str)}


def _parse(headers, name, title):
    value = headers.get(name)
    if not value:
        return None
    try:
        return json.loads(value)
    except ValueError as error:
        raise RuntimeFault(
            "Runtime.LambdaContextUnmarshalError", "Unable to parse %s JSON: %s" % (title, error)
        ) from error
