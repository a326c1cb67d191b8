"""Run a job's program with a config made for it, and look at what it said."""

import copy
import json
import os
import pathlib
import signal
import subprocess

import jsonschema

from .processes import end, spawn


def root_dir():
    return pathlib.Path(__file__).resolve().parents[2]


def build_dir():
    """Where the programs are: $BUILD, as the Makefile calls it."""
    return (root_dir() / os.environ.get("BUILD", "build")).resolve()


def _schema():
    return json.loads((root_dir() / "conf" / "result.schema.json").read_text(encoding="utf-8"))


class Run:
    """What one run did: exit, stdout, stderr (text), and json when it was asked for."""

    def __init__(self, argv, returncode, stdout, stderr):
        self.argv, self.exit = argv, returncode
        self.raw_stdout, self.raw_stderr = stdout, stderr
        self.stdout = stdout.decode("utf-8", "replace")
        self.stderr = stderr.decode("utf-8", "replace")
        self.json = None

    def parse(self):
        """Read stdout as the one JSON document of the run and check it against the schema."""
        try:
            self.json = json.loads(self.raw_stdout)
        except ValueError as e:
            raise AssertionError(f"stdout is not one JSON document ({e})\n{self}") from e
        try:
            jsonschema.validate(self.json, _schema())
        except jsonschema.ValidationError as e:
            raise AssertionError(f"the result breaks conf/result.schema.json: {e.message} "
                                 f"at {list(e.absolute_path)}\n{self}") from e
        assert self.json["exit"] == self.exit, f"\"exit\" is not the exit status\n{self}"
        return self

    def count(self, name):
        return self.json["counts"].get(name, 0)

    def findings(self, code=None):
        """The findings of the JSON result, all or those of one code."""
        return [f for f in self.json["findings"] if code in (None, f["code"])]

    def finding_codes(self):
        return sorted({f["code"] for f in self.json["findings"]})

    def actions(self, action=None):
        return [a for a in self.json["actions"] if action in (None, a["action"])]

    def __str__(self):
        return (f"$ {' '.join(map(str, self.argv))}\nexit {self.exit}\n"
                f"--- stdout\n{self.stdout}--- stderr\n{self.stderr}---")

    __repr__ = __str__


class Background:
    """A run that goes on while the test does something else."""

    def __init__(self, argv, process):
        self.argv, self.process = argv, process
        self.pid = process.pid

    def running(self):
        return self.process.poll() is None

    def signal(self, number=signal.SIGTERM):
        self.process.send_signal(number)

    def kill(self):
        self.process.kill()

    def wait(self, timeout=120):
        try:
            out, err = self.process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            out, err = self.process.communicate()
            raise AssertionError(
                f"still running after {timeout} s: {Run(self.argv, None, out, err)}") from None
        return Run(self.argv, self.process.returncode, out, err)

    def close(self):
        end(self.process, signal.SIGKILL)
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()


