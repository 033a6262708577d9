package lambent.runtime;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/**
 * Runs the way of an invocation, with a function and a Runtime API of its own, and leaves nothing behind that can be
 * seen from outside, so that the first real one finds the JVM's classes loaded and its call sites linked.
 */
final class WarmUp {
    /** Each with a function loaded anew: loading is what most of a start consists of. */
    private static final int ROUNDS = 2;
    private static final String FUNCTION = "lambent/warmup/Function";
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
    /** As tools/build-java-client.ts puts them there. */
    private static final String RESOURCES = "/META-INF/warm-up/";
    private static final String[] IN_JAR = {
        "lambent/warmup/Handler",
        "lambent/warmup/Order",
        "com/amazonaws/services/lambda/runtime/Context",
        "com/amazonaws/services/lambda/runtime/LambdaLogger",
        "com/amazonaws/services/lambda/runtime/RequestHandler",
    };
    private static final String CLASS = ".class";

    private WarmUp() {}

    static void run() throws IOException {
        Path directory = Files.createTempDirectory("warm-up");
        try {
            layOut(directory);
            try (WarmUpServer server = WarmUpServer.start();
                    RuntimeApi api = new RuntimeApi(server.address())) {
                for (int round = 0; round < ROUNDS; round++)
                    try (URLClassLoader loader = FunctionClassPath.open(directory.toFile(), ClassLoader.getSystemClassLoader())) {
                        for (String handler : HANDLERS) invoke(loader, api, handler);
                    }
            }
        } catch (Throwable error) {
            throw new IllegalStateException("The warm-up failed", error);
        } finally {
            delete(directory.toFile());
        }
    }

    /** A package with a class in a directory and others in a jar, as functions have them. */
    private static void layOut(Path directory) throws IOException {
        Path file = directory.resolve(FUNCTION + CLASS);
        Files.createDirectories(file.getParent());
        Files.write(file, resource(FUNCTION));
        Path library = Files.createDirectory(directory.resolve("lib")).resolve("library.jar");
        try (ZipOutputStream jar = new ZipOutputStream(Files.newOutputStream(library))) {
            for (String name : IN_JAR) {
                jar.putNextEntry(new ZipEntry(name + CLASS));
                jar.write(resource(name));
            }
        }
    }

    private static byte[] resource(String name) throws IOException {
        try (InputStream bytes = WarmUp.class.getResourceAsStream(RESOURCES + name + CLASS)) {
            return bytes.readAllBytes();
        }
    }

    private static void delete(File file) {
        File[] inside = file.listFiles();
        if (inside != null) for (File each : inside) delete(each);
        file.delete();
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
        api.postError(event.requestId(), report.toJson(), report.errorType());
    }
}
