"""Gives the sandbox's listening sockets to the platform."""

import os
import socket
import struct

_CHANNEL_FD = 3
_BACKLOG = 511


def hand_over_listeners():
    """Open the ports of LAMBENT_LISTEN and pass them on; return whether there were any.

    LAMBENT_LISTEN is "runtime-api=9001,aws-endpoint=4566". Each port is bound on the sandbox's own loopback interface
    and sent over file descriptor 3 the way a Node.js child sends a server, which is what the platform expects there:
    one JSON line with the descriptor attached, acknowledged before the next is sent. The platform closes the channel
    when it holds them all. Where LAMBENT_LISTEN is empty they have been opened already, and that is waited for. Afterwards neither the variables nor the descriptor remain.
    """
    wanted = os.environ.get("LAMBENT_LISTEN")
    if wanted is not None:
        channel = socket.socket(fileno=_CHANNEL_FD)
        channel.setblocking(True)
        lines = _Lines(channel)
        for entry in filter(None, wanted.split(",")):
            listener, port = entry.split("=")
            _give_listener(channel, listener, int(port))
            while b'"NODE_HANDLE_ACK"' not in lines.next():
                pass
        while lines.next():
            pass
        channel.close()
    for name in list(os.environ):
        if name.startswith(("LAMBENT_", "NODE_CHANNEL_")):
            del os.environ[name]
    return wanted is not None


def _give_listener(channel, listener, port):
    server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(("127.0.0.1", port))
    server.listen(_BACKLOG)
    message = '{"cmd":"NODE_HANDLE","type":"net.Server","msg":{"listener":"%s"}}\n' % listener
    rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("i", server.fileno()))
    channel.sendmsg([message.encode()], [rights])
    # Only the platform may accept connections: our copy goes.
    server.close()


class _Lines:
    """Reads lines; an empty one means that the other side has closed the channel."""

    def __init__(self, channel):
        self._channel = channel
        self._received = b""

    def next(self):
        while b"\n" not in self._received:
            try:
                chunk = self._channel.recv(4096)
            except ConnectionResetError:
                chunk = b""
            if not chunk:
                return b""
            self._received += chunk
        line, _, self._received = self._received.partition(b"\n")
        return line
