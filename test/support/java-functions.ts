/** The functions that Java clients are driven with, compiled with the machine's own compiler. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

const CASES = `
package example;
import com.amazonaws.services.lambda.runtime.*;
import java.io.*;
import java.util.*;
public class Cases {
  private static int count;
  public Object echo(Object event) { return event; }
  public String text(String event) { return event + "!"; }
  public int twice(int number) { return number * 2; }
  public Map<String, Long> sums(Map<String, List<Long>> lists) {
    Map<String, Long> sums = new TreeMap<>();
    lists.forEach((name, values) -> sums.put(name, values.stream().mapToLong(Long::longValue).sum()));
    return sums;
  }
  public Answer order(Order order, Context context) { return new Answer(order); }
  public static String onlyContext(Context context) { return context.getFunctionName(); }
  public void nothing() {}
  public void stream(InputStream in, OutputStream out) throws IOException { out.write(("\\"" + in.readAllBytes().length + "\\"").getBytes()); }
  public int counter(Object event) { return ++count; }
  public String trace(Object event) { return System.getProperty("com.amazonaws.xray.traceHeader"); }
  public Object fail(Object event) { throw new IllegalStateException("it broke: ü", new IOException("the cause")); }
  public Object circle(Object event) { List<Object> list = new ArrayList<>(); list.add(list); return list; }
  public Object exit(Object event) { System.exit(7); return null; }
  public Object exhaust(Object event) { List<byte[]> all = new ArrayList<>(); while (true) all.add(new byte[8 << 20]); }
  public Object log(Object event, Context context) { context.getLogger().log("first line\\nsecond line"); return null; }
  public Object logLong(Object event, Context context) { context.getLogger().log("x".repeat(30000) + " the end: ü"); return null; }
  public Object prints(Object event) { System.out.println("plain ä"); System.err.println("to error"); return null; }
  public Object virtual(Object event, Context context) throws Exception {
    Set<Object> loaders = Collections.synchronizedSet(new HashSet<>());
    Runnable work = () -> {
      context.getLogger().log("from a virtual thread");
      loaders.add(Thread.currentThread().getContextClassLoader() == Cases.class.getClassLoader());
    };
    List<Thread> threads = new ArrayList<>();
    for (int n = 0; n < 100; n++) threads.add((Thread) Thread.class.getMethod("startVirtualThread", Runnable.class).invoke(null, work));
    for (Thread thread : threads) thread.join();
    return loaders;
  }
  public Map<String, Object> context(Object event, Context context) {
    Map<String, Object> seen = new TreeMap<>();
    seen.put("requestId", context.getAwsRequestId());
    seen.put("functionName", context.getFunctionName());
    seen.put("functionVersion", context.getFunctionVersion());
    seen.put("memory", context.getMemoryLimitInMB());
    seen.put("arn", context.getInvokedFunctionArn());
    seen.put("logGroup", context.getLogGroupName());
    seen.put("logStream", context.getLogStreamName());
    seen.put("remainingMs", context.getRemainingTimeInMillis());
    ClientContext client = context.getClientContext();
    seen.put("installation", client == null ? null : client.getClient().getInstallationId());
    seen.put("custom", client == null ? null : client.getCustom().get("greeting"));
    seen.put("identity", context.getIdentity() == null ? null : context.getIdentity().getIdentityId());
    return seen;
  }
  public Map<String, Object> sees(Object event) {
    Map<String, Object> seen = new TreeMap<>();
    seen.put("variables", System.getenv().keySet().stream().filter(n -> n.matches(".*(LAMBENT|NODE_CHANNEL|TELEMETRY).*")).toArray());
    seen.put("greeting", System.getenv("GREETING"));
    seen.put("java", Runtime.version().feature());
    seen.put("home", System.getProperty("java.home"));
    seen.put("heapMb", Runtime.getRuntime().maxMemory() >> 20);
    seen.put("wrapped", System.getenv("WRAPPED"));
    return seen;
  }
  public String ofLibrary(Object event) throws Exception { return new String(Cases.class.getResourceAsStream("/resource.txt").readAllBytes()); }
  public static class Order { private String name; public List<Item> items; public Kind kind; private boolean urgent; private java.time.Instant at;
    public void setName(String name) { this.name = name; } public String getName() { return name; }
    public void setUrgent(boolean urgent) { this.urgent = urgent; } public boolean isUrgent() { return urgent; }
    public void setAt(java.time.Instant at) { this.at = at; } public java.time.Instant getAt() { return at; } }
  public static class Item { private int amount; public double price; public int getAmount() { return amount; } public void setAmount(int a) { amount = a; } }
  public enum Kind { SMALL, LARGE }
  public static class Answer { public final Order order; public final double total; public final Integer missing = null;
    Answer(Order order) { this.order = order; total = order.items.stream().mapToDouble(i -> i.getAmount() * i.price).sum(); } }
}
`;

const FILES: Readonly<Record<string, string>> = {
  "example/Cases.java": CASES,
  "example/Typed.java": `package example; import com.amazonaws.services.lambda.runtime.*; import java.util.*;
    public class Typed implements RequestHandler<Map<String, Integer>, List<Integer>> {
      public List<Integer> handleRequest(Map<String, Integer> event, Context context) { return new ArrayList<>(new TreeMap<>(event).values()); } }`,
  "example/Streams.java": `package example; import com.amazonaws.services.lambda.runtime.*; import java.io.*;
    public class Streams implements RequestStreamHandler {
      public void handleRequest(InputStream in, OutputStream out, Context context) throws IOException { in.transferTo(out); } }`,
  "example/BadInit.java": `package example; public class BadInit {
      public BadInit() { throw new UnsupportedOperationException("init broke"); } public Object handle(Object event) { return null; } }`,
  "example/BadStatic.java": `package example; public class BadStatic {
      static final int N = Integer.parseInt("x"); public Object handle(Object event) { return N; } }`,
  "example/Plain.java":
    "package example; public class Plain { public Object handle(Object event) { return event; } }",
};
/** Needs Java 16 or newer. */
const RECORDS = `package example; import java.util.*; public class Records {
  public record Point(int x, Integer y, List<String> tags) {}
  public Point handle(Point point) { return new Point(point.x() + 1, point.y(), point.tags()); } }`;

/** Compiles the functions against the jars in `libraries`; returns a new directory laid out as a package, to be removed. */
export async function compileJavaFunctions(libraries: string): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), "lambent-java-functions-"));
  const sources = join(root, "sources");
  const classes = join(root, "package");
  // Classes of the oldest version that runs them, all in one package.
  for (const [release, files] of Object.entries({ 11: FILES, 17: { "example/Records.java": RECORDS } })) {
    for (const [name, text] of Object.entries(files)) {
      await mkdir(dirname(join(sources, name)), { recursive: true });
      await writeFile(join(sources, name), text);
    }
    const options = ["--release", release, "-encoding", "UTF-8", "-cp", `${libraries}/*`, "-d", classes];
    await promisify(execFile)("javac", [...options, ...Object.keys(files)], { cwd: sources });
  }
  await writeFile(join(classes, "resource.txt"), "from the root");
  return root;
}

/** The path of aws-lambda-java-core among the jars of AWS's client. */
export async function coreJar(libraries: string): Promise<string> {
  const name = (await readdir(libraries)).find((file) => /^aws-lambda-java-core-.*[.]jar$/.test(file));
  if (name === undefined) throw new Error(`${libraries} has no aws-lambda-java-core`);
  return join(libraries, name);
}
