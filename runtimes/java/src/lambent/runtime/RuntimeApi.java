package lambent.runtime;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.Closeable;
import java.io.EOFException;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.Proxy;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;

/**
 * The Runtime API over one kept-alive connection, one exchange at a time, each request in a single write; from the first
 * request for an event on in frames, where the platform takes the offer. Waiting for an event has no time limit. A
 * kept-alive connection that was closed before it answered is opened again once, as HTTP clients do.
 */
final class RuntimeApi implements Closeable {
    private static final String BASE = "/2018-06-01/runtime";
    private static final String ASSIGNMENT = "/lambent/assignment";
    private static final String CHANNEL = "/lambent/channel";
    private static final String UPGRADE = "Upgrade: lambent-channel\r\n";
    /** As native/process_state.c names it. */
    private static final String CONNECTION = "lambent.connection";
    private static final int BUFFER_BYTES = 64 * 1024;

    private final String host;
    private final int port;
    /** Null where there is no connection. */
    private OutputStream output;
    private InputStream input;
    private boolean answerBegun;
    /** Null as long as this speaks HTTP. */
    private RuntimeChannel channel;
    private boolean offersChannel = true;
    /** The answer to the request for an assignment, whose last byte is still to come. */
    private Answer assigned;

    RuntimeApi(String address) {
        int colon = address.lastIndexOf(':');
        host = address.substring(0, colon);
        port = Integer.parseInt(address.substring(colon + 1));
    }

    /** With the connection that the launcher has opened, if it has: it needs nothing of java.net, which a JVM loads slowly. */
    static RuntimeApi open(String address) {
        RuntimeApi api = new RuntimeApi(address);
        Object descriptor = System.getProperties().remove(CONNECTION);
        if (descriptor instanceof FileDescriptor) {
            FunctionCall.goNative();
            api.use(new FileInputStream((FileDescriptor) descriptor), new FileOutputStream((FileDescriptor) descriptor));
        }
        return api;
    }

    /** An event: its headers, names in lower case, and its body. */
    static final class Event {
        private final Map<String, String> headers;
        final byte[] body;

        Event(Map<String, String> headers, byte[] body) {
            this.headers = headers;
            this.body = body;
        }

        /** Null where there is none. */
        String header(String name) {
            return headers.get(name);
        }

        String requestId() {
            return headers.get("lambda-runtime-aws-request-id");
        }
    }

    private static final class Answer {
        int status;
        final Map<String, String> headers = new HashMap<>();
        byte[] body;
    }

    /**
     * What this environment has been assigned to; waits until it is. Only for a JVM that was started to wait. The code is
     * not there before `awaitCode` returns.
     */
    byte[] assignment() throws IOException {
        assigned = exchange("GET " + ASSIGNMENT, UPGRADE, new byte[0], 1);
        if (assigned.status != 200) throw unexpected("assignment", assigned);
        return assigned.body;
    }

    void awaitCode() throws IOException {
        bytes(1);
        boolean isUpgraded = assigned.headers.get("upgrade") != null;
        assigned = null;
        if (isUpgraded) goOnInFrames(false);
    }

    /** What is said by HTTP goes over another connection from then on. */
    private void goOnInFrames(boolean isAsked) {
        channel = new RuntimeChannel(input, output, isAsked);
        output = null;
    }

    Event next() throws IOException {
        while (channel != null || (offersChannel && openChannel())) {
            try {
                return channel.next();
            } catch (IOException error) {
                boolean mayRetry = channel.isBetweenFrames();
                close();
                if (!mayRetry) throw error;
            }
        }
        Answer answer = exchange("GET " + BASE + "/invocation/next", "", new byte[0], 0);
        if (answer.status != 200) throw unexpected("next", answer);
        return new Event(answer.headers, answer.body);
    }

    /** Asks for frames, and for the first event with them: the answer comes when there is one. */
    private boolean openChannel() throws IOException {
        Answer answer = exchange("GET " + CHANNEL, "Connection: Upgrade\r\n" + UPGRADE, new byte[0], 0);
        offersChannel = answer.status == 101;
        if (offersChannel) goOnInFrames(true);
        return offersChannel;
    }

    void postResponse(String requestId, byte[] body) throws IOException {
        if (channel != null) {
            try {
                channel.postResponse(requestId, body);
                return;
            } catch (IOException broken) {
                // It goes over HTTP then.
                close();
            }
        }
        Answer answer = post("/invocation/" + requestId + "/response", body, "");
        // 413: the platform has told the caller about the oversized response itself; this environment goes on.
        if (answer.status != 202 && answer.status != 413) throw unexpected("response", answer);
    }

