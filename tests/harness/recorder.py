"""Record what a job says to Redis, and what it asks of the kernel."""

import ast
import pathlib
import re
import threading
import uuid


def _words(line):
    """The words of a MONITOR line: quoted as sdscatrepr() quotes."""
    quoted = re.findall(r'"(?:[^"\\]|\\.)*"', line)
    return [ast.literal_eval("b" + q).decode("utf-8", "backslashreplace") for q in quoted]


class Monitor:
    """Every command that the server ran, by MONITOR.

        with Monitor(server) as seen:
            job.run()
        assert "KEYS" not in seen.names()
    """

    def __init__(self, server):
        self.server = server
        self.commands = []   # (name, [arguments], from_script)
        self._mark = f"coordkeep-monitor-{uuid.uuid4().hex}"

    def __enter__(self):
        self._client = self.server.client(decode_responses=True)
        self._connection = self._client.connection_pool.get_connection("MONITOR")
        self._connection.send_command("MONITOR")
        assert self._connection.read_response() == "OK"
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        return self

    def _listen(self):
        while True:
            line = self._connection.read_response()
            words = _words(line.split("]", 1)[1])
            if words[-1] == self._mark:
                return
            self.commands.append((words[0].upper(), words[1:], " lua]" in line.split('"')[0]))

    def __exit__(self, *_):
        # a command of our own, last: when MONITOR shows it all others were shown
        client = self.server.client()
        client.execute_command("ECHO", self._mark)
        self._thread.join(60)
        assert not self._thread.is_alive(), "MONITOR did not show the end mark"
        self._connection.disconnect()

    def names(self, scripts=True):
        """Names of the commands; with scripts=False only those that clients sent."""
        return {name for name, _, from_script in self.commands if scripts or not from_script}

    def count(self, name):
        return sum(1 for n, _, from_script in self.commands if n == name and not from_script)

    def touching(self, key):
        """The commands with `key` among their arguments."""
        key = key.decode("utf-8", "backslashreplace") if isinstance(key, bytes) else key
        return [(n, a) for n, a, _ in self.commands if key in a]


class Strace:
    """The system calls of a run: job.run(prefix=Strace(tmp_path, "network").prefix).

    `kill_at=("sendto", 3)` ends the process with SIGKILL at its third sendto.
    """

    def __init__(self, directory, trace="all", kill_at=None):
        self.path = pathlib.Path(directory) / f"strace-{uuid.uuid4().hex}.txt"
        self.prefix = ["strace", "-f", "-qq", "-o", str(self.path), "-s", "256"]
        if kill_at:
            call, number = kill_at
            self.prefix += ["-e", f"trace={call}",
                            "-e", f"inject={call}:signal=KILL:when={number}"]
        else:
            self.prefix += ["-e", f"trace={trace}"]

    def calls(self, name=None):
        """The lines of the trace, without the process id; all or those of one call."""
        lines = [re.sub(r"^\d+\s+", "", line)
                 for line in self.path.read_text(errors="replace").splitlines()]
        return [line for line in lines if name is None or line.startswith(name + "(")]
