"""A proxy between a job and redis-server that fails when it is told to.

It goes command by command: one is forwarded, its reply is read and handed back, then
the next. So "after the n-th command" means exactly that, whatever the client pipelines.
"""

import os
import shutil
import socket
import tempfile
import threading
import time


class _Stream:
    """Reads RESP values off a socket as raw bytes."""

    def __init__(self, sock):
        self.sock, self.buffer = sock, b""

    def _more(self):
        got = self.sock.recv(65536)
        if not got:
            raise ConnectionError("closed")
        self.buffer += got

    def line(self):
        while b"\r\n" not in self.buffer:
            self._more()
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line + b"\r\n"

    def exactly(self, n):
        while len(self.buffer) < n:
            self._more()
        taken, self.buffer = self.buffer[:n], self.buffer[n:]
        return taken

    def value(self):
        """One RESP2 value: (raw bytes, list of bulk strings in it)."""
        head = self.line()
        kind, rest = head[:1], head[1:-2]
        if kind == b"$" and rest != b"-1":
            body = self.exactly(int(rest) + 2)
            return head + body, [body[:-2]]
        if kind == b"*" and rest != b"-1":
            raw, words = [head], []
            for _ in range(int(rest)):
                r, w = self.value()
                raw.append(r)
                words += w
            return b"".join(raw), words
        return head, []


class Proxy:
    """
        with Proxy(server) as proxy:
            job = Job("reap-stale", proxy.url, tmp_path)
            proxy.cut_after(5)             # the 5th command runs, its reply is lost
            proxy.cut_before(5)            # the 5th command never arrives
            proxy.reply_with("SET", b"-OOM command not allowed\\r\\n", times=1)
            proxy.delay(replies=0.2)       # each reply 200 ms late; or requests=0.2
            proxy.drip = True              # replies a byte at a time
            proxy.refuse = True            # new connections are closed at once
            proxy.on_command = function    # (number, [words]) -> None | "cut-before" |
                                           # "cut-after" | bytes: a reply instead

    Counts run over all connections: .commands (number forwarded or answered), .seen
    (their names), .connections. tcp=True listens on 127.0.0.1, see .port.
    """

    def __init__(self, server, tcp=False):
        self.server = server
        self.dir = tempfile.mkdtemp(prefix="coordkeep-proxy-")
        self.tcp = tcp
        self.commands, self.connections, self.seen = 0, 0, []
        self.refuse = self.drip = False
        self.on_command = None
        self._cut_before, self._cut_after = set(), set()
        self._instead = []
        self._delay = {"requests": 0.0, "replies": 0.0}
        self._lock = threading.RLock()
        self._open = set()
        self._closing = False

    def __enter__(self):
        if self.tcp:
            self._listener = socket.socket()
            self._listener.bind(("127.0.0.1", 0))
            self.port = self._listener.getsockname()[1]
            self.url = f"redis://127.0.0.1:{self.port}/0"
        else:
            self.socket = os.path.join(self.dir, "proxy.sock")
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(self.socket)
            self.url = f"unix://{self.socket}"
        self._listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._closing = True
        self._listener.close()
        self.cut_now()
        shutil.rmtree(self.dir, ignore_errors=True)

    def cut_after(self, *numbers):
        self._cut_after.update(numbers)

    def cut_before(self, *numbers):
        self._cut_before.update(numbers)

    def reply_with(self, command, reply, times=1):
        """Answer the next `times` commands of that name with `reply`; they do not run."""
        self._instead.append([command.upper().encode(), reply, times])

    def delay(self, requests=0.0, replies=0.0):
        self._delay = {"requests": requests, "replies": replies}

    def cut_now(self):
        """Reset every connection."""
        with self._lock:
            for s in list(self._open):
                try:
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def _accept(self):
        while not self._closing:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            if self.refuse:
                client.close()
                continue
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _verdict(self, words):
        """Number the command and say what becomes of it."""
        with self._lock:
            self.commands += 1
            number = self.commands
            name = words[0].upper() if words else b""
            self.seen.append(name.decode("utf-8", "replace"))
            if self.on_command is not None:
                said = self.on_command(number, words)
                if said is not None:
                    return said
            for rule in self._instead:
                if rule[0] == name and rule[2] > 0:
                    rule[2] -= 1
                    return rule[1]
            if number in self._cut_before:
                return "cut-before"
            if number in self._cut_after:
                return "cut-after"
            return None

    def _serve(self, client):
        upstream = socket.socket(socket.AF_UNIX)
        with self._lock:
            self._open.update((client, upstream))
        try:
            upstream.connect(self.server.socket)
            requests, replies = _Stream(client), _Stream(upstream)
            while True:
                raw, words = requests.value()
                verdict = self._verdict(words)
                if verdict == "cut-before":
                    return
                if self._delay["requests"]:
                    time.sleep(self._delay["requests"])
                if isinstance(verdict, bytes):
                    reply = verdict
                else:
                    upstream.sendall(raw)
                    reply, _ = replies.value()
                if verdict == "cut-after":
                    return
                if self._delay["replies"]:
                    time.sleep(self._delay["replies"])
                if self.drip:
                    for i in range(len(reply)):
                        client.sendall(reply[i:i + 1])
                        time.sleep(0.01)
                else:
                    client.sendall(reply)
        except OSError:
            pass
        finally:
            with self._lock:
                self._open.difference_update((client, upstream))
            client.close()
            upstream.close()
