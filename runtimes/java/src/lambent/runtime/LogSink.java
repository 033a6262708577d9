package lambent.runtime;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Where records of the LambdaLogger go: framed to the platform's telemetry pipe, so that each stays whole, or as lines of
 * standard output. Frame: type with the level's mask (4 bytes), length (4), microseconds since 1970 (8), then the text.
 */
final class LogSink {
    private static final int TEXT_FRAME = 0xA55A0003;
    private static final int JSON_FRAME = 0xA55A0002;
    /** AWS: of LogLevel; UNDEFINED has the place 0. */
    private static final List<String> LEVELS =
            List.of("UNDEFINED", "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL");
    private static final String PROPERTY = "lambent.telemetry";

    /** Made when the first record needs it: a formatter takes a good part of the classes that a start loads. */
    private static final class Time {
        static final DateTimeFormatter FORMAT =
                DateTimeFormatter.ofPattern("yyyy-MM-dd'T'HH:mm:ss.SSS'Z'").withZone(ZoneOffset.UTC);
    }

    /** Null where records are lines of standard output. */
    private final OutputStream telemetry;
    private final boolean isJson;
    private final int leastLevel;

    private LogSink(OutputStream telemetry, boolean isJson) {
        this.telemetry = telemetry;
        this.isJson = isJson;
        String level = System.getenv("AWS_LAMBDA_LOG_LEVEL");
        leastLevel = Math.max(0, LEVELS.indexOf(level == null ? "" : level.toUpperCase(Locale.ROOT)));
    }

    /** The launcher puts the pipe where standard input was: only the three standard descriptors survive its last step. */
    static LogSink open() {
        boolean isStandardInput = System.getProperty(PROPERTY) != null;
        System.clearProperty(PROPERTY);
        boolean isJson = "JSON".equals(System.getenv("AWS_LAMBDA_LOG_FORMAT"));
        return new LogSink(isStandardInput ? new FileOutputStream(FileDescriptor.in) : null, isJson);
    }

    /** A sink of frames to this stream instead. */
    static LogSink to(OutputStream telemetry, boolean isJson) {
        return new LogSink(telemetry, isJson);
    }

    /** A message of the LambdaLogger; `level` is a name of LogLevel. */
    void log(String message, String level, String requestId) {
        int place = Math.max(0, LEVELS.indexOf(level));
        if (place != 0 && place < leastLevel) return;
        if (!isJson) {
            write(place == 0 ? message : "[" + level + "] " + message + "\n", place);
            return;
        }
        Map<String, Object> record = new LinkedHashMap<>();
        record.put("timestamp", Time.FORMAT.format(Instant.now()));
        record.put("message", message);
        record.put("level", LEVELS.get(place));
        if (requestId != null) record.put("AWSRequestId", requestId);
        write(new String(JsonWriter.write(record), StandardCharsets.UTF_8) + "\n", place);
    }

    void logError(ErrorReport report, String requestId) {
        log(report.logText(), isJson ? "ERROR" : "UNDEFINED", requestId);
    }

    private synchronized void write(String text, int level) {
        // What the function has printed so far was printed before this record.
        System.out.flush();
        if (telemetry == null) {
            // A line of standard output is one record: line breaks within it become carriage returns.
            String line = text.endsWith("\n") ? text.substring(0, text.length() - 1) : text;
            System.out.println(line.replace('\n', '\r'));
            return;
        }
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        Instant now = Instant.now();
        ByteBuffer frame = ByteBuffer.allocate(16 + bytes.length);
        frame.putInt((isJson ? JSON_FRAME : TEXT_FRAME) | level << 2).putInt(bytes.length);
        frame.putLong(now.getEpochSecond() * 1_000_000 + now.getNano() / 1_000).put(bytes);
        try {
            telemetry.write(frame.array());
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }
}
