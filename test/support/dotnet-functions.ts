/** The functions that the .NET client is driven with, compiled by mcs as packages for .NET Core 3.1. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { AMAZON_LAMBDA_CORE, SERIALIZER } from "./dotnet-core-stand-in.ts";

const CASES = `
using System; using System.Collections.Generic; using System.IO; using System.Text; using System.Threading.Tasks; using Amazon.Lambda.Core;
[assembly: LambdaSerializer(typeof(Stand.In.JsonLambdaSerializer))]
namespace Example {
  public class Order { public string Name { get; set; } public List<Item> Items { get; set; } }
  public class Item { public int Amount { get; set; } public double Price { get; set; } }
  public class Answer { public string Name { get; set; } public double Total { get; set; } }
  public class Mine : Exception { public Mine(string message, Exception cause) : base(message, cause) {} }
  public class Cases {
    int count;
    public object Echo(object input) { return input; }
    public string Text(string input, ILambdaContext context) { return input + "!"; }
    public int Twice(int number) { return number * 2; }
    public Answer Total(Order order) { double sum = 0; foreach (var item in order.Items) sum += item.Amount * item.Price; return new Answer { Name = order.Name, Total = sum }; }
    public static string OnlyContext(ILambdaContext context) { return context.FunctionName; }
    public void Nothing() {}
    public string NoInput() { return "none"; }
    public int Counter() { return ++count; }
    public Stream Through(Stream input) { return input; }
    public void Takes(Stream input) {}
    public async Task Later() { await Task.Delay(5); }
    public async Task<int> TwiceLater(int number) { await Task.Delay(5); return number * 2; }
    public async Task<Stream> StreamLater() { await Task.Delay(1); return new MemoryStream(Encoding.UTF8.GetBytes("\\"streamed\\"")); }
    public ValueTask<string> Value() { return new ValueTask<string>("value"); }
    public ValueTask ValueNothing() { return new ValueTask(Task.Delay(1)); }
    [LambdaSerializer(typeof(Stand.In.ShoutingSerializer))] public string Shout(string input) { return input; }
    [LambdaSerializer(typeof(Stand.In.Unmakeable))] public string Unmakeable(string input) { return input; }
    public string Trace() { return Environment.GetEnvironmentVariable("_X_AMZN_TRACE_ID"); }
    public string Fail() { throw new InvalidOperationException("it broke: ü"); }
    public string FailWithCause() { try { throw new IOException("the cause"); } catch (Exception error) { throw new Mine("mine", error); } }
    public async Task<string> FailLater() { await Task.Delay(1); throw new Mine("later", null); }
    public string FailAll() { throw new AggregateException(new IOException("one"), new Mine("two", null)); }
    public string Exit() { Environment.Exit(7); return null; }
    public string Crash() { Environment.FailFast("crashed on purpose"); return null; }
    public string Exhaust() { var all = new List<byte[]>(); while (true) { var some = new byte[8 << 20]; for (var at = 0; at < some.Length; at += 4096) some[at] = 1; all.Add(some); } }
    public int Churn() { var seen = 0; for (var round = 0; round < 200; round++) { var some = new byte[1 << 20]; for (var at = 0; at < some.Length; at += 4096) some[at] = 1; seen += some[4096]; } return seen; }
    public void Prints() { Console.WriteLine("plain ä"); Console.Error.WriteLine("to error"); Console.Write("no line end"); Console.WriteLine("{0} of {1}", 1, 2); }
    public void LogsLong() { LambdaLogger.Log(new string('x', 30000) + " the end: ü"); }
    public void Logs(Stream input, ILambdaContext context) {
      context.Logger.LogLine("first line\\nsecond line"); context.Logger.LogDebug("quiet"); context.Logger.LogWarning("told");
      context.Logger.Log(LogLevel.Critical, "worst"); context.Logger.LogInformation("{count} of {product}, {price:F1}", 3, "tea", 1.25);
      context.Logger.LogError(new IOException("inner"), "failed at {0}", "noon"); LambdaLogger.Log("static"); LambdaLogger.Log(LogLevel.Warning, "{who} warned", "static");
    }
    public Dictionary<string, object> Context(Stream input, ILambdaContext context) {
      return new Dictionary<string, object> {
        { "requestId", context.AwsRequestId }, { "functionName", context.FunctionName }, { "functionVersion", context.FunctionVersion },
        { "memory", context.MemoryLimitInMB }, { "arn", context.InvokedFunctionArn }, { "logGroup", context.LogGroupName }, { "logStream", context.LogStreamName },
        { "isInTime", context.RemainingTime > TimeSpan.Zero && context.RemainingTime <= TimeSpan.FromSeconds(60) }, { "trace", context.TraceId },
        { "installation", context.ClientContext.Client == null ? null : context.ClientContext.Client.InstallationId },
        { "custom", context.ClientContext.Custom == null ? null : context.ClientContext.Custom["greeting"] },
        { "identity", context.Identity.IdentityId }, { "later", context.OfSomeLaterVersion == default(DateTime) },
      };
    }
    public Dictionary<string, object> Sees() {
      var names = new List<string>(); foreach (System.Collections.DictionaryEntry entry in Environment.GetEnvironmentVariables()) { var name = (string)entry.Key; if (name.Contains("LAMBENT") || name.Contains("NODE_CHANNEL") || name.Contains("TELEMETRY_LOG")) names.Add(name); }
      var child = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo("/bin/ls", "-l /proc/self/fd") { RedirectStandardOutput = true }); var seen = child.StandardOutput.ReadToEnd(); child.WaitForExit();
      var pipes = 0; foreach (var line in seen.Split('\\n')) if (line.Contains("pipe:") || line.Contains("socket:")) pipes++;
      return new Dictionary<string, object> { { "variables", names }, { "mine", Environment.GetEnvironmentVariable("MINE") }, { "version", Environment.Version.ToString() },
        { "directory", Environment.CurrentDirectory }, { "waited", File.ReadAllText("/proc/self/mountinfo").Contains("/late/") }, { "pipesOfChild", pipes }, { "input", Console.In.ReadToEnd() }, { "upper", "straße ı".ToUpper(new System.Globalization.CultureInfo("tr-TR")) } };
    }
    public async Task<string> Streams(Dictionary<string, string> input) {
      using (var stream = input["kind"] == "http" ? Amazon.Lambda.Core.ResponseStreaming.LambdaResponseStreamFactory.CreateHttpStream("{\\"statusCode\\":201}") : Amazon.Lambda.Core.ResponseStreaming.LambdaResponseStreamFactory.CreateStream()) {
        if (input["kind"] == "json") { await stream.WriteAsync(Encoding.UTF8.GetBytes("1")); return null; }
        await stream.WriteAsync(Encoding.UTF8.GetBytes("first ")); await stream.WriteAsync(new byte[0]);
        if (input["kind"] == "fails") throw new Mine("in the middle", null);
        if (input["kind"] == "twice") Amazon.Lambda.Core.ResponseStreaming.LambdaResponseStreamFactory.CreateStream();
        await stream.WriteAsync(Encoding.UTF8.GetBytes(stream.BytesWritten + " last"));
      }
      return "ignored";
    }
    public object Over(int one) { return one; }
    public object Over(string one) { return one; }
    public T Generic<T>(T one) { return one; }
    public async void AsyncVoid() { await Task.Delay(1); }
    public void Params(params string[] all) {}
    public void Three(string a, string b, ILambdaContext c) {}
    public void NoContext(string a, string b) {}
    static string Hidden() { return "private"; }
  }
  public class Derived : Cases {}
  public abstract class Abstract { public string Run() { return "x"; } public static string Static() { return "static"; } }
  public class Open<T> { public string Run() { return "x"; } }
  public interface Interface { string Run(); }
  public class BadInit { public BadInit() { throw new NotSupportedException("init broke"); } public string Run() { return "x"; } }
  public static class BadStatic { static readonly int N = int.Parse("x"); public static int Run() { return N; } }
  public class Talks { public Talks() { LambdaLogger.Log("from the constructor"); } public string Run() { return "x"; } }
}
`;

const BARE = `
namespace Bare { public class Cases { public string Text(string input) { return input; } public string NoInput() { return "x"; } public System.IO.Stream Through(System.IO.Stream input) { return input; } } }
`;

/** A program that is its own client of the Runtime API, as those with Amazon.Lambda.RuntimeSupport are. */
const EXECUTABLE = `
using System; using System.IO; using System.Net; using System.Text;
public static class Executable {
  public static void Main() {
    var api = "http://" + Environment.GetEnvironmentVariable("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/invocation/";
    var descriptor = Environment.GetEnvironmentVariable("_LAMBDA_TELEMETRY_LOG_FD");
    var telemetry = new FileStream(new Microsoft.Win32.SafeHandles.SafeFileHandle(new IntPtr(int.Parse(descriptor)), false), FileAccess.Write);
    while (true) {
      var next = (HttpWebRequest)WebRequest.Create(api + "next"); next.Timeout = -1; string id, body;
      using (var answer = next.GetResponse()) { id = answer.Headers["Lambda-Runtime-Aws-Request-Id"]; body = new StreamReader(answer.GetResponseStream()).ReadToEnd(); }
      var text = Encoding.UTF8.GetBytes("two\\nlines\\n"); telemetry.Write(new byte[] { 0xa5, 0x5a, 0, 1, 0, 0, 0, (byte)text.Length }, 0, 8); telemetry.Write(text, 0, text.Length); telemetry.Flush();
      var post = (HttpWebRequest)WebRequest.Create(api + id + "/response"); post.Method = "POST";
      var bytes = Encoding.UTF8.GetBytes("{\\"own\\":" + body + "}"); using (var stream = post.GetRequestStream()) stream.Write(bytes, 0, bytes.Length);
      post.GetResponse().Dispose();
    }
  }
}
`;

