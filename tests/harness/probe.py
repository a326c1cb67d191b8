"""Run tests/tools/probe.c, which does to a server what its words say."""

import os
import signal
import subprocess
import threading
import time

from .job import build_dir
from .processes import end, spawn


class Done:
    """How a probe ended: exit, out and err (text), lines of out, seconds."""

    def __init__(self, argv, code, out, err, seconds):
        self.argv, self.exit, self.out, self.err = argv, code, out, err
        self.lines, self.seconds = out.splitlines(), seconds

    def keys(self):
        return [line[4:] for line in self.lines if line.startswith("key ")]

    def fields(self):
        """The last line as {name: value}."""
        return dict(w.split("=", 1) for w in self.lines[-1].split() if "=" in w)

    def __str__(self):
        return (f"$ {' '.join(self.argv)}\nexit {self.exit} after {self.seconds:.1f} s\n"
                f"--- stdout\n{self.out[-4000:]}--- stderr\n{self.err[-4000:]}---")

    __repr__ = __str__


class Started:
    """A probe that runs while the test does something else."""

    def __init__(self, argv, env):
        self.argv, self.begun = argv, time.monotonic()
        self.process = spawn(argv, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, bufsize=0)
        self.out, self.err = b"", b""
        self._changed = threading.Condition()
        self._readers = [threading.Thread(target=self._read, args=(name,), daemon=True)
                         for name in ("out", "err")]
        for reader in self._readers:
            reader.start()

    def _read(self, name):
        stream = self.process.stdout if name == "out" else self.process.stderr
        while True:
            got = stream.read(65536)
            with self._changed:
                setattr(self, name, getattr(self, name) + (got or b""))
                self._changed.notify_all()
            if not got:
                return

    def await_text(self, text, name="out", times=1, timeout=120):
        """Wait until `text` stands in "out" or "err" so many times."""
        with self._changed:
            seen = self._changed.wait_for(
                lambda: getattr(self, name).count(text.encode()) >= times
                or self.process.poll() is not None, timeout)
            here = getattr(self, name).count(text.encode()) >= times
        assert seen and here, f"no {text!r} in {name}: {self.out!r} {self.err!r}"

    def await_sync(self, times=1):
        self.await_text("sync\n", times=times)

    def go_on(self):
        self.process.stdin.write(b"\n")

    def signal(self, number=signal.SIGTERM):
        self.process.send_signal(number)

    def wait(self, timeout=120):
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            end(self.process, signal.SIGKILL)
            raise AssertionError(f"still running after {timeout} s: {self.argv}\n"
                                 f"{self.out!r}\n{self.err!r}") from None
        for reader in self._readers:
            reader.join()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            stream.close()
        done = Done(self.argv, code, self.out.decode("utf-8", "replace"),
                    self.err.decode("utf-8", "replace"), time.monotonic() - self.begun)
        assert code >= 0, f"ended by signal {-code}\n{done}"
        return done


def start(where, *words, password=None):
    """probe.start(server, "--timeout=500", "call", "PING", ",", "server")

    `where` has a socket (RedisServer, Proxy) or a port (Peer), or is a list of options."""
    if isinstance(where, (list, tuple)):
        options = list(where)
    elif getattr(where, "socket", None):
        options = [f"--unix={where.socket}"]
    else:
        options = ["--host=127.0.0.1", f"--port={where.port}"]
    argv = [str(build_dir() / "tools" / "probe"), *options, *map(str, words)]
    kept = ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "LLVM_PROFILE_FILE")
    env = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8",
           **{k: os.environ[k] for k in kept if k in os.environ}}
    if password is not None:
        env["PROBE_PASSWORD"] = password
    return Started(argv, env)


def run(where, *words, password=None, timeout=120):
    return start(where, *words, password=password).wait(timeout)
