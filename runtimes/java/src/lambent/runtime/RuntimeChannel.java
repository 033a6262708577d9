package lambent.runtime;

import java.io.Closeable;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/**
 * The Runtime API in frames, over a connection that has been upgraded: one write for an answer and the request for the
 * next event together, and no acknowledgement of it. Kinds as in src/runtime-api/channel-frames.ts.
 */
final class RuntimeChannel implements Closeable {
    private static final int HEADER_BYTES = 5;
    private static final int NEXT = 1;
    private static final int RESPONSE = 2;
    private static final int ERROR = 3;
    /** Added to the kind of an answer that asks for the next event as well. */
    private static final int AND_NEXT = 2;
    private static final int EVENT = 1;
    private static final int ACCEPTED = 2;
    private static final int TYPE_LENGTH_MAX = 1_024;
    /** In an event's frame, in this order, before the payload. */
    private static final String[] TEXTS = {
        "lambda-runtime-aws-request-id",
        "lambda-runtime-invoked-function-arn",
        "lambda-runtime-trace-id",
        "lambda-runtime-client-context",
    };

    private final DataInputStream input;
    private final OutputStream output;
    private boolean isAsked;
    private boolean isWithinFrame;
    private int kind;

    /** `isAsked`: to upgrade the connection was to ask for an event. */
    RuntimeChannel(InputStream input, OutputStream output, boolean isAsked) {
        this.input = new DataInputStream(input);
        this.output = output;
        this.isAsked = isAsked;
    }

    /** IOException, where the connection breaks, means that another one may be tried if nothing has been received. */
    RuntimeApi.Event next() throws IOException {
        if (!isAsked) write(NEXT, new byte[0], new byte[0]);
        isAsked = true;
        ByteBuffer frame = frame();
        if (kind != EVENT) throw refused("next", frame);
        isAsked = false;
        Map<String, String> headers = new HashMap<>();
        headers.put("lambda-runtime-deadline-ms", Long.toString((long) frame.getDouble()));
        int[] lengths = {frame.get() & 0xff, frame.getShort() & 0xffff, frame.getShort() & 0xffff, frame.getInt()};
        for (int at = 0; at < TEXTS.length; at++) {
            if (lengths[at] > 0)
                headers.put(TEXTS[at], new String(frame.array(), frame.position(), lengths[at], StandardCharsets.UTF_8));
            frame.position(frame.position() + lengths[at]);
        }
        return new RuntimeApi.Event(headers, Arrays.copyOfRange(frame.array(), frame.position(), frame.limit()));
    }

    /** Nothing of a frame has arrived yet. */
    boolean isBetweenFrames() {
        return !isWithinFrame;
    }

    /** Asks for the next event as well. */
    void postResponse(String requestId, byte[] body) throws IOException {
        isAsked = true;
        write(RESPONSE + AND_NEXT, shortText(requestId), body);
    }

    /** Asks for the next event as well, or waits until the error is accepted. */
    void postError(String requestId, byte[] body, String errorType, boolean andNext) throws IOException {
        byte[] id = shortText(requestId);
        byte[] type = errorType.getBytes(StandardCharsets.ISO_8859_1);
        int length = Math.min(type.length, TYPE_LENGTH_MAX);
        ByteBuffer prefix = ByteBuffer.allocate(id.length + 2 + length);
        prefix.put(id).putShort((short) length).put(type, 0, length);
        isAsked = andNext;
        write(andNext ? ERROR + AND_NEXT : ERROR, prefix.array(), body);
        if (andNext) return;
        ByteBuffer frame = frame();
        if (kind != ACCEPTED) throw refused("error", frame);
    }

    @Override
    public void close() throws IOException {
        output.close();
    }

    private void write(int kind, byte[] prefix, byte[] body) throws IOException {
        int length = prefix.length + body.length;
        ByteBuffer frame = ByteBuffer.allocate(HEADER_BYTES + length);
        frame.putInt(length).put((byte) kind).put(prefix).put(body);
        output.write(frame.array());
    }

    /** The body of the next frame; its kind is `kind`. */
    private ByteBuffer frame() throws IOException {
        isWithinFrame = false;
        int first = input.read();
        if (first < 0) throw new EOFException("The Runtime API closed the connection.");
        isWithinFrame = true;
        int length = first << 24 | input.readUnsignedByte() << 16 | input.readUnsignedShort();
        kind = input.readUnsignedByte();
        byte[] body = new byte[length];
        input.readFully(body);
        isWithinFrame = false;
        return ByteBuffer.wrap(body);
    }

    private static IllegalStateException refused(String what, ByteBuffer frame) {
        int status = frame.getShort();
        String text = new String(frame.array(), frame.position(), frame.remaining(), StandardCharsets.UTF_8);
        return RuntimeApi.unexpected(what, status, text);
    }

    private static byte[] shortText(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.ISO_8859_1);
        byte[] counted = new byte[1 + bytes.length];
        counted[0] = (byte) bytes.length;
        System.arraycopy(bytes, 0, counted, 1, bytes.length);
        return counted;
    }
}
