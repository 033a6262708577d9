package lambent.runtime;

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;

/**
 * The handler's Context. Its interfaces come with the function (aws-lambda-java-core), in whatever version: they are
 * implemented by proxies that answer by the method's name. A getter that this client does not know answers null.
 */
final class InvocationContext {
    static final String CONTEXT_INTERFACE = "com.amazonaws.services.lambda.runtime.Context";

    private final RuntimeApi.Event event;
    private final LogSink log;

    InvocationContext(RuntimeApi.Event event, LogSink log) {
        this.event = event;
        this.log = log;
    }

    /** As the function's own Context interface. */
    Object as(Class<?> contextInterface) {
        Map<String, Object> values = new HashMap<>();
        values.put("getAwsRequestId", event.requestId());
        values.put("getLogGroupName", System.getenv("AWS_LAMBDA_LOG_GROUP_NAME"));
        values.put("getLogStreamName", System.getenv("AWS_LAMBDA_LOG_STREAM_NAME"));
        values.put("getFunctionName", System.getenv("AWS_LAMBDA_FUNCTION_NAME"));
        values.put("getFunctionVersion", System.getenv("AWS_LAMBDA_FUNCTION_VERSION"));
        values.put("getInvokedFunctionArn", event.header("lambda-runtime-invoked-function-arn"));
        values.put("getMemoryLimitInMB", Integer.valueOf(System.getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")));
        values.put("getTenantId", event.header("lambda-runtime-aws-tenant-id"));
        values.put("getXrayTraceId", event.header("lambda-runtime-trace-id"));
        values.put("getIdentity", identity(contextInterface));
        values.put("getClientContext", clientContext(contextInterface));
        Class<?> logger = returned(contextInterface, "getLogger");
        values.put("getLogger", proxy(logger, new Behaviour(logger) {
            @Override
            Object call(Method method, Object[] arguments) {
                return log(arguments);
            }
        }));
        long deadlineMs = Long.parseLong(event.header("lambda-runtime-deadline-ms"));
        return proxy(contextInterface, new Behaviour(contextInterface) {
            @Override
            Object call(Method method, Object[] arguments) {
                if (method.getName().equals("getRemainingTimeInMillis"))
                    return (int) Math.max(0, deadlineMs - System.currentTimeMillis());
                return values.get(method.getName());
            }
        });
    }

    private Object log(Object[] arguments) {
        Object message = arguments[0];
        String text = message instanceof byte[] ? new String((byte[]) message, StandardCharsets.UTF_8) : String.valueOf(message);
        log.log(text, arguments.length > 1 ? String.valueOf(arguments[1]) : "UNDEFINED", event.requestId());
        return null;
    }

    private Object identity(Class<?> contextInterface) {
        Map<?, ?> identity = object(event.header("lambda-runtime-cognito-identity"));
        if (identity == null) return null;
        return getters(returned(contextInterface, "getIdentity"), name -> identity.get(
                name.equals("getIdentityId") ? "cognitoIdentityId" : "cognitoIdentityPoolId"));
    }

    private Object clientContext(Class<?> contextInterface) {
        Map<?, ?> values = object(event.header("lambda-runtime-client-context"));
        if (values == null) return null;
        Class<?> type = returned(contextInterface, "getClientContext");
        Map<?, ?> client = values.get("client") instanceof Map ? (Map<?, ?>) values.get("client") : null;
        Object clientProxy = client == null
                ? null
                : getters(returned(type, "getClient"), name -> client.get(snakeCase(name.substring("get".length()))));
        return getters(type, name -> {
            if (name.equals("getClient")) return clientProxy;
            return values.get(name.equals("getCustom") ? "custom" : "env");
        });
    }

    /** "InstallationId" is "installation_id". */
    private static String snakeCase(String name) {
        return name.replaceAll("(?<=[a-z])(?=[A-Z])", "_").toLowerCase(java.util.Locale.ROOT);
    }

    private static Map<?, ?> object(String json) {
        if (json == null || json.isEmpty()) return null;
        Object value = JsonReader.readUntyped(json);
        return value instanceof Map ? (Map<?, ?>) value : null;
    }

    private static Class<?> returned(Class<?> type, String method) {
        try {
            return type.getMethod(method).getReturnType();
        } catch (NoSuchMethodException error) {
            throw new IllegalStateException(type.getName() + " is not of aws-lambda-java-core", error);
        }
    }

    private interface Values {
        Object of(String methodName);
    }

    private static Object getters(Class<?> type, Values values) {
        return proxy(type, new Behaviour(type) {
            @Override
            Object call(Method method, Object[] arguments) {
                return values.of(method.getName());
            }
        });
    }

    /** What a proxy does; those that each event needs are no lambdas, see `HandlerLoader`. */
    private abstract static class Behaviour implements InvocationHandler {
        private final Class<?> type;

        Behaviour(Class<?> type) {
            this.type = type;
        }

        abstract Object call(Method method, Object[] arguments);

        @Override
        public Object invoke(Object self, Method method, Object[] arguments) {
            if (method.getDeclaringClass() != Object.class) return call(method, arguments);
            switch (method.getName()) {
                case "equals":
                    return self == arguments[0];
                case "hashCode":
                    return System.identityHashCode(self);
                default:
                    return type.getSimpleName() + "@" + Integer.toHexString(System.identityHashCode(self));
            }
        }
    }

    private static Object proxy(Class<?> type, Behaviour behaviour) {
        return Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, behaviour);
    }
}
