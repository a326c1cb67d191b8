"""A private redis-server in a directory of its own, reached by a unix socket."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile

import redis

from .processes import end, spawn
from .waiting import wait_for


def free_port():
    """A TCP port that was free a moment ago, chosen by the kernel."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class RedisServer:
    """
    RedisServer()                       unix socket only
    RedisServer(tcp=True)               also TCP on 127.0.0.1, see .port
    RedisServer(tls=Certificates(...))  also TLS on 127.0.0.1, see .tls_port
    RedisServer(config={"maxmemory": "50mb"}, password="secret")

    The directory is made with mkdtemp, so the socket's path stays short.
    """

    def __init__(self, tcp=False, tls=None, config=None, password=None, binary=None):
        self.binary = binary or os.environ.get("REDIS_SERVER", "redis-server")
        self.dir = tempfile.mkdtemp(prefix="coordkeep-redis-")
        self.socket = os.path.join(self.dir, "redis.sock")
        self.log = os.path.join(self.dir, "redis.log")
        self.tcp, self.tls, self.password = tcp, tls, password
        self.config = dict(config or {})
        self.port = self.tls_port = 0
        self.process = None
        self.start()

    def _argv(self):
        # Nobody else can take a port between its choice and its use for long:
        # start() tries again with others if somebody did.
        self.port = free_port() if self.tcp else 0
        options = {
            "port": self.port, "bind": "127.0.0.1", "unixsocket": self.socket,
            "unixsocketperm": "700", "dir": self.dir, "logfile": self.log,
            "loglevel": "notice", "save": "", "appendonly": "no", "databases": "16",
            "latency-tracking": "no", "enable-debug-command": "yes",
        }
        if self.tls:
            self.tls_port = free_port()
            options.update({
                "tls-port": self.tls_port, "tls-cert-file": self.tls.server_cert,
                "tls-key-file": self.tls.server_key, "tls-ca-cert-file": self.tls.ca,
                "tls-auth-clients": "optional",
            })
        if self.password:
            options["requirepass"] = self.password
        options.update(self.config)
        version = subprocess.run([self.binary, "--version"], capture_output=True, text=True).stdout
        if " v=6." in version:
            for newer in ("latency-tracking", "enable-debug-command"):
                options.pop(newer, None)
        argv = [self.binary]
        for name, value in options.items():
            argv += [f"--{name}", *(value if isinstance(value, (list, tuple)) else [value])]
        return argv

    def start(self):
        for attempt in range(5):
            if os.path.exists(self.socket):
                os.unlink(self.socket)
            self.process = spawn(self._argv(), stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL)
            wait_for(lambda: self.process.poll() is not None or self._answers(),
                     what=lambda: "redis-server answers; its log:\n" + self.log_text())
            if self.process.poll() is None:
                return
        raise AssertionError("redis-server does not start:\n" + self.log_text())

    def _answers(self):
        try:
            return self.client().ping()
        except redis.BusyLoadingError:
            return False
        except redis.ConnectionError:
            return False

    def client(self, db=0, **options):
        """A client over the unix socket. Keys and values are bytes."""
        options.setdefault("password", self.password)
        return redis.Redis(unix_socket_path=self.socket, db=db, **options)

    @property
    def url(self):
        auth = f":{self.password}@" if self.password else ""
        return f"unix://{auth}{self.socket}"

    def log_text(self):
        try:
            with open(self.log, encoding="utf-8", errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def hang(self):
        """Stop answering, as a server that swaps or forks for ever."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def kill(self):
        """As a crash: nothing is saved, connections are reset."""
        end(self.process, signal.SIGKILL)

    def restart(self):
        """A crash and a new start on the same socket, with another run_id and no data."""
        self.kill()
        self.start()

    def close(self):
        if self.process is not None:
            end(self.process, signal.SIGKILL)
            self.process = None
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
