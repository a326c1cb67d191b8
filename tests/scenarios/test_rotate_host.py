"""secret-rotate-phase on one host: its environment file, its processes, its commands, the
source of the new secret, runs that are cut off, and that no secret leaves the host."""

import base64
import json
import os
import pathlib
import subprocess
import threading
import uuid

import pytest

from coordinator.fingerprints import fingerprint
from harness import Monitor, Strace, wait_for
from rotating import MASTER, OLD, RotatingHost, record

pytestmark = pytest.mark.needs("root")


@pytest.fixture
def hosts(job, tmp_path):
    """hosts("h1", processes=2, config=...) -> RotatingHost"""
    made = []

    def make(name="h1", **options):
        made.append(RotatingHost(job, tmp_path, name, **options))
        return made[-1]

    yield make
    for host in made:
        host.close()


@pytest.fixture
def host(hosts):
    return hosts()


def text_of(done):
    return done.stdout + done.stderr


# A whole rotation

def test_a_rotation_from_end_to_end(host, r):
    before = host.env.read_text()
    assert host.run().exit in (0, 1)
    done = host.run("--start")
    assert done.exit in (0, 1), done
    new = host.new(r)
    assert new != OLD and record(r)["other"] == fingerprint(new)
    assert host.file() == (OLD, new) and host.runs() == {(OLD, new)}
    # a run that moves the phase does its part of the next one
    host.until(r, "promote")
    assert host.file() == (new, OLD) and host.runs() == {(new, OLD)}
    host.until(r, "drain")
    assert host.file() == (new, OLD) and host.runs() == {(new, OLD)}
    host.until(r, "idle")
    assert host.file() == (new, None) and host.runs() == {(new, None)}
    assert host.env.read_text() == before.replace(OLD, new)
    assert host.env.stat().st_mode & 0o7777 == 0o640
    assert record(r)["retired"] == fingerprint(OLD) and record(r)["sign"] == fingerprint(new)
    assert host.run().exit == 0
    # and the next one
    assert host.run("--start").exit in (0, 1)
    next_one = host.new(r)
    host.until(r, "idle")
    assert host.file() == (next_one, None) and host.runs() == {(next_one, None)}


def test_a_dry_run_changes_nothing_here(host, r):
    host.run()
    before = (host.env.read_text(), host.runs(), record(r),
              sorted((p.name, p.read_bytes()) for p in host.job.rotation_dir.iterdir()))
    for args in (["-n"], ["-n", "--start"]):
        done = host.run(*args)
        assert done.exit in (0, 1), done
        after = (host.env.read_text(), host.runs(), record(r),
                 sorted((p.name, p.read_bytes()) for p in host.job.rotation_dir.iterdir()))
        assert before == after
    host.run("--start")
    before = (host.env.read_text(), host.runs(), record(r))
    host.run("-n")
    assert (host.env.read_text(), host.runs(), record(r)) == before


