"""What the units allow is enough for what the jobs do: the system calls that a run makes are in
the unit's filter, and what it writes is in the unit's directories. Where systemd cannot be
asked to try it, the kernel says what a run does."""

import functools
import json
import os
import pathlib
import pwd
import re
import subprocess

import pytest

from escalating import MINUTE, State
from harness import Strace, end, root_dir, spawn, wait_for

UNITS = root_dir() / "systemd-timers"
JOBS = ("escalate-dead", "reap-stale", "ttl-fixer", "clock-audit")


@functools.lru_cache(None)
def group(name):
    """The system calls of a group such as @resources."""
    done = subprocess.run(["systemd-analyze", "syscall-filter", "--no-pager", name],
                          capture_output=True, text=True, check=True)
    calls = set()
    for line in done.stdout.splitlines()[1:]:
        word = line.strip()
        if word.startswith("@"):
            calls |= group(word)
        elif word and not word.startswith("#"):
            calls.add(word)
    return calls


def allowed(unit):
    """Those that the filter of a unit lets through."""
    calls = None
    for line in re.findall(r"^SystemCallFilter=(.*)$", (UNITS / unit).read_text(), re.M):
        named = set()
        for word in line.lstrip("~").split():
            named |= group(word) if word.startswith("@") else {word}
        if calls is None:
            assert not line.startswith("~")
            calls = named
        else:
            calls = calls - named if line.startswith("~") else calls | named
    return calls


def fill(r):
    """Work for each job."""
    state = State(r)
    state.alive("alive")
    state.silent("dead")
    state.work("dead", "w")
    r.set("blocking:warning:dead", 2, px=290_000)
    state.heartbeat("stale", age=20 * MINUTE, ttl=None)
    r.set("blocking:signal:stale", json.dumps({"timestamp": state.now() - 20 * MINUTE}))
    r.set("blocking:state:alive", "x")


@pytest.mark.needs("root")
@pytest.mark.parametrize("name", JOBS)
def test_a_run_needs_no_more_than_the_unit_allows(r, job, tmp_path, name):
    fill(r)
    undo, metrics, state, log = (tmp_path / d for d in ("undo", "metrics", "state", "log"))
    log.mkdir()
    hook = tmp_path / "hook"
    hook.write_text("#!/bin/sh\nexec cat\n")
    hook.chmod(0o755)
    config = {
        "liveness": {"confirm": "0s"}, "reap-stale": {"undo_dir": undo},
        "metrics": {"textfile_dir": metrics}, "job": {"state_dir": state},
        "log": {"file": log / "log"}, "clock-audit": {"warn": "2s", "critical": "60s"},
        "hooks": {h: hook for h in ("on_findings", "on_failure", "on_escalation")},
    }
    metrics.mkdir()
    run = job(name, config)
    trace = Strace(tmp_path)
    done = run.run(prefix=trace.prefix)
    assert done.exit in (0, 1), done
    # StateDirectory, LogsDirectory and node_exporter's directory stand for these
    check(trace, f"{name}.service", (undo, metrics, state, log))


@pytest.mark.needs("root")
def test_nor_does_a_host_that_gets_its_new_secret(r, job, tmp_path):
    """The environment file is rewritten, the processes are looked for, the commands run."""
    etc, log = tmp_path / "coordinator", tmp_path / "log"
    for made in (etc, log):
        made.mkdir()
    variable = f"SANDBOX{os.getpid()}_SECRET"
    for path, text in ((etc / "env", f"{variable}={'s' * 40}\n"), (tmp_path / "key", "k" * 40)):
        path.write_text(text)
        path.chmod(0o600)
    rotate = job("secret-rotate-phase", {
        "secrets": {"env_file": etc / "env", "current_var": variable,
                    "other_var": f"{variable}_NEW"},
        "secret-rotate-phase": {
            "host": "h1", "hosts": "h1", "coordinators_accept_other": "yes", "soak": "0s",
            "master_key_file": tmp_path / "key", "check_command": "true"},
        "log": {"file": log / "log"}})
    assert rotate.run().exit == 0
    trace = Strace(tmp_path)
    done = rotate.run("--start", prefix=trace.prefix)
    assert done.exit == 0 and f"{variable}_NEW=" in (etc / "env").read_text(), done
    check(trace, "secret-rotate-phase.service",
          (etc, log, rotate.rotation_dir, rotate.state_dir, rotate.textfile_dir))


def check(trace, unit, directories):
    """What was traced stays within the unit's filter and these directories."""
    made = {re.match(r"(\w+)\(", line)[1] for line in trace.calls() if re.match(r"\w+\(", line)}
    assert len(made) > 20
    # the kernel goes on with what a signal interrupted
    assert made - {"restart_syscall"} <= allowed(unit)
    mine = tuple(str(p) for p in directories)
    for line in trace.calls("openat"):
        path = re.match(r'openat\([^,]+, "([^"]*)", (\S+)', line)
        if path and re.search(r"O_WRONLY|O_RDWR|O_CREAT", path[2]) and "ENOENT" not in line:
            assert path[1].startswith((*mine, "/dev/null")), line
    for call in ("rename", "unlink", "mkdir", "chmod", "link"):
        for line in trace.calls(call):
            # that a directory is there already is no writing
            assert any(m in line for m in mine) or "= -1 EEXIST" in line, line


