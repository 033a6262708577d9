/**
 * Amazon.Lambda.Core cannot be had without NuGet. This has the public shapes of version 2, as far as a runtime meets
 * them, and the private fields of LambdaLogger that runtimes set; and a serializer on System.Text.Json.
 */
export const AMAZON_LAMBDA_CORE = `
using System; using System.Collections.Generic; using System.IO;
[assembly: System.Reflection.AssemblyVersion("1.0.0.0")]
namespace Amazon.Lambda.Core {
  public interface ILambdaContext {
    string AwsRequestId { get; } IClientContext ClientContext { get; } string FunctionName { get; } string FunctionVersion { get; }
    ICognitoIdentity Identity { get; } string InvokedFunctionArn { get; } ILambdaLogger Logger { get; } string LogGroupName { get; }
    string LogStreamName { get; } int MemoryLimitInMB { get; } TimeSpan RemainingTime { get; } string TraceId { get; }
    DateTime OfSomeLaterVersion { get; }
  }
  public interface IClientContext { IDictionary<string, string> Environment { get; } IClientApplication Client { get; } IDictionary<string, string> Custom { get; } }
  public interface IClientApplication { string AppPackageName { get; } string AppTitle { get; } string AppVersionCode { get; } string AppVersionName { get; } string InstallationId { get; } }
  public interface ICognitoIdentity { string IdentityId { get; } string IdentityPoolId { get; } }
  public enum LogLevel { Trace, Debug, Information, Warning, Error, Critical }
  public interface ILambdaLogger {
    void Log(string message); void LogLine(string message); void Log(string level, string message); void Log(LogLevel level, string message);
    void LogTrace(string message); void LogDebug(string message); void LogInformation(string message); void LogWarning(string message);
    void LogError(string message); void LogCritical(string message);
    void Log(string level, string message, params object[] args); void Log(string level, Exception exception, string message, params object[] args);
    void LogInformation(string message, params object[] args); void LogError(Exception exception, string message, params object[] args);
  }
  public static class LambdaLogger {
    private static Action<string> _loggingAction = Console.WriteLine;
    private static Action<string, string, object[]> _loggingWithLevelAction = null;
    public static void Log(string message) { _loggingAction(message); }
    public static void Log(LogLevel level, string message, params object[] args) { _loggingWithLevelAction(level.ToString(), message, args); }
  }
  namespace ResponseStreaming {
    internal interface ILambdaResponseStream : IDisposable {
      System.Threading.Tasks.Task WriteAsync(byte[] buffer, int offset, int count, System.Threading.CancellationToken cancellationToken = default(System.Threading.CancellationToken));
      long BytesWritten { get; } bool HasError { get; }
    }
    public class LambdaResponseStreamFactory {
      private static Func<byte[], ILambdaResponseStream> _streamFactory;
      internal static void SetLambdaResponseStream(Func<byte[], ILambdaResponseStream> streamFactory) { _streamFactory = streamFactory; }
      public static LambdaResponseStream CreateStream() { return new LambdaResponseStream(_streamFactory(new byte[0])); }
      public static LambdaResponseStream CreateHttpStream(string prelude) { return new LambdaResponseStream(_streamFactory(System.Text.Encoding.UTF8.GetBytes(prelude))); }
    }
    public class LambdaResponseStream : IDisposable {
      private readonly ILambdaResponseStream _responseStream;
      internal LambdaResponseStream(ILambdaResponseStream responseStream) { _responseStream = responseStream; }
      public long BytesWritten { get { return _responseStream.BytesWritten; } }
      public System.Threading.Tasks.Task WriteAsync(byte[] buffer) { return _responseStream.WriteAsync(buffer, 0, buffer.Length); }
      public void Dispose() { _responseStream.Dispose(); }
    }
  }
  public interface ILambdaSerializer { T Deserialize<T>(Stream requestStream); void Serialize<T>(T response, Stream responseStream); }
  [AttributeUsage(AttributeTargets.Assembly | AttributeTargets.Method)]
  public sealed class LambdaSerializerAttribute : Attribute {
    public Type SerializerType { get; set; }
    public LambdaSerializerAttribute(Type serializerType) { SerializerType = serializerType; }
  }
}
`;

export const SERIALIZER = `
using System; using System.IO; using System.Text.Json; using Amazon.Lambda.Core;
namespace Stand.In {
  public class JsonLambdaSerializer : ILambdaSerializer {
    static readonly JsonSerializerOptions Options = new JsonSerializerOptions { PropertyNameCaseInsensitive = true };
    public T Deserialize<T>(Stream requestStream) { var copy = new MemoryStream(); requestStream.CopyTo(copy); return JsonSerializer.Deserialize<T>(copy.ToArray(), Options); }
    public void Serialize<T>(T response, Stream responseStream) { var bytes = JsonSerializer.SerializeToUtf8Bytes<T>(response); responseStream.Write(bytes, 0, bytes.Length); }
  }
  public class ShoutingSerializer : ILambdaSerializer {
    public T Deserialize<T>(Stream requestStream) { return (T)(object)new StreamReader(requestStream).ReadToEnd().ToUpperInvariant(); }
    public void Serialize<T>(T response, Stream responseStream) { var bytes = System.Text.Encoding.UTF8.GetBytes("\\"" + response + "!\\""); responseStream.Write(bytes, 0, bytes.Length); }
  }
  public class Unmakeable : ILambdaSerializer {
    private Unmakeable() {}
    public T Deserialize<T>(Stream requestStream) { return default(T); }
    public void Serialize<T>(T response, Stream responseStream) {}
  }
}
`;