def test_one_run_at_a_time(host):
    lock = host.job.rotation_dir / "lock"
    holder = subprocess.Popen(["flock", str(lock), "sh", "-c", "echo; read x"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    holder.stdout.readline()
    done = host.run()
    assert done.exit == 75 and str(lock) in text_of(done), done
    waiting = host.job.start("--wait", "60s")
    said = b""
    while b"lock-busy" not in said:
        got = os.read(waiting.process.stderr.fileno(), 65536)
        assert got, said
        said += got
    holder.communicate(b"\n")
    done = waiting.wait()
    assert done.exit in (0, 1), done


# The environment file

def test_a_file_edited_by_hand_is_left_alone(host, r):
    host.run("--start")
    strange = "somebody-typed-this-0123456789-0123456789"
    host.set_file(strange)
    before = host.env.read_text()
    for args in ([], ["--catch-up"]):
        done = host.run(*args)
        assert done.exit in (1, 2) and done.findings(), done
        assert fingerprint(strange) in text_of(done) and strange not in text_of(done), done
        assert host.env.read_text() == before
    assert record(r)["phase"] == "distribute"
    # put back as it was, it goes on
    host.set_file(OLD)
    host.until(r, "idle")
    assert host.file() == (host.new(r), None)


def test_other_lines_edited_by_hand_stay(host, r):
    host.run("--start")
    new = host.new(r)
    host.set_file(OLD, new, more="ADDED='by hand'\n")
    host.until(r, "idle")
    assert host.file() == (new, None) and "\nADDED='by hand'\n" in host.env.read_text()


def test_a_process_with_another_secret_is_left_alone(host, r):
    host.run()
    right = host.env.read_text()
    host.set_file("an-older-secret-0123456789-0123456789")
    host.call("restart", ["1"])
    host.env.write_text(right)
    host.run("--start")
    assert record(r) == {}
    host.call("restart", ["1"])
    host.run("--start")
    assert record(r)["phase"] == "distribute"
    host.set_file("an-older-secret-0123456789-0123456789")
    right = host.env.read_text()
    host.call("restart", ["1"])
    done = host.run()
    assert done.exit in (1, 2) and host.env.read_text() == right, done


@pytest.mark.parametrize("what", ["symlink", "readable", "writable", "hard link", "directory",
                                  "missing", "unset"])
def test_a_file_that_is_refused(host, r, what):
    host.run("--start")
    text, kept = host.env.read_text(), host.dir / "kept"
    says = {"symlink": "symbolic link", "readable": f"chmod o-rwx {host.env}",
            "writable": f"chmod o-rwx {host.env}", "hard link": "hard link",
            "directory": "regular file", "missing": str(host.env), "unset": host.var}[what]
    if what == "symlink":
        host.env.rename(kept)
        host.env.symlink_to(kept)
    elif what == "hard link":
        os.link(host.env, kept)
    elif what in ("readable", "writable"):
        host.env.chmod(0o644 if what == "readable" else 0o642)
    else:
        host.env.unlink()
        if what == "directory":
            host.env.mkdir()
        elif what == "unset":
            host.write(host.env, "REGION=eu-1\n")
    done = host.run()
    assert done.exit == 78 and says in text_of(done), done
    for secret in (OLD, host.new(r)):
        assert secret not in text_of(done)
    if kept.exists():
        assert kept.read_text() == text
    # the others see that this host could not look
    status = host.job.json("--status")
    assert "could not look" in json.dumps(status.json) + status.stderr, status


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 256 kB."""
    at = tmp_path / "small"
    at.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k,nr_inodes=100", "tmpfs", str(at)], check=True)
    yield at
    subprocess.run(["umount", "-l", str(at)], check=True)


def fill(directory):
    with open(directory / "ballast", "wb", buffering=0) as f:
        try:
            while True:
                f.write(bytes(1024))
        except OSError:
            pass


@pytest.mark.needs("mounts")
def test_a_full_disk_under_the_environment_file(hosts, r, small_disk):
    host = hosts(processes=0)
    host.env.unlink()
    host.env = small_disk / "env"
    host.set_file(OLD)
    config = {"secrets": {"env_file": host.env}}
    fill(small_disk)
    before = host.env.read_text()
    done = host.run("--start", config=config)
    assert done.exit in (73, 74) and str(small_disk) in text_of(done), done
    assert host.env.read_text() == before
    assert sorted(os.listdir(small_disk)) == ["ballast", "env"]
    (small_disk / "ballast").unlink()
    host.run(config=config)
    assert host.file() == (OLD, host.new(r))


@pytest.mark.needs("mounts")
def test_a_full_disk_under_the_copy(host, r, small_disk):
    config = {"secret-rotate-phase": {"state_dir": small_disk / "rotation"}}
    (small_disk / "rotation").mkdir(mode=0o700)
    fill(small_disk)
    before = host.env.read_text()
    done = host.run("--start", config=config)
    assert done.exit in (73, 74) and str(small_disk) in text_of(done), done
    assert host.env.read_text() == before
    (small_disk / "ballast").unlink()
    host.run(*([] if record(r) else ["--start"]), config=config)
    assert host.file() == (OLD, host.new(r))


def test_a_damaged_copy_is_named_and_not_guessed(host, r):
    host.run("--start")
    copy = host.job.rotation_dir / "record"
    good = copy.read_text()
    before = host.env.read_text(), record(r)
    copy.write_text(good.replace("distribute", "promote"))
    done = host.run()
    assert done.exit == 74 and str(copy) in text_of(done), done
    assert (host.env.read_text(), record(r)) == before
    copy.write_text(good)
    host.until(r, "idle")


# The commands

def test_a_reload_that_does_is_not_followed_by_a_restart(hosts, r):
    host = hosts()
    flag = host.dir / "restarted"
    config = {"secret-rotate-phase": {
        "reload_command": host.restart_command(), "restart_command": f"touch {flag}"}}
    host.run("--start", config=config)
    new = host.new(r)
    for _ in range(12):
        host.run(config=config)
    assert record(r)["phase"] == "idle" and host.runs() == {(new, None)}
    assert not flag.exists()


@pytest.mark.parametrize("reload", ["exit 1", "sleep 30", "kill -9 $$", "/nonexistent/command"])
def test_a_reload_that_fails_is_followed_by_a_restart(host, r, reload):
    done = host.run("--start", config={"secret-rotate-phase": {
        "reload_command": f"exec >/dev/null 2>&1; {reload}", "command_timeout": "2s"}})
    assert done.exit in (0, 1) and host.runs() == {(OLD, host.new(r))}, done


def test_a_restart_that_takes_too_long_may_have_done_its_work(host, r):
    done = host.run("--start", config={"secret-rotate-phase": {
        "restart_command": f"exec >/dev/null 2>&1; {host.restart_command()}; sleep 30",
        "command_timeout": "3s"}})
    assert done.exit in (0, 1) and not done.findings("not-active"), done
    assert host.runs() == {(OLD, host.new(r))}


def test_a_restart_that_takes_too_long_is_looked_at_again(host, r):
    """It is not ended: it may be about to start a coordinator."""
    done = host.run("--start", config={"secret-rotate-phase": {
        "restart_command": f"exec >/dev/null 2>&1; sleep 3; {host.restart_command()}",
        "command_timeout": "1s"}})
    assert done.exit in (0, 1) and not done.findings("not-active"), done
    assert host.runs() == {(OLD, host.new(r))}


@pytest.mark.long
@pytest.mark.parametrize("restart", ["exit 1", "sleep 30", "stop", "half"])
def test_a_restart_that_fails_keeps_the_turn(hosts, r, restart):
    host = hosts(processes=2)
    host.run("--start")
    new = host.new(r)
    command = {"sleep 30": "exec >/dev/null 2>&1; sleep 30",
               "stop": f"{host.service} stop '1 2'", "half": host.restart_command(["1"])}
    done = host.run(config={"secret-rotate-phase": {
        "restart_command": command.get(restart, restart), "command_timeout": "2s"}})
    assert done.exit in (1, 2) and done.findings("not-active"), done
    assert record(r)["turn"] == "h1" and record(r)["phase"] == "promote"
    assert host.file() == (new, OLD)
    assert host.runs() == {"stop": set(), "half": {(new, OLD), (OLD, new)}}.get(
        restart, {(OLD, new)})
    # a person starts them, and the next run gives the turn back
    host.call("restart", ["1", "2"])
    host.run()
    assert record(r)["turn"] == ""
    host.until(r, "idle")


def test_commands_inherit_no_secret(host, r):
    seen = host.dir / "seen"
    dump = f"tr '\\0' '\\n' </proc/$$/environ >>{seen}\n"
    host.job.config["secret-rotate-phase"].update(
        {"restart_command": host.script("restart", dump + host.restart_command()),
         "check_command": host.script("look", dump + host.check_command())})
    env = {host.var: OLD, f"{host.var}_NEW": OLD}
    host.run("--start", env=env)
    for _ in range(3):
        host.run(env=env)
    text = seen.read_text()
    assert "PATH=" in text and OLD not in text and host.new(r) not in text


# The processes

def test_only_coordinators_are_counted(host, r):
    """Not the shell that starts the run and has read the file; nor the run itself."""
    carried = {host.var: OLD}
    host.run("--start", env=carried)
    for _ in range(2):
        done = host.run(env=carried, prefix=["sh", "-c", '"$@"; exit $?', "sh"])
    assert record(r)["phase"] in ("promote", "drain"), done
    assert host.runs() == {(host.new(r), OLD)}, done


@pytest.mark.long
def test_every_process_counts(hosts, r):
    host = hosts(processes=3)
    host.job.config["secret-rotate-phase"]["restart_command"] = host.restart_command(["1", "3"])
    host.run("--start")
    assert record(r)["phase"] == "distribute" and record(r)["confirm"] == "0"
    assert host.runs() == {(OLD, None), (OLD, host.new(r))}
    host.call("restart", ["2"])
    host.run()
    assert record(r)["confirm"] == "1" and record(r)["turn"] == ""


def test_a_host_without_processes_is_spoken_for_by_its_file(hosts, r):
    host = hosts(processes=0, config={"secret-rotate-phase": {"restart_command": "exit 1"}})
    host.run("--start")
    host.until(r, "idle")
    assert host.file() == (host.new(r), None)


def test_a_check_command_speaks_for_the_processes(hosts, r):
    host = hosts(processes=2, share_proc=False)
    host.run("--start")
    host.until(r, "idle")
    assert host.runs() == {(host.new(r), None)}


@pytest.mark.parametrize("command", ["exit 3", "echo hello", f"echo {OLD}", "sleep 30",
                                     f"echo '{fingerprint(OLD)}'"])
def test_a_check_command_that_fails_stops_the_rotation(host, r, command):
    host.run("--start")
    config = {"secret-rotate-phase": {"check_command": command, "command_timeout": "1s"}}
    before = host.env.read_text(), host.runs()
    for _ in range(2):
        done = host.run(config=config)
        assert done.exit == 2 and "check_command" in text_of(done), done
    assert (host.env.read_text(), host.runs()) == before
    assert record(r)["phase"] == "distribute"
    host.until(r, "idle")


# The source

GOOD = "a/good+Secret-0123456789-0123456789="
BAD = {"empty": "", "short": "0123456789012345678901234567890", "a space": GOOD + " x",
       "a quote": GOOD + "'", "a double quote": GOOD + '"', "a backslash": GOOD + "\\",
       "a dollar": "$" + GOOD, "a hash": "#" + GOOD, "two newlines": GOOD + "\n\n",
       "a tab": "\t" + GOOD, "not ASCII": GOOD + "\u00e9", "a NUL": GOOD + "\0",
       "too long": 1025 * "x"}


@pytest.mark.parametrize("source", ["file", "command"])
@pytest.mark.parametrize("value", BAD)
def test_a_secret_that_is_not_fit_is_refused(host, r, source, value):
    path = host.dir / "next"
    host.write(path, BAD[value])
    done = host.run("--start", config={"secret-rotate-phase": {
        "source": source, "new_secret_file": path, "new_secret_command": f"cat {path}"}})
    assert done.exit == 78, done
    assert record(r) == {} and host.file() == (OLD, None)
    assert GOOD not in text_of(done), done


@pytest.mark.parametrize("source", ["file", "command"])
def test_a_secret_from_elsewhere(host, r, source):
    path = host.dir / "next"
    host.write(path, GOOD + "\n")
    host.job.config["secret-rotate-phase"].update({
        "source": source, "new_secret_file": path, "new_secret_command": f"cat {path}"})
    host.run("--start")
    host.until(r, "idle")
    assert host.file() == (GOOD, None) and host.runs() == {(GOOD, None)}
    # the source gives what is in use already
    done = host.run("--start")
    assert done.exit == 2 and "in use" in text_of(done), done
    # and never one that was
    host.write(path, OLD + "\n")
    done = host.run("--start")
    assert done.exit == 2 and "retired" in text_of(done), done
    assert record(r)["phase"] == "idle"


def test_a_command_that_makes_up_a_secret_each_time_is_refused(host, r):
    done = host.run("--start", config={"secret-rotate-phase": {
        "source": "command", "new_secret_command": "od -An -N32 -tx1 /dev/urandom | tr -d ' \\n'"}})
    assert done.exit == 78 and "two different secrets" in text_of(done), done
    assert record(r) == {} and host.file() == (OLD, None)


@pytest.mark.parametrize("ends", ["", "; exit 3"])
def test_what_the_command_says_beside_is_not_shown(host, r, ends):
    host.write(host.dir / "next", GOOD + "\n")
    done = host.run("--start", "-v", config={"secret-rotate-phase": {
        "source": "command", "new_secret_command":
        f"set -x; S=$(cat {host.dir}/next); echo $S{ends}"}})
    assert GOOD not in text_of(done), done
    assert (record(r) == {}) == bool(ends), done


@pytest.mark.parametrize("config, says", [
    ({"master_key_file": ""}, "master_key_file"),
    ({"master_key_file": "/nonexistent/key"}, "/nonexistent/key"),
    ({"source": "file"}, "new_secret_file"),
    ({"source": "command"}, "new_secret_command"),
    ({"coordinators_accept_other": "no"}, "coordinators_accept_other"),
    ({"hosts": ""}, "hosts"),
    ({"hosts": "h2"}, "hosts"),
])
def test_a_start_that_is_not_configured(host, r, config, says):
    done = host.run("--start", config={"secret-rotate-phase": config})
    assert done.exit == 78 and says in text_of(done), done
    assert record(r) == {} and host.file() == (OLD, None)


def test_a_master_key_that_others_can_read(host, r):
    host.master.chmod(0o644)
    done = host.run("--start")
    assert done.exit == 78 and "chmod" in text_of(done) and record(r) == {}, done


def test_a_source_that_changed_is_never_installed(hosts, r):
    one = hosts("h1", hosts=["h1", "h2"])
    two = hosts("h2", hosts=["h1", "h2"])
    two.run()
    one.run("--start")
    two.write(two.master, MASTER + "x\n")
    for _ in range(3):
        done = two.run()
        one.run()
        assert done.exit in (1, 2) and done.findings(), done
        assert two.file() == (OLD, None) and two.runs() == {(OLD, None)}
    assert record(r)["phase"] == "distribute"
    # a host that is to be started with a secret that it does not have says so
    assert two.run("--catch-up").exit not in (0, 1)
    two.write(two.master, MASTER + "\n")
    for _ in range(14):
        one.run()
        two.run()
    assert record(r)["phase"] == "idle"
    assert one.file() == two.file() == (one.new(r), None)


# Runs that are cut off

class Moment:
    """All that a run changes, to be gone back to."""

    def __init__(self, host, r):
        self.host, self.r = host, r
        self.env = host.env.read_bytes()
        self.files = {p.name: p.read_bytes() for p in host.job.rotation_dir.iterdir()}
        self.keys = {k: r.dump(k) for k in r.scan_iter("coordkeep:*")}

    def again(self):
        mode = 0o640
        for path in self.host.dir.glob(".env*"):
            path.unlink()
        self.host.env.write_bytes(self.env)
        self.host.env.chmod(mode)
        for path in self.host.job.rotation_dir.iterdir():
            path.unlink()
        for name, data in self.files.items():
            (self.host.job.rotation_dir / name).write_bytes(data)
        self.r.flushall()
        for key, dump in self.keys.items():
            self.r.restore(key, 0, dump)


WRITES = "write,sendto,sendmsg,fsync,rename,renameat,renameat2,unlink,unlinkat,fchmod,fchown,openat"


def cut_off_at_each(host, r, moment, args, inject, calls, allowed, after):
    """Cut the run off at its first, second, ... such call; then `after` has to mend it."""
    cuts = 0
    for call in calls.split(","):
        for number in range(1, 200):
            moment.again()
            trace = host.dir / f"trace-{uuid.uuid4().hex}"
            prefix = ["strace", "-qq", "-o", str(trace), "-e", f"trace={call}",
                      "-e", f"inject={call}:{inject}:when={number}"]
            done = host.job.start(*args, prefix=prefix).wait()
            hit = "INJECTED" in trace.read_text(errors="replace") or done.exit == -9
            assert host.file() in allowed, (call, number, done)
            assert host.env.stat().st_mode & 0o7777 == 0o640
            assert host.env.read_text().endswith("REGION=eu-1\n"), (call, number, done)
            if not hit:
                break
            cuts += 1
            after(call, number, done)
    return cuts


@pytest.mark.long
@pytest.mark.parametrize("inject, calls", [
    ("signal=KILL", "write,sendto,fsync,rename,unlink,fchmod,fchown,openat"),
    ("error=ENOSPC", "write,fsync,rename,openat"),
    ("error=EIO", "write,fsync,rename,unlink"),
])
def test_cut_off_anywhere_while_the_file_moves(hosts, r, inject, calls):
    host = hosts(processes=0, config={"secret-rotate-phase": {"soak": "1h"}})
    host.run("--start")
    new = host.new(r)
    # the record is there, the file has not moved
    host.set_file(OLD)
    moment = Moment(host, r)

    def after(call, number, done):
        mended = host.run()
        assert mended.exit in (0, 1), (call, number, done, mended)
        assert host.file() == (OLD, new), (call, number, done, mended)
        assert not list(host.dir.glob(".env*")), (call, number)
        assert not list(host.job.rotation_dir.glob(".*")), (call, number)

    cuts = cut_off_at_each(host, r, moment, [], inject, calls, {(OLD, None), (OLD, new)}, after)
    assert cuts > 10
    host.job.config["secret-rotate-phase"]["soak"] = "0s"
    host.until(r, "idle")
    assert host.file() == (new, None)


@pytest.mark.long
def test_cut_off_anywhere_in_a_whole_rotation(hosts, r):
    """Every run is killed at one more of its writes than the one before, and yet it ends."""
    host = hosts(processes=1)
    host.run("--start")
    new = host.new(r)
    pairs = {(OLD, None), (OLD, new), (new, OLD), (new, None)}
    number = 0
    while record(r)["phase"] != "idle":
        number += 1
        assert number < 200, record(r)
        trace = host.dir / "trace"
        host.job.start(prefix=[
            "strace", "-qq", "-o", str(trace), "-e", "trace=write,fsync,rename,sendto",
            "-e", f"inject=write,fsync,rename,sendto:signal=KILL:when={1 + number % 40}"]).wait()
        assert host.file() in pairs and host.runs() <= pairs
    assert host.file() == (new, None)
    wait_for(lambda: host.runs() == {(new, None)} or host.run() is None)


# Secrets stay where they are

def forms(secret):
    """What a secret can look like, in pieces of 12 characters: a part of one is too much."""
    raw = secret.encode()
    texts = [secret, secret[::-1], raw.hex(), raw.hex().upper(), raw[::-1].hex()]
    for shift in range(3):
        # whole groups, whatever stands before it
        text = base64.b64encode(bytes(shift) + raw).decode().rstrip("=")[4:-1]
        texts += [text, text[::-1], text.replace("+", "-").replace("/", "_")]
    if all(c in "0123456789abcdef" for c in secret):
        inner = bytes.fromhex(secret)
        texts += [base64.b64encode(inner).decode(), secret.upper()]
    return {t[i:i + 12] for t in texts for i in range(len(t) - 11)}


def assert_absent(needles, text, where):
    text = text if isinstance(text, str) else text.decode("latin-1")
    for needle in needles:
        assert needle not in text, f"a part of a secret is in {where}"


def test_the_forms_are_found():
    needles = forms(OLD)
    for text in (OLD, OLD[5:20], OLD[::-1], OLD.encode().hex(), f"x{base64.b64encode(OLD.encode())}",
                 base64.b64encode(b"SECRET=" + OLD.encode()).decode()):
        with pytest.raises(AssertionError):
            assert_absent(needles, text, "here")
    assert_absent(needles, fingerprint(OLD), "a fingerprint")


@pytest.mark.parametrize("source", ["derive", "file", "command"])
def test_no_secret_leaves_the_host(hosts, r, server, source):
    host = hosts()
    path = host.dir / "next"
    host.write(path, GOOD + "\n")
    host.job.config["secret-rotate-phase"].update({
        "source": source, "new_secret_file": path, "new_secret_command": f"cat {path}"})
    said, started = [], []

    # What starts coordinators stands outside: the trace would wait for their end.
    want, over = host.dir / "want", threading.Event()
    host.job.config["secret-rotate-phase"]["restart_command"] = host.script(
        "ask", f"touch {want}; while [ -e {want} ]; do sleep 0.05; done")

    def supervise():
        while not over.wait(0.02):
            if want.exists():
                host.call("restart", host.numbers)
                want.unlink()

    supervisor = threading.Thread(target=supervise, daemon=True)
    supervisor.start()

    def go(*args, **options):
        trace = Strace(host.dir, "execve")
        # -v: with the environment that each program was given
        trace.prefix += ["-v", "-s", "100000"]
        done = host.job.run(*args, prefix=trace.prefix, **options)
        said.append(text_of(done))
        started.extend(trace.calls("execve"))

    with Monitor(server) as seen:
        go("-v", "--start")
        new = host.new(r) if source == "derive" else GOOD
        for args in (["-v"], ["--status"], ["-v", "--format", "json"], ["-n", "-v"]):
            go(*args)
        # findings and errors
        file = host.env.read_text()
        host.set_file(OLD[::-1] + "x")
        go("-v")
        host.env.chmod(0o644)
        go("-v")
        host.write(host.env, file, 0o640)
        host.write(host.master, MASTER + "x")
        host.write(path, GOOD + "x")
        host.set_file(OLD)
        go("-v")
        host.write(host.master, MASTER + "\n")
        host.write(path, GOOD + "\n")
        for _ in range(14):
            go("-v")
            go("--status", "-v", "--format", "json")
    over.set()
    supervisor.join()
    assert record(r)["phase"] == "idle" and host.file() == (new, None)
    assert host.runs() == {(new, None)}
    needles = forms(OLD) | forms(new) | forms(MASTER)
    for text in said:
        assert_absent(needles, text, "the output")
    for line in started:
        assert_absent(needles, line, "arguments or environment")
    for name, arguments, _ in seen.commands:
        assert_absent(needles, " ".join([name, *arguments]), "what was sent to Redis")
    for key in r.scan_iter():
        assert_absent(needles, repr(r.dump(key)), "Redis")
    for directory in (host.job.rotation_dir, host.job.state_dir, host.job.textfile_dir):
        for file in pathlib.Path(directory).rglob("*"):
            if file.is_file():
                assert_absent(needles, file.read_bytes(), file)
    assert started and any("secret-rotate-phase" in line for line in started)


def test_no_core_file_and_no_look_into_its_memory(host):
    shown = host.dir / "limits"
    host.run(config={"secret-rotate-phase": {
        "check_command": f"cat /proc/$PPID/limits >{shown}; exit 0"}})
    limit = next(line for line in shown.read_text().splitlines() if "core file" in line)
    assert limit.split()[4] == "0"
