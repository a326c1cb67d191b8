"""A coordinator host for the scenarios of secret-rotate-phase: its environment file, its
processes, and the job as it is configured there.

The processes carry variables of a name that no other test uses, since /proc shows the
processes of all tests. They are stand-ins that sleep: what counts is their environment.
"""

import os
import pathlib
import signal
import sys
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from coordinator.fingerprints import derived, environment_of  # noqa: E402
from harness import root_dir, wait_for  # noqa: E402

FINGERPRINTS = root_dir() / "tests" / "coordinator" / "fingerprints.py"

OLD = "old/Secret+0123456789-abcdefghijklmnop="
MASTER = "the-master-key-of-all-hosts-0123456789"

_SERVICE = r"""#!/bin/sh
# start N | stop [N]: N processes that read the file, as EnvironmentFile= does
cd {dir} || exit 1
start() {{
	setsid sh -c 'set -a; . ./env; set +a; exec sleep 86400' </dev/null >/dev/null 2>&1 &
	echo $! >pid.$1
}}
stop() {{
	kill $(cat pid.$1) 2>/dev/null
	while kill -0 $(cat pid.$1) 2>/dev/null; do sleep 0.02; done
}}
for n in $2; do
	case $1 in
	start) start $n ;;
	stop) stop $n; rm -f pid.$n ;;
	restart) stop $n; start $n ;;
	esac
done
"""


class RotatingHost:
    """
        host = RotatingHost(job, tmp_path, processes=2)
        host.run("--start")
        host.until("idle")
        assert host.file() == (host.new(r), None)
    """

    def __init__(self, job, directory, name="h1", hosts=None, processes=1, config=None,
                 var=None, share_proc=True):
        self.name, self.dir = name, pathlib.Path(directory) / name
        self.dir.mkdir(parents=True)
        self.var = var or f"T{uuid.uuid4().hex}_SECRET"
        self.env = self.dir / "env"
        self.master = self.dir / "master.key"
        self.write(self.master, MASTER + "\n")
        self.numbers = [str(n) for n in range(1, processes + 1)]
        self.service = self.dir / "service"
        self.service.write_text(_SERVICE.format(dir=self.dir))
        self.service.chmod(0o700)
        self.log = []
        self.set_file(OLD)
        rotate = {
            "hosts": " ".join(hosts or [name]), "host": name, "coordinators_accept_other": "yes",
            "master_key_file": self.master, "soak": "0s", "drain": "0s",
            "reload_command": "", "restart_command": self.restart_command(),
            "command_timeout": "60s",
        }
        if not share_proc:
            rotate["check_command"] = self.check_command()
        self.job = job("secret-rotate-phase", job_config(
            {"secrets": {"env_file": self.env, "current_var": self.var,
                         "other_var": f"{self.var}_NEW"},
             "secret-rotate-phase": rotate}, config), directory=self.dir)
        self.call("start", self.numbers)

    @staticmethod
    def write(path, text, mode=0o600):
        path.write_text(text)
        path.chmod(mode)

    # Its file

    def set_file(self, sign, other=None, more="", mode=0o640):
        text = f"# coordinators of {self.name}\nLOG_LEVEL=info\n{self.var}={sign}\n{more}"
        if other is not None:
            text += f"{self.var}_NEW={other}\n"
        self.write(self.env, text + "REGION=eu-1\n", mode)

    def file(self):
        """(signs, other) as the file has them; None where it does not."""
        found = dict(line.split("=", 1) for line in self.env.read_text().splitlines()
                     if "=" in line)
        return found.get(self.var), found.get(f"{self.var}_NEW")

    # Its processes

    def call(self, what, numbers):
        os.spawnv(os.P_WAIT, str(self.service), [str(self.service), what, " ".join(numbers)])
        if what != "stop":
            wait_for(lambda: all(self.runs_one(n) for n in numbers), what="the processes start")

    def restart_command(self, numbers=None):
        return f"{self.service} restart '{' '.join(numbers or self.numbers)}'"

    def check_command(self):
        """Only this host's processes."""
        files = " ".join(str(self.dir / f"pid.{n}") for n in self.numbers)
        return self.script("check", f"exec {FINGERPRINTS} --var {self.var} {files}")

    def script(self, name, text):
        """A command that fits on a line of the config."""
        path = self.dir / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o700)
        return str(path)

    def pid(self, number):
        path = self.dir / f"pid.{number}"
        text = path.read_text().strip() if path.exists() else ""
        return int(text) if text else None

    def runs_one(self, number):
        """(signs, other) of one process, None if it is not there."""
        pid = self.pid(number)
        carried = environment_of(pid) if pid else None
        if not carried or self.var.encode() not in carried:
            return None
        return tuple(v.decode() if v else None for v in (
            carried.get(self.var.encode()), carried.get(f"{self.var}_NEW".encode())))

    def runs(self):
        """What they run, a set of (signs, other)."""
        return {self.runs_one(n) for n in self.numbers if self.runs_one(n)}

    # The job

    def run(self, *args, **options):
        done = self.job.json(*args, **options)
        self.log.append(done)
        return done

    def until(self, server_client, phase, runs=14):
        """Run until the record is in `phase`."""
        for _ in range(runs):
            if record(server_client).get("phase") == phase:
                return
            self.run()
        raise AssertionError(f"not in {phase} after {runs} runs: {record(server_client)}\n"
                             f"{self.log[-1]}")

    def new(self, server_client):
        """The secret that the rotation brings."""
        return derived(MASTER, record(server_client)["id"])

    def close(self):
        for n in self.numbers:
            pid = self.pid(n)
            if pid:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass


def job_config(base, more):
    merged = {s: dict(keys) for s, keys in base.items()}
    for section, keys in (more or {}).items():
        merged.setdefault(section, {}).update(keys)
    return merged


def record(r):
    return {k.decode(): v.decode() for k, v in r.hgetall("coordkeep:rotation").items()}
