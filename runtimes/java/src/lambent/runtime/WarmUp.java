package lambent.runtime;

import java.io.File;
import java.io.OutputStream;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Runs the way of an invocation, with a function of its own and with nothing that can be seen from outside, so that the
 * first real one finds the JVM's classes loaded and its call sites linked.
 */
final class WarmUp {
    private static final int ROUNDS = 60;

    private WarmUp() {}

    static void run() {
        try (URLClassLoader loader = new URLClassLoader(classPath(), ClassLoader.getPlatformClassLoader())) {
            for (int round = 0; round < ROUNDS; round++) invoke(loader, round);
        } catch (Throwable error) {
            throw new IllegalStateException("The warm-up failed", error);
        }
    }

    /** A directory and a jar, as functions have them. */
    private static URL[] classPath() throws Exception {
        URL jar = WarmUp.class.getProtectionDomain().getCodeSource().getLocation();
        return new URL[] {new File("/var/task").toURI().toURL(), jar};
    }

    private static void invoke(ClassLoader loader, int round) throws Throwable {
        String[] forms = {"value", "text", "bean", "stream"};
        String name = Function.class.getName() + "::" + forms[round % forms.length];
        EventHandler handler = HandlerLoader.load(name, loader);
        LogSink log = LogSink.to(OutputStream.nullOutputStream(), round % 2 == 0);
        Map<String, String> headers = new HashMap<>();
        headers.put("lambda-runtime-aws-request-id", "warm-up-" + round);
        headers.put("lambda-runtime-deadline-ms", String.valueOf(System.currentTimeMillis()));
        String event = name.endsWith("text") ? "\"é\"" : "{\"name\":\"n" + round + "\",\"amount\":" + round + ",\"list\":[1.5,true,null]}";
        InvocationContext context =
                new InvocationContext(new RuntimeApi.Event(headers, new byte[0]), log);
        handler.handle(event.getBytes(StandardCharsets.UTF_8), context);
        Context asInterface = (Context) context.as(Context.class);
        asInterface.getLogger().log("round " + asInterface.getAwsRequestId() + asInterface.getRemainingTimeInMillis());
        ErrorReport report = ErrorReport.of(new IllegalStateException("warm-up"));
        report.toJson();
        log.logError(report, asInterface.getAwsRequestId());
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

    /** An event or answer of the function. */
    public static final class Order {
        private String name;
        private int amount;
        public List<Object> list;

        public String getName() {
            return name;
        }

        public void setName(String name) {
            this.name = name;
        }

        public int getAmount() {
            return amount;
        }

        public void setAmount(int amount) {
            this.amount = amount;
        }
    }

    /** The function that is run. */
    public static final class Function {
        public Map<String, Object> value(Map<String, Object> event) {
            Map<String, Object> answer = new LinkedHashMap<>(event);
            answer.put("name", "of " + event.get("name"));
            return answer;
        }

        public String text(String event) {
            return event + "!";
        }

        public Order bean(Order event) {
            return event;
        }

        public void stream(java.io.InputStream in, OutputStream out) throws java.io.IOException {
            in.transferTo(out);
        }
    }
}
