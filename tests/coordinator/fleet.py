#!/usr/bin/python3
"""Several coordinators at once, for a scenario or for a person.

    with Fleet(server.socket, tmp_path) as fleet:
        a = fleet.start("coord-a", work=["w1", "w2"], ttl=2)
        a.crash()

By hand: tests/coordinator/fleet.py --socket /path/redis.sock --count 5 [-- OPTIONS OF EACH]
"""

import argparse
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from harness import end, spawn, wait_for  # noqa: E402

PROGRAM = pathlib.Path(__file__).resolve().parent / "coordinator.py"


class Member:
    """One coordinator process. Its options are those of coordinator.py, with _ for -:
    start("a", offset_ms=-660000, work=["w1"], bare=True)."""

    def __init__(self, socket, directory, ident, options):
        self.id = ident
        handle, name = tempfile.mkstemp(suffix=".json", dir=directory)
        os.close(handle)
        self.status_file = pathlib.Path(name)
        argv = ["/usr/bin/python3", PROGRAM, f"--socket={socket}", f"--id={ident}",
                f"--status={self.status_file}"]
        for name, value in options.items():
            flag = "--" + name.replace("_", "-")
            if value is True:
                argv.append(flag)
            elif isinstance(value, (list, tuple)):
                argv += [f"{flag}={v}" for v in value]
            elif value is not None and value is not False:
                argv.append(f"{flag}={value}")
        self.argv = argv
        self.process = None
        self.run()

    def run(self):
        """Start it (again), and wait for its first beat."""
        self.status_file.write_text("")
        self.process = spawn(self.argv, stdin=subprocess.PIPE)
        wait_for(lambda: self.status().get("pid") == self.process.pid or not self.running(),
                 what=f"{self.id} beats")
        assert self.running(), f"{self.id} ended with {self.process.returncode}"

    @property
    def pid(self):
        return self.process.pid

    def running(self):
        return self.process.poll() is None

    def status(self):
        text = self.status_file.read_text(encoding="utf-8")
        return json.loads(text) if text else {}

    def wait_for_beats(self, n=2):
        """Wait until it beat `n` more times."""
        have = self.status().get("heartbeats", 0)
        wait_for(lambda: self.status().get("heartbeats", 0) >= have + n,
                 what=f"{self.id} beats {n} more times")

    def tell(self, line):
        """Give it a line on stdin; see coordinator.py."""
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def crash(self):
        end(self.process, signal.SIGKILL)

    def hang(self):
        self.process.send_signal(signal.SIGSTOP)

    def wake(self):
        self.process.send_signal(signal.SIGCONT)

    def shut_down(self):
        end(self.process, signal.SIGTERM)

    def reload(self):
        """As `systemctl reload`: the environment file is read again."""
        before = self.status()["loaded"]
        self.process.send_signal(signal.SIGHUP)
        wait_for(lambda: self.status()["loaded"] != before or not self.running(),
                 what=f"{self.id} reloads")

    def restart(self):
        self.shut_down()
        self.run()

    def close(self):
        end(self.process, signal.SIGKILL)
        self.process.stdin.close()


class Fleet:
    def __init__(self, socket, directory=None):
        self.socket = socket
        self._own = None if directory else tempfile.TemporaryDirectory(prefix="coordkeep-fleet-")
        self.dir = pathlib.Path(self._own.name if self._own else directory) / "coordinators"
        self.dir.mkdir(parents=True, exist_ok=True)
        self.members = []

    def start(self, ident, **options):
        member = Member(self.socket, self.dir, ident, options)
        self.members.append(member)
        return member

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for member in self.members:
            member.close()
        if self._own:
            self._own.cleanup()


def main():
    p = argparse.ArgumentParser(description="Start several coordinators and wait for Ctrl-C.")
    p.add_argument("--socket", required=True)
    p.add_argument("--count", type=int, default=3)
    p.add_argument("--prefix", default="coord-")
    options, rest = p.parse_known_args()
    more = [a for a in rest if a != "--"]
    with Fleet(options.socket) as fleet:
        for i in range(1, options.count + 1):
            member = fleet.start(f"{options.prefix}{i}", **dict(
                a.lstrip("-").replace("-", "_").split("=", 1) if "=" in a
                else (a.lstrip("-").replace("-", "_"), True) for a in more))
            print(f"{member.id} {member.pid}", flush=True)
        try:
            signal.pause()
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
