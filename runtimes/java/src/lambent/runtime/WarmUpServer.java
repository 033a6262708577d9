package lambent.runtime;

import java.io.BufferedInputStream;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;

/** A Runtime API for the warm-up: an event for every `next`, "accepted" for every answer, on one connection. */
final class WarmUpServer implements Closeable {
    private static final byte[] EVENT = response(
            "200 OK",
            "Lambda-Runtime-Aws-Request-Id: warm-up\r\nLambda-Runtime-Deadline-Ms: 1767225600000\r\n",
            "{\"name\":\"ü\",\"amount\":7,\"list\":[1.5,true,null,{\"a\":\"b\"}]}");
    private static final byte[] ACCEPTED = response("202 Accepted", "", "{\"status\":\"OK\"}");

    private final ServerSocket listener;
    private final Thread thread;

    private WarmUpServer(ServerSocket listener) {
        this.listener = listener;
        thread = new Thread() {
            @Override
            public void run() {
                serve();
            }
        };
    }

    static WarmUpServer start() throws IOException {
        WarmUpServer server = new WarmUpServer(new ServerSocket(0, 1, InetAddress.getLoopbackAddress()));
        server.thread.start();
        return server;
    }

    String address() {
        return listener.getInetAddress().getHostAddress() + ":" + listener.getLocalPort();
    }

    private void serve() {
        try (Socket connection = listener.accept()) {
            InputStream input = new BufferedInputStream(connection.getInputStream());
            for (String head = head(input); !head.isEmpty(); head = head(input)) {
                int length = head.indexOf("Content-Length: ");
                if (length >= 0) input.readNBytes(Integer.parseInt(head.substring(length + 16).trim()));
                connection.getOutputStream().write(head.startsWith("GET") ? EVENT : ACCEPTED);
            }
        } catch (IOException closed) {
            // The warm-up is over.
        }
    }

    /** Empty at the connection's end. */
    private static String head(InputStream input) throws IOException {
        StringBuilder head = new StringBuilder();
        while (head.length() < 4 || !head.substring(head.length() - 4).equals("\r\n\r\n")) {
            int next = input.read();
            if (next < 0) return "";
            head.append((char) next);
        }
        return head.toString();
    }

    private static byte[] response(String status, String headers, String body) {
        byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
        String head = "HTTP/1.1 " + status + "\r\n" + headers + "Content-Length: " + bytes.length + "\r\n\r\n";
        return (head + body).getBytes(StandardCharsets.UTF_8);
    }

    /** Waits for the thread, so that none is left behind; the client has closed its connection. */
    @Override
    public void close() throws IOException {
        listener.close();
        try {
            thread.join();
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
