package lambent.runtime;

import java.io.BufferedOutputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOError;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/** The loop of Lambent's Java runtime client: wait for an event, run the handler, answer. */
public final class Main {
    /** AWS: from Java 17 on the trace header is found here, not in an environment variable. */
    private static final String TRACE_PROPERTY = "com.amazonaws.xray.traceHeader";

    /** AWS: whatever the function's own code throws; the error itself is in the body. */
    private static final String INIT_ERROR_TYPE = "Runtime.BadFunctionCode";

    private final RuntimeApi api;
    private final LogSink log;

    private Main(RuntimeApi api, LogSink log) {
        this.api = api;
        this.log = log;
    }

    public static void main(String[] arguments) throws IOException, ReflectiveOperationException {
        // Buffered up to the end of each line, and UTF-8 whatever the locale is.
        System.setOut(utf8Stream(new FileOutputStream(FileDescriptor.out)));
        System.setErr(utf8Stream(new FileOutputStream(FileDescriptor.err)));
        // The descriptor is the log's, if anybody's. Early, as all that loads classes is, for one that waits.
        System.setIn(InputStream.nullInputStream());
        RuntimeApi api = RuntimeApi.open(System.getenv("AWS_LAMBDA_RUNTIME_API"));
        WaitingJvm.awaitAssignment(api);
        LogSink log = LogSink.open();
        new Main(api, log).run(System.getenv("_HANDLER"));
    }

    static PrintStream utf8Stream(OutputStream stream) {
        return new PrintStream(new BufferedOutputStream(stream), true, StandardCharsets.UTF_8);
    }

    private void run(String handlerName) throws IOException {
        EventHandler handler = load(handlerName == null ? "" : handlerName);
        while (true) {
            RuntimeApi.Event event;
            try {
                event = api.next();
            } catch (IOException gone) {
                // A connection that is gone here means that the platform is done with this environment.
                System.exit(1);
                return;
            }
            serve(handler, event);
        }
    }

    /** AWS: a failure of the function's own code ends the initialisation; a handler that does not fit fails each event. */
    private EventHandler load(String handlerName) throws IOException {
        try {
            return HandlerLoader.load(handlerName, FunctionClassPath.open());
        } catch (HandlerFault fault) {
            if (!fault.isFatal()) {
                return (body, context) -> {
                    throw fault;
                };
            }
            return endInitialisation(fault);
        } catch (Throwable error) {
            return endInitialisation(error);
        }
    }

    private EventHandler endInitialisation(Throwable error) throws IOException {
        ErrorReport report = ErrorReport.of(error);
        flush();
        log.logError(report, null);
        api.postInitError(report.toJson(), INIT_ERROR_TYPE);
        System.exit(1);
        return null;
    }

    private void serve(EventHandler handler, RuntimeApi.Event event) throws IOException {
        String traceId = event.header("lambda-runtime-trace-id");
        if (traceId == null) System.clearProperty(TRACE_PROPERTY);
        else System.setProperty(TRACE_PROPERTY, traceId);
        byte[] result = null;
        Throwable failure = null;
        try {
            result = handler.handle(event.body, new InvocationContext(event, log));
        } catch (Throwable error) {
            failure = error;
        }
        // The answer ends the invocation: what was printed belongs before it.
        flush();
        if (failure == null) {
            api.postResponse(event.requestId(), result);
            return;
        }
        ErrorReport report = ErrorReport.of(failure);
        log.logError(report, event.requestId());
        // AWS: after these nothing in the process can be relied upon.
        boolean isLast = failure instanceof VirtualMachineError || failure instanceof IOError;
        api.postError(event.requestId(), report.toJson(), report.errorType(), !isLast);
        if (isLast) System.exit(1);
    }

    private static void flush() {
        System.out.flush();
        System.err.flush();
    }
}
