package lambent.runtime;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What the Runtime API and the log are told about a failure. */
final class ErrorReport {
    private static final String OWN_PACKAGE = ErrorReport.class.getPackageName() + ".";
    /** Causes within causes; a longer chain is cut off. */
    private static final int DEPTH_MAX = 20;

    private final Map<String, Object> payload;
    private final String logText;

    private ErrorReport(Map<String, Object> payload, String logText) {
        this.payload = payload;
        this.logText = logText;
    }

    static ErrorReport of(Throwable error) {
        if (error instanceof HandlerFault) return ofFault((HandlerFault) error);
        cleanTraces(error);
        return new ErrorReport(describe(error), error.getMessage() + ": " + error.getClass().getName() + "\n" + trace(error));
    }

    private static ErrorReport ofFault(HandlerFault fault) {
        Throwable cause = fault.getCause();
        Map<String, Object> payload = new LinkedHashMap<>();
        payload.put("errorMessage", fault.getMessage());
        if (fault.errorType() != null) payload.put("errorType", fault.errorType());
        if (cause == null) return new ErrorReport(payload, fault.getMessage() + "\n");
        cleanTraces(cause);
        return new ErrorReport(payload, fault.getMessage() + ": " + fault.errorType() + "\n" + trace(cause));
    }

    String errorType() {
        return (String) payload.get("errorType");
    }

    byte[] toJson() {
        return JsonWriter.write(payload);
    }

    /** AWS: "message: type", then the trace. */
    String logText() {
        return logText;
    }

    /** AWS: without causes, which are in the log. */
    private static Map<String, Object> describe(Throwable error) {
        Map<String, Object> payload = new LinkedHashMap<>();
        payload.put("errorMessage", error.getMessage());
        payload.put("errorType", error.getClass().getName());
        payload.put("stackTrace", frames(error));
        return payload;
    }

    private static List<String> frames(Throwable error) {
        List<String> frames = new ArrayList<>();
        for (StackTraceElement frame : error.getStackTrace()) frames.add(frame.toString());
        return frames;
    }

    private static String trace(Throwable error) {
        StringWriter text = new StringWriter();
        error.printStackTrace(new PrintWriter(text, true));
        return text.toString();
    }

    /** Cuts off this client's own frames and the reflection by which it called the function. */
    private static void cleanTraces(Throwable error) {
        Throwable current = error;
        for (int depth = 0; current != null && depth <= DEPTH_MAX; depth++, current = current.getCause()) {
            StackTraceElement[] frames = current.getStackTrace();
            int end = 0;
            while (end < frames.length && !frames[end].getClassName().startsWith(OWN_PACKAGE)) end++;
            while (end > 0 && end < frames.length && isReflection(frames[end - 1].getClassName())) end--;
            // An error of this client itself keeps what it has.
            if (end > 0 && end < frames.length) current.setStackTrace(java.util.Arrays.copyOf(frames, end));
        }
    }

    private static boolean isReflection(String className) {
        return className.startsWith("java.lang.reflect.")
                || className.startsWith("jdk.internal.reflect.")
                || className.startsWith("java.lang.invoke.");
    }
}