/** Compiles every method of an assembly, which finds whatever that refers to and is not there. */
const CHECK = `
using System; using System.Reflection; using System.Runtime.CompilerServices;
public static class Check {
  const BindingFlags All = BindingFlags.DeclaredOnly | BindingFlags.NonPublic | BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static;
  public static int Main(string[] arguments) {
    var count = 0; var missing = 0;
    foreach (var type in Assembly.LoadFrom(arguments[0]).GetTypes())
      foreach (var member in type.GetMembers(All)) {
        var method = member as MethodBase;
        if (method == null || method.IsAbstract || method.ContainsGenericParameters) continue;
        count++;
        try { RuntimeHelpers.PrepareMethod(method.MethodHandle); } catch (Exception error) { missing++; Console.WriteLine(type + "." + method.Name + ": " + error.Message); }
      }
    Console.WriteLine(count + " methods, " + missing + " with something missing"); return missing;
  }
}
`;

const REFERENCES = [
  "Microsoft.Win32.Primitives",
  "System.Collections",
  "System.Collections.Specialized",
  "System.ComponentModel.Primitives",
  "System.Console",
  "System.Diagnostics.Process",
  "System.IO.FileSystem",
  "System.Memory",
  "System.Net.Primitives",
  "System.Net.Requests",
  "System.Net.WebHeaderCollection",
  "System.Private.CoreLib",
  "System.Private.Uri",
  "System.Runtime",
  "System.Runtime.Extensions",
  "System.Text.Json",
];