class Job:
    """One of the programs, with a config file of its own.

        reap = Job("reap-stale", server.url, tmp_path, {"reap-stale": {"stale_after": "5s"}})
        done = reap.run("-v")
        assert done.exit == 0, done
        done = reap.json(config={"liveness": {"confirm": "1s"}})
        assert done.count("deleted") == 3, done

    `config` is {section: {key: value}}; a value of None leaves the key out. What
    run(), json() and start() are given on top of it holds for that run only.
    """

    def __init__(self, name, url, directory, config=None, env=None):
        self.name = name
        self.program = build_dir() / name
        self.dir = pathlib.Path(directory)
        self.dir.mkdir(parents=True, exist_ok=True)
        self.undo_dir = self.dir / "undo"
        self.state_dir = self.dir / "state"
        self.rotation_dir = self.dir / "rotation"
        self.textfile_dir = self.dir / "metrics"
        for made in (self.undo_dir, self.state_dir, self.rotation_dir):
            made.mkdir(mode=0o700, exist_ok=True)
        self.textfile_dir.mkdir(exist_ok=True)
        self.config = self._merge({
            "redis": {"url": url, "retries": 2, "backoff": "50ms"},
            "job": {"state_dir": self.state_dir},
            "metrics": {"textfile_dir": self.textfile_dir},
            "reap-stale": {"undo_dir": self.undo_dir},
            "secret-rotate-phase": {"state_dir": self.rotation_dir},
        }, config)
        self.env = dict(env or {})
        self._runs = 0
        self._started = []

    @staticmethod
    def _merge(base, more):
        merged = copy.deepcopy(base)
        for section, keys in (more or {}).items():
            merged.setdefault(section, {}).update(keys)
        return merged

    def write_config(self, config=None, path=None):
        """Write the config file of a run and return its path."""
        self._runs += 1
        path = pathlib.Path(path or self.dir / f"{self.name}-{self._runs}.ini")
        with open(path, "w", encoding="utf-8") as f:
            for section, keys in self._merge(self.config, config).items():
                lines = [f"{k} = {v}\n" for k, v in keys.items() if v is not None]
                if lines:
                    f.write(f"[{section}]\n{''.join(lines)}\n")
        path.chmod(0o600)
        return path

    def environment(self, env=None):
        """A bare environment, as cron's, so that nothing outside decides a test."""
        bare = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "HOME": str(self.dir), "LC_ALL": "C.UTF-8"}
        kept = ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "LLVM_PROFILE_FILE")
        bare.update({k: os.environ[k] for k in kept if k in os.environ})
        bare.update(self.env)
        bare.update(env or {})
        return {k: str(v) for k, v in bare.items() if v is not None}

    def argv(self, *args, config=None):
        argv = [str(self.program), "-c", str(self.write_config(config))]
        return argv + [a if isinstance(a, bytes) else str(a) for a in args]

    def run(self, *args, config=None, env=None, stdin=None, timeout=120, prefix=(), argv=None,
            cwd=None):
        """Run to the end. `prefix` goes before the program (faketime, strace, ...);
        `argv` replaces the whole command line after the program."""
        line = [str(self.program), *argv] if argv is not None else self.argv(*args, config=config)
        line = [*map(str, prefix), *line]
        try:
            done = subprocess.run(
                line, env=self.environment(env), capture_output=True, timeout=timeout, cwd=cwd,
                **({"input": stdin} if stdin is not None else {"stdin": subprocess.DEVNULL}))
        except subprocess.TimeoutExpired as e:
            raise AssertionError(f"still running after {timeout} s: "
                                 f"{Run(line, None, e.stdout or b'', e.stderr or b'')}") from None
        run = Run(line, done.returncode, done.stdout, done.stderr)
        assert done.returncode >= 0, f"ended by signal {-done.returncode}\n{run}"
        return run

    def json(self, *args, **options):
        """run() with --format json: parsed, and checked against the schema."""
        return self.run("--format", "json", *args, **options).parse()

    def start(self, *args, config=None, env=None, prefix=()):
        """Run in the background."""
        line = [*map(str, prefix), *self.argv(*args, config=config)]
        started = Background(line, spawn(line, env=self.environment(env),
                                         stdout=subprocess.PIPE, stderr=subprocess.PIPE))
        self._started.append(started)
        return started

    def metrics(self):
        """The job's metrics file as {"name{labels}": value}."""
        path = self.textfile_dir / f"coordkeep_{self.name.replace('-', '_')}.prom"
        lines = path.read_text(encoding="utf-8").splitlines()
        return {k: float(v) for k, v in
                (line.rsplit(" ", 1) for line in lines if line and not line.startswith("#"))}

    def journals(self):
        """The undo journals, oldest first."""
        return sorted(self.undo_dir.glob("*.jsonl"))

    def close(self):
        for started in self._started:
            started.close()
