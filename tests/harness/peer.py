"""Servers that are no Redis, or one that misbehaves."""

import socket
import struct
import threading
import time

from .proxy import _Stream as Stream

INFO = (b"# Server\r\nredis_version:7.0.15\r\nrun_id:%s\r\nuptime_in_seconds:100\r\n"
        b"# Memory\r\nused_memory:1000\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\n"
        b"loading:0\r\nevicted_keys:0\r\n")


def bulk(value):
    return b"$%d\r\n%s\r\n" % (len(value), value)


class Peer:
    """Calls serve(connection, number) for every connection, in a thread of its own.

        with Peer(peer.silent) as p: probe.run(p, ...)
    """

    def __init__(self, serve):
        self._serve, self._open = serve, []
        self.connections = 0

    def __enter__(self):
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(64)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._listener.close()
        for connection in self._open:
            connection.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            threading.Thread(target=self._run, args=(connection, self.connections),
                             daemon=True).start()

    def _run(self, connection, number):
        try:
            self._serve(connection, number)
        except OSError:
            pass


def silent(connection, _):
    while connection.recv(65536):
        pass


class Silent(Peer):
    """Says nothing; .heard is true once something was said to it."""

    def __init__(self):
        super().__init__(self._listen)
        self.heard = False

    def _listen(self, connection, _):
        while connection.recv(65536):
            self.heard = True


def says(text, then="close"):
    """Waits for a request, says `text`, then closes, resets or stays silent."""
    def serve(connection, number):
        connection.recv(65536)
        connection.sendall(text)
        if then == "reset":
            time.sleep(0.05)  # so that the bytes get there before the reset
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif then == "silence":
            silent(connection, number)
        else:
            connection.shutdown(socket.SHUT_WR)
        connection.close()
    return serve


def drips(text, every=0.2):
    def serve(connection, _):
        connection.recv(65536)
        while True:
            for i in range(len(text)):
                connection.sendall(text[i:i + 1])
                time.sleep(every)
    return serve


def echoes(connection, _):
    while True:
        got = connection.recv(65536)
        if not got:
            return
        connection.sendall(got)


class FakeRedis(Peer):
    """Greets as a Redis. `replies` {NAME: bytes, a list of bytes (one each, the last stays) or
    function(words) -> bytes}; an empty reply closes the connection."""

    def __init__(self, replies=None, run_id=b"a" * 40):
        super().__init__(self._talk)
        self.replies = {"PING": b"+PONG\r\n", "CLIENT": b"+OK\r\n", "AUTH": b"+OK\r\n",
                        "SELECT": b"+OK\r\n", "ROLE": b"*3\r\n" + bulk(b"master") + b":0\r\n*0\r\n",
                        "INFO": bulk(INFO % run_id), "DBSIZE": b":0\r\n",
                        "TIME": lambda _: self._time(), **(replies or {})}
        self.seen = []

    @staticmethod
    def _time():
        us = time.time_ns() // 1000
        return b"*2\r\n" + bulk(b"%d" % (us // 1000000)) + bulk(b"%d" % (us % 1000000))

    def _talk(self, connection, _):
        requests = Stream(connection)
        while True:
            _, words = requests.value()
            name = words[0].decode().upper()
            self.seen.append(name)
            reply = self.replies.get(name, b"-ERR unknown command\r\n")
            if callable(reply):
                reply = reply(words)
            elif isinstance(reply, list):
                reply = reply.pop(0) if len(reply) > 1 else reply[0]
            if not reply:
                connection.close()
                return
            connection.sendall(reply)
