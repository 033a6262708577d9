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
    private static final int ROUNDS = 25;
    private static final String[] FORMS = {"value", "text", "bean", "stream", "texts"};
    /** As tools/build-java-client.ts puts them there. */
    private static final String RESOURCES = "/META-INF/warm-up/";
    private static final String FUNCTION = "lambent/warmup/Function";
    private static final String ORDER = "lambent/warmup/Order";
    private static final String CLASS = ".class";

    private WarmUp() {}

    static void run() throws IOException {
        Path directory = Files.createTempDirectory("warm-up");
        try {
            layOut(directory);
            try (URLClassLoader loader = FunctionClassPath.open(directory.toFile(), ClassLoader.getPlatformClassLoader());
                    WarmUpServer server = WarmUpServer.start();
                    RuntimeApi api = new RuntimeApi(server.address())) {
                for (int round = 0; round < ROUNDS; round++) invoke(loader, api, FORMS[round % FORMS.length]);
            }
        } catch (Throwable error) {
            throw new IllegalStateException("The warm-up failed", error);
        } finally {
            delete(directory.toFile());
        }
    }

    /** A package with a class in a directory and one in a jar, as functions have them. */
    private static void layOut(Path directory) throws IOException {
        Path file = directory.resolve(FUNCTION + CLASS);
        Files.createDirectories(file.getParent());
        Files.write(file, resource(FUNCTION));
        Path library = Files.createDirectory(directory.resolve("lib")).resolve("order.jar");
        try (ZipOutputStream jar = new ZipOutputStream(Files.newOutputStream(library))) {
            jar.putNextEntry(new ZipEntry(ORDER + CLASS));
            jar.write(resource(ORDER));
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

    private static void invoke(ClassLoader loader, RuntimeApi api, String form) throws Throwable {
        EventHandler handler = HandlerLoader.load(FUNCTION.replace('/', '.') + "::" + form, loader);
        RuntimeApi.Event event = api.next();
        LogSink log = LogSink.to(OutputStream.nullOutputStream(), form.equals("text"));
        InvocationContext context = new InvocationContext(event, log);
        byte[] body = form.startsWith("text") ? "\"é\"".getBytes(StandardCharsets.UTF_8) : event.body;
        api.postResponse(event.requestId(), handler.handle(body, context));
        Context asInterface = (Context) context.as(Context.class);
        asInterface.getLogger().log("of " + asInterface.getAwsRequestId() + asInterface.getRemainingTimeInMillis());
        ErrorReport report = ErrorReport.of(new IllegalStateException("warm-up"));
        log.logError(report, event.requestId());
        api.postError(event.requestId(), report.toJson(), report.errorType());
    }

    /** Stands for the interfaces of aws-lambda-java-core, which only functions bring. */
    public interface Context {
        String getAwsRequestId();

        int getRemainingTimeInMillis();

        Logger getLogger();

        Object getIdentity();

        Object getClientContext();
    }

    /** As `Context`. */
    public interface Logger {
        void log(String message);
    }
}