def setting(unit, name):
    return re.findall(rf"^{name}=(.*)$", (UNITS / unit).read_text(), re.M)


@pytest.mark.parametrize("unit", sorted(p.name for p in UNITS.glob("*.service")))
def test_each_service_has_what_it_needs(unit):
    rotation = unit.startswith("secret-rotate")
    assert setting(unit, "LoadCredential") == ["redis-password:coordkeep.redis-password"]
    assert setting(unit, "StateDirectory") and setting(unit, "RuntimeDirectory")
    # systemd gives a LogsDirectory to the user of the unit: root's may not take it from the others
    assert setting(unit, "LogsDirectory") == ([] if rotation else ["coordkeep"])
    assert setting(unit, "LogsDirectoryMode") == ([] if rotation else ["0750"])
    assert any("-/var/log/coordkeep" in x for x in setting(unit, "ReadWritePaths")) == rotation
    assert "# OnFailure=" in (UNITS / unit).read_text()
    assert setting(unit, "User") == ([] if rotation else ["coordkeep"])
    assert setting(unit, "NoNewPrivileges") == ["yes"]


@pytest.mark.parametrize("unit", sorted(p.name for p in UNITS.glob("*.timer")))
def test_each_timer_is_punctual_or_spreads(unit):
    if unit == "escalate-dead.timer":
        assert setting(unit, "AccuracySec") == ["1s"] and not setting(unit, "RandomizedDelaySec")
    else:
        assert setting(unit, "RandomizedDelaySec")
    # a missed run of the others is made up for by the next
    missed = setting(unit, "Persistent") == ["yes"]
    assert missed == (unit == "secret-rotate-phase.timer")


def test_the_credential_is_the_password(server, r, job, tmp_path):
    """As LoadCredential leaves it: a file of the service's user that nobody else can read."""
    credentials = tmp_path / "credentials"
    credentials.mkdir(mode=0o700)
    password = credentials / "redis-password"
    password.write_text("s3cret\n")
    os.chmod(password, 0o400)
    r.config_set("requirepass", "s3cret")
    assert job("ttl-fixer").run().exit == 77
    assert job("ttl-fixer").run(env={"CREDENTIALS_DIRECTORY": credentials}).exit == 0


# secret-rotate-phase is root, with the capabilities of its unit and no others.

def powers():
    text = " ".join(setting("secret-rotate-phase.service", "CapabilityBoundingSet"))
    return [word.removeprefix("CAP_").lower() for word in text.split()]


@pytest.fixture
def other_users_host(job, tmp_path):
    """A coordinator of another user, whose environment file only that user's group can read."""
    user = pwd.getpwnam("daemon")
    etc, variable = tmp_path / "coordinator", f"POWERS{os.getpid()}_SECRET"
    etc.mkdir(mode=0o750)
    (etc / "env").write_text(f"{variable}={'s' * 40}\n")
    (etc / "env").chmod(0o640)
    for path in (etc, etc / "env"):
        os.chown(path, user.pw_uid, user.pw_gid)
    key = tmp_path / "key"
    key.write_text("k" * 40)
    key.chmod(0o600)
    coordinator = spawn(["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}",
                         "--clear-groups", "/bin/sleep", "600"], env={variable: "s" * 40})
    environment = pathlib.Path(f"/proc/{coordinator.pid}/environ")
    wait_for(lambda: b"/bin/sleep" in pathlib.Path(f"/proc/{coordinator.pid}/cmdline").read_bytes()
             [:10] and variable.encode() in environment.read_bytes(), what="it runs")
    yield job("secret-rotate-phase", {
        "secrets": {"env_file": etc / "env", "current_var": variable,
                    "other_var": f"{variable}_NEW"},
        "secret-rotate-phase": {
            "host": "h1", "hosts": "h1", "coordinators_accept_other": "yes", "soak": "0s",
            "master_key_file": key, "reload_command": "", "restart_command": ""}})
    end(coordinator)


def with_powers(names):
    return ["setpriv", "--bounding-set=" + ",".join(["-all", *(f"+{n}" for n in names)]),
            "--inh-caps=-all", "--no-new-privs"]


@pytest.mark.needs("root")
def test_the_rotations_powers_are_enough(other_users_host):
    run = other_users_host
    env = run.config["secrets"]["env_file"]
    before = env.stat()
    done = run.run(prefix=with_powers(powers()))
    assert done.exit == 0, done
    done = run.run("--start", prefix=with_powers(powers()))
    assert "_NEW=" in env.read_text(), done
    after = env.stat()
    assert (after.st_uid, after.st_gid, after.st_mode) == \
        (before.st_uid, before.st_gid, before.st_mode)
    assert after.st_uid != 0


@pytest.mark.needs("root")
@pytest.mark.parametrize("taken", powers())
def test_and_each_of_them_is_needed(other_users_host, taken):
    run = other_users_host
    assert run.run().exit == 0
    done = run.run("--start", prefix=with_powers([p for p in powers() if p != taken]))
    assert done.exit not in (0, 1) and "_NEW=" not in \
        run.config["secrets"]["env_file"].read_text(), done