const SETTINGS = {
  runtimeOptions: { tfm: "netcoreapp3.1", framework: { name: "Microsoft.NETCore.App", version: "3.1.0" } },
};

/** Compiles everything into a new directory, laid out as a published package, which the caller removes. */
export async function compileDotnetFunctions(assemblies: string): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), "lambent-dotnet-functions-"));
  const directory = join(root, "package");
  await mkdir(directory);
  const compile = async (name: string, source: string, options: readonly string[] = []) => {
    const file = join(root, `${name}.cs`);
    await writeFile(file, source);
    const frameworks = REFERENCES.map((reference) => `-r:${join(assemblies, reference)}.dll`);
    const common = [
      "-nostdlib",
      "-noconfig",
      "-langversion:7.2",
      "-nowarn:0436,1701,1702,1998",
      ...frameworks,
    ];
    await promisify(execFile)("mcs", [...common, ...options, `-out:${join(directory, name)}.dll`, file]);
  };
  const own = (name: string) => `-r:${join(directory, name)}.dll`;
  await compile("Amazon.Lambda.Core", AMAZON_LAMBDA_CORE, ["-target:library"]);
  await Promise.all([
    compile("Stand.In", SERIALIZER, ["-target:library", own("Amazon.Lambda.Core")]).then(() =>
      compile("Example", CASES, ["-target:library", own("Amazon.Lambda.Core"), own("Stand.In")]),
    ),
    compile("Bare", BARE, ["-target:library"]),
    compile("Executable", EXECUTABLE, ["-target:exe"]),
    compile("Check", CHECK, ["-target:exe"]),
  ]);
  for (const [name, needs] of Object.entries({
    Example: ["Amazon.Lambda.Core", "Stand.In"],
    Bare: [],
    Executable: [],
    Check: [],
  })) {
    await writeFile(join(directory, `${name}.deps.json`), JSON.stringify(dependencies(name, needs)));
    await writeFile(join(directory, `${name}.runtimeconfig.json`), JSON.stringify(SETTINGS));
  }
  return root;
}

/** As `dotnet publish` writes it: a project and packages, whose files lie side by side. */
function dependencies(name: string, packages: readonly string[]) {
  const target = ".NETCoreApp,Version=v3.1";
  const library = (type: string) => ({ type, serviceable: type === "package", sha512: "" });
  const versions = Object.fromEntries(packages.map((each) => [each, "1.0.0"]));
  return {
    runtimeTarget: { name: target, signature: "" },
    targets: {
      [target]: {
        [`${name}/1.0.0`]: { dependencies: versions, runtime: { [`${name}.dll`]: {} } },
        ...Object.fromEntries(
          packages.map((each) => [
            `${each}/1.0.0`,
            { runtime: { [`lib/netcoreapp3.1/${each}.dll`]: { assemblyVersion: "1.0.0.0" } } },
          ]),
        ),
      },
    },
    libraries: {
      [`${name}/1.0.0`]: library("project"),
      ...Object.fromEntries(packages.map((each) => [`${each}/1.0.0`, library("package")])),
    },
  };
}