    /** `andNext`: nothing is to be done before the next event is asked for. */
    void postError(String requestId, byte[] body, String errorType, boolean andNext) throws IOException {
        if (channel != null) {
            try {
                channel.postError(requestId, body, printable(errorType), andNext);
                return;
            } catch (IOException broken) {
                close();
            }
        }
        expectAccepted("error", post("/invocation/" + requestId + "/error", body, typeHeader(errorType)));
    }

    void postInitError(byte[] body, String errorType) throws IOException {
        expectAccepted("init/error", post("/init/error", body, typeHeader(errorType)));
    }

    private static String printable(String errorType) {
        return errorType == null ? "" : errorType.replaceAll("[^\\x20-\\x7e]", "");
    }

    private static String typeHeader(String errorType) {
        String printable = printable(errorType);
        return printable.isEmpty() ? "" : "Lambda-Runtime-Function-Error-Type: " + printable + "\r\n";
    }

    private static void expectAccepted(String what, Answer answer) {
        if (answer.status != 202) throw unexpected(what, answer);
    }

    private static IllegalStateException unexpected(String what, Answer answer) {
        return unexpected(what, answer.status, new String(answer.body, StandardCharsets.UTF_8));
    }

    static IllegalStateException unexpected(String what, int status, String text) {
        return new IllegalStateException("The Runtime API answered " + status + " to \"" + what + "\": " + text);
    }

    @Override
    public void close() throws IOException {
        // Either stream of a socket, or of a descriptor, closes both.
        if (output != null) output.close();
        if (channel != null) channel.close();
        output = null;
        channel = null;
    }

    private Answer post(String path, byte[] body, String header) throws IOException {
        String headers = "Content-Type: application/json\r\n" + header + "Content-Length: " + body.length + "\r\n";
        return exchange("POST " + BASE + path, headers, body, 0);
    }

    /** So many bytes of the answer are `left` where they are. */
    private Answer exchange(String target, String headers, byte[] body, int left) throws IOException {
        String head = target + " HTTP/1.1\r\nHost: " + host + "\r\n" + headers + "\r\n";
        byte[] headBytes = head.getBytes(StandardCharsets.UTF_8);
        byte[] request = new byte[headBytes.length + body.length];
        System.arraycopy(headBytes, 0, request, 0, headBytes.length);
        System.arraycopy(body, 0, request, headBytes.length, body.length);
        boolean mayRetry = output != null;
        while (true) {
            answerBegun = false;
            try {
                if (output == null) connect();
                output.write(request);
                return read(left);
            } catch (IOException error) {
                close();
                if (!mayRetry || answerBegun) throw error;
                mayRetry = false;
            }
        }
    }

    private void connect() throws IOException {
        // Nor is the platform reached by a proxy that the function's options name.
        Socket opened = new Socket(Proxy.NO_PROXY);
        opened.setTcpNoDelay(true);
        opened.connect(new InetSocketAddress(host, port));
        use(opened.getInputStream(), opened.getOutputStream());
    }

    private void use(InputStream in, OutputStream out) {
        input = new BufferedInputStream(in, BUFFER_BYTES);
        output = out;
    }

    private Answer read(int left) throws IOException {
        Answer answer = new Answer();
        answer.status = Integer.parseInt(line().split(" ", 3)[1]);
        for (String line = line(); !line.isEmpty(); line = line()) {
            int colon = line.indexOf(':');
            if (colon > 0)
                answer.headers.put(
                        line.substring(0, colon).toLowerCase(Locale.ROOT), line.substring(colon + 1).trim());
        }
        if ("chunked".equalsIgnoreCase(answer.headers.get("transfer-encoding"))) answer.body = chunks();
        else answer.body = bytes(Math.max(0, Integer.parseInt(answer.headers.getOrDefault("content-length", "0")) - left));
        return answer;
    }

    private byte[] chunks() throws IOException {
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        while (true) {
            int size = Integer.parseInt(line().split(";", 2)[0].trim(), 16);
            body.write(bytes(size));
            line();
            if (size == 0) return body.toByteArray();
        }
    }

    private byte[] bytes(int length) throws IOException {
        byte[] read = input.readNBytes(length);
        if (read.length < length) throw new EOFException("The Runtime API closed the connection.");
        return read;
    }

    /** Headers are UTF-8, as AWS sends the client context. */
    private String line() throws IOException {
        ByteArrayOutputStream line = new ByteArrayOutputStream();
        for (int next = input.read(); next != '\n'; next = input.read()) {
            if (next < 0) throw new EOFException("The Runtime API closed the connection.");
            answerBegun = true;
            if (next != '\r') line.write(next);
        }
        return line.toString(StandardCharsets.UTF_8);
    }
}
