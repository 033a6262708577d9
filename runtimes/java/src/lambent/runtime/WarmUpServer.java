package lambent.runtime;

import java.io.BufferedInputStream;
import java.io.Closeable;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/** A Runtime API for the warm-up, in frames: an event for every request and every answer, on one connection. */
final class WarmUpServer implements Closeable {
    private static final byte[] EVENT = event("{\"name\":\"ü\",\"amount\":7,\"list\":[1.5,true,null,{\"a\":\"b\"}]}");
    private static final String SWITCHING =
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: lambent-channel\r\n\r\n";

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
            DataInputStream input = new DataInputStream(new BufferedInputStream(connection.getInputStream()));
            if (head(input).isEmpty()) return;
            connection.getOutputStream().write(SWITCHING.getBytes(StandardCharsets.US_ASCII));
            while (true) {
                connection.getOutputStream().write(EVENT);
                int length = input.readInt();
                input.readByte();
                input.readNBytes(length);
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

    /** As `RuntimeChannel` reads it: length, kind, deadline, the lengths of four texts, these, the payload. */
    private static byte[] event(String payload) {
        byte[] id = "warm-up".getBytes(StandardCharsets.US_ASCII);
        byte[] body = payload.getBytes(StandardCharsets.UTF_8);
        ByteBuffer frame = ByteBuffer.allocate(22 + id.length + body.length);
        frame.putInt(17 + id.length + body.length).put((byte) 1).putDouble(1_767_225_600_000.0);
        frame.put((byte) id.length).putShort((short) 0).putShort((short) 0).putInt(0);
        return frame.put(id).put(body).array();
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
