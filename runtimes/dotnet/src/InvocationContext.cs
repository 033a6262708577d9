using System;
using System.Collections.Generic;
using System.Globalization;
using System.Text.Json;

namespace Lambent.Runtime
{
    /// <summary>The members of ILambdaContext and of what hangs on it, by their names.</summary>
    internal sealed class InvocationContext
    {
        private readonly RuntimeEvent invocation;
        private readonly FunctionLog log;
        private object serializer;

        internal InvocationContext(RuntimeEvent invocation, FunctionLog log)
        {
            this.invocation = invocation;
            this.log = log;
        }

        internal InvocationContext For(object ofFunction)
        {
            serializer = ofFunction;
            return this;
        }

        /// <summary>Null for members that newer versions of Amazon.Lambda.Core may have.</summary>
        internal object Member(string name, Type type)
        {
            switch (name)
            {
                case "AwsRequestId": return invocation.RequestId;
                case "ClientContext": return ClientContext(type);
                case "FunctionName": return Variable("AWS_LAMBDA_FUNCTION_NAME");
                case "FunctionVersion": return Variable("AWS_LAMBDA_FUNCTION_VERSION");
                case "Identity": return Identity(type);
                case "InvokedFunctionArn": return invocation.Header("lambda-runtime-invoked-function-arn");
                case "Logger": return ContextProxy.Logger(type, log);
                case "LogGroupName": return Variable("AWS_LAMBDA_LOG_GROUP_NAME");
                case "LogStreamName": return Variable("AWS_LAMBDA_LOG_STREAM_NAME");
                case "MemoryLimitInMB":
                    return int.Parse(Variable("AWS_LAMBDA_FUNCTION_MEMORY_SIZE") ?? "0", CultureInfo.InvariantCulture);
                case "RemainingTime": return RemainingTime();
                case "TraceId": return invocation.Header("lambda-runtime-trace-id");
                case "TenantId": return invocation.Header("lambda-runtime-aws-tenant-id");
                case "Serializer": return serializer;
                default: return null;
            }
        }

        private static string Variable(string name)
        {
            return Environment.GetEnvironmentVariable(name);
        }

        private object RemainingTime()
        {
            var deadlineMs = long.Parse(invocation.Header("lambda-runtime-deadline-ms") ?? "0", CultureInfo.InvariantCulture);
            return DateTimeOffset.FromUnixTimeMilliseconds(deadlineMs) - DateTimeOffset.UtcNow;
        }

        /// <summary>AWS: an object without anything in it where the invocation has no client context.</summary>
        private object ClientContext(Type type)
        {
            var context = Parse("lambda-runtime-client-context");
            return ContextProxy.Values(type, (name, memberType) =>
            {
                if (name == "Client") return context.TryGetProperty("client", out var client) ? Application(memberType, client) : null;
                return Texts(context, name == "Environment" ? "env" : name.ToLowerInvariant());
            });
        }

        private static object Application(Type type, JsonElement client)
        {
            var texts = Texts(client);
            return ContextProxy.Values(type, (name, memberType) =>
            {
                texts.TryGetValue(SnakeCase(name), out var value);
                return value;
            });
        }

        private object Identity(Type type)
        {
            var identity = Texts(Parse("lambda-runtime-cognito-identity"));
            return ContextProxy.Values(type, (name, memberType) =>
            {
                // AWS: "cognitoIdentityId" and "cognitoIdentityPoolId".
                identity.TryGetValue("cognito" + name, out var value);
                return value;
            });
        }

        private JsonElement Parse(string header)
        {
            var text = invocation.Header(header);
            return JsonDocument.Parse(string.IsNullOrWhiteSpace(text) ? "{}" : text).RootElement;
        }

        private static object Texts(JsonElement whole, string name)
        {
            return whole.TryGetProperty(name, out var member) && member.ValueKind == JsonValueKind.Object ? Texts(member) : null;
        }

        private static Dictionary<string, string> Texts(JsonElement members)
        {
            var texts = new Dictionary<string, string>();
            foreach (var member in members.EnumerateObject()) texts[member.Name] = member.Value.ToString();
            return texts;
        }

        private static string SnakeCase(string name)
        {
            var text = new System.Text.StringBuilder();
            foreach (var character in name)
                text.Append(char.IsUpper(character) && text.Length > 0 ? "_" : "").Append(char.ToLowerInvariant(character));
            return text.ToString();
        }
    }
}
