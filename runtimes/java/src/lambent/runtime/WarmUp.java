package lambent.runtime;

import java.io.File;
import java.io.OutputStream;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;

/**
 * Runs the way of an invocation, with a function and a Runtime API of its own, and leaves nothing behind that can be
 * seen from outside, so that the first real one finds the JVM's classes loaded and its call sites linked.
 */
final class WarmUp {
    /** Each with a function loaded anew: loading is what most of a start consists of. */
    private static final int ROUNDS = 2;
    private static final String[] HANDLERS = {
        "lambent.warmup.Function::value",
        "lambent.warmup.Function::text",
        "lambent.warmup.Function::texts",
        "lambent.warmup.Function::bean",
        "lambent.warmup.Function::stream",
        "lambent.warmup.Function::fixed",
        "lambent.warmup.Function::nothing",
        "lambent.warmup.Handler",
    };
    /** A package as functions have them, with a class in a directory and others in a jar; tools/build-java-client.ts makes it. */
    private static final String PACKAGE = "warm-up";

    private WarmUp() {}

    /** `client` is the directory that this client lies in. */
    static void run(File client) {
        File directory = new File(client, PACKAGE);
        try (WarmUpServer server = WarmUpServer.start();
                RuntimeApi api = new RuntimeApi(server.address())) {
            for (int round = 0; round < ROUNDS; round++)
                try (URLClassLoader loader = FunctionClassPath.open(directory, ClassLoader.getSystemClassLoader())) {
                    for (String handler : HANDLERS) invoke(loader, api, handler);
                }
        } catch (Throwable error) {
            throw new IllegalStateException("The warm-up failed", error);
        }
    }

    private static void invoke(ClassLoader loader, RuntimeApi api, String name) throws Throwable {
        EventHandler handler = HandlerLoader.load(name, loader);
        RuntimeApi.Event event = api.next();
        LogSink log = LogSink.to(OutputStream.nullOutputStream(), name.endsWith("value"));
        InvocationContext context = new InvocationContext(event, log);
        byte[] body = name.contains("::text") ? "\"é\"".getBytes(StandardCharsets.UTF_8) : event.body;
        api.postResponse(event.requestId(), handler.handle(body, context));
        Main.utf8Stream(OutputStream.nullOutputStream()).println(name);
        ErrorReport report = ErrorReport.of(new IllegalStateException("warm-up"));
        log.logError(report, event.requestId());
        api.postError(api.next().requestId(), report.toJson(), report.errorType(), true);
    }
}
