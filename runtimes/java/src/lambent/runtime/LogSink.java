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
 * What is longer than the kernel keeps whole comes in parts (0x20 in the type): before the text of each stand the id of the
 * record (4) and the number of bytes still to come (4), which are in its length.
 */
final class LogSink {
    private static final int TEXT_FRAME = 0xA55A0003;
    private static final int JSON_FRAME = 0xA55A0002;
    private static final int PART = 0x20;
    private static final int HEADER_BYTES = 16;
    private static final int PART_HEADER_BYTES = HEADER_BYTES + 8;
    /** The kernel puts nothing of others into a write to a pipe that is no longer. */
    private static final int ATOMIC_BYTES = 4096;
    /** One record is written at a time, and nobody else in the sandbox writes any. */
    private static final int RECORD_ID = 1;
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
        long microseconds = now.getEpochSecond() * 1_000_000 + now.getNano() / 1_000;
        int type = (isJson ? JSON_FRAME : TEXT_FRAME) | level << 2;
        if (bytes.length <= ATOMIC_BYTES - HEADER_BYTES) {
            ByteBuffer frame = ByteBuffer.allocate(HEADER_BYTES + bytes.length);
            send(frame.putInt(type).putInt(bytes.length).putLong(microseconds).put(bytes));
            return;
        }
        for (int at = 0; at < bytes.length; ) {
            int length = Math.min(bytes.length - at, ATOMIC_BYTES - PART_HEADER_BYTES);
            ByteBuffer part = ByteBuffer.allocate(PART_HEADER_BYTES + length);
            part.putInt(type | PART).putInt(PART_HEADER_BYTES - HEADER_BYTES + length).putLong(microseconds);
            send(part.putInt(RECORD_ID).putInt(bytes.length - at - length).put(bytes, at, length));
            at += length;
        }
    }

    private void send(ByteBuffer frame) {
        try {
            telemetry.write(frame.array());
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }
}
