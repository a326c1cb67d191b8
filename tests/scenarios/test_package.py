"""The Debian package: what it holds, and what dpkg and its scripts do with it on a whole system,
which is this one under an overlay that is thrown away."""

import fcntl
import os
import pathlib
import re
import shutil
import subprocess

import pytest

from harness import RedisServer, build_dir, root_dir

JOBS = ("escalate-dead", "reap-stale", "ttl-fixer", "clock-audit", "secret-rotate-phase")
LOG = "/var/log/coordkeep/jobs.log"
UNITS = sorted(p.name for p in (root_dir() / "systemd-timers").iterdir())

# $1: a directory for the overlay, $2: the script to run in it. What the script writes to /tmp
# is really there.
_SYSTEM = r"""
set -eu
mount --make-rprivate /
mount -t tmpfs none "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay none -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
for dir in proc dev tmp; do mount --rbind "/$dir" "$1/root/$dir"; done
exec chroot "$1/root" /bin/bash "$2"
"""


def sh(*argv, **options):
    return subprocess.run([str(a) for a in argv], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=300, **options)


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """The package, made by `make deb`. One at a time: it is laid out in the build directory."""
    with open(build_dir() / "deb.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = sh("make", "-s", "-C", root_dir(), "deb", f"BUILD={build_dir()}",
                  env={k: v for k, v in os.environ.items()
                       if k not in ("MAKEFLAGS", "MAKELEVEL")})
        assert done.returncode == 0, done.stdout + done.stderr
        made = re.search(r"building package .* in '(.*)'", done.stdout)
        assert made, done.stdout
        return shutil.copy(made[1], tmp_path_factory.mktemp("package"))


def installed(directory):
    return {str(p.relative_to(directory)) for p in directory.rglob("*") if not p.is_dir()}


def test_it_holds_everything(package, tmp_path):
    assert sh("dpkg-deb", "-x", package, tmp_path).returncode == 0
    there = installed(tmp_path)
    assert {f"usr/bin/{j}" for j in JOBS} <= there
    assert {f"usr/share/man/man8/{j}.8.gz" for j in JOBS} <= there
    assert {"usr/share/man/man5/coordkeep.ini.5.gz", "usr/share/man/man7/coordkeep.7.gz"} <= there
    assert {f"usr/lib/systemd/system/{u}" for u in UNITS} <= there
    doc = {f.rsplit("/", 1)[1] for f in there if f.startswith("usr/share/doc/coordkeep/")}
    assert {"README.md", "copyright", "coordkeep.ini", "redis-acl.conf", "result.schema.json",
            "coordkeep.rules.yml", "grafana-dashboard.json"} <= doc
    assert "/usr/bin/reap-stale -q" in (tmp_path / "etc/cron.d/coordkeep").read_text()
    left = {f for f in there if not f.startswith(("etc/", "usr/"))}
    assert not left and not (tmp_path / "usr/local").exists()
    fields = sh("dpkg-deb", "-f", package, "Depends", "Version").stdout
    assert all(library in fields for library in ("libhiredis", "libssl", "libinih", "libjansson"))
    conffiles = sh("dpkg-deb", "-I", package, "conffiles").stdout.split()
    assert sorted(conffiles) == sorted("/" + f for f in there if f.startswith("etc/"))


def test_its_man_pages_render(package, tmp_path):
    assert sh("dpkg-deb", "-x", package, tmp_path).returncode == 0
    pages = sorted((tmp_path / "usr/share/man").rglob("*.gz"))
    assert len(pages) == len(JOBS) + 2
    for page in pages:
        done = sh("mandoc", "-Tascii", "-Wwarning", page)
        assert done.returncode == 0 and not done.stderr, done.stderr
        text = re.sub(".\b", "", done.stdout)
        assert "NAME" in text and "SEE ALSO" in text and page.name.split(".")[0] in text


class Steps:
    """Commands that are run one after another on the system, and how each ended."""

    def __init__(self, directory):
        self.dir = directory
        self.lines = []

    def __call__(self, name, command):
        out = self.dir / name
        self.lines.append(f"( {command}\n) >{out}.out 2>&1 </dev/null; echo $? >{out}.rc")

    def run(self):
        script = self.dir / "script"
        script.write_text("export LC_ALL=C.UTF-8\n" + "\n".join(self.lines) + "\n")
        (self.dir / "system").mkdir()
        done = sh("unshare", "--mount", "/bin/sh", "-c", _SYSTEM, "system", self.dir / "system",
                  script)
        assert done.returncode == 0, done.stdout + done.stderr

    def said(self, name, code=0):
        text = (self.dir / f"{name}.out").read_text()
        assert int((self.dir / f"{name}.rc").read_text()) == code, f"{name}: {text}"
        return text


@pytest.fixture
def open_server():
    """The jobs are another user there."""
    with RedisServer(config={"unixsocketperm": "777"}) as s:
        os.chmod(s.dir, 0o755)
        yield s


def log_by_coordkeep():
    """Each job writes to the log, and -q has nothing to say of that or of any other file."""
    return " && ".join(f"runuser -u coordkeep -- env -i /usr/bin/{job} -q && "
                       f"runuser -u coordkeep -- env -i /usr/bin/{job} -v >/dev/null 2>&1 && "
                       f"grep -q job={job} {LOG}" for job in JOBS[:3])


def newer(package, tmp_path):
    """The same as version 9."""
    root = tmp_path / "repacked"
    assert sh("dpkg-deb", "-R", package, root).returncode == 0
    control = root / "DEBIAN/control"
    control.write_text(re.sub(r"(?m)^Version: .*$", "Version: 9", control.read_text()))
    path = tmp_path / "coordkeep_9.deb"
    assert sh("dpkg-deb", "--root-owner-group", "-b", root, path).returncode == 0
    return path


@pytest.mark.needs("mounts")
def test_install_upgrade_remove_purge(package, open_server, tmp_path):
    step = Steps(tmp_path)
    ini, undo = "/etc/coordkeep/coordkeep.ini", "/var/lib/coordkeep/undo"
    step("clean", "dpkg -P coordkeep; userdel coordkeep; rm -rf /etc/coordkeep /var/lib/coordkeep "
         "/var/log/coordkeep /etc/cron.d/coordkeep /etc/logrotate.d/coordkeep; true")
    step("install", f"dpkg -i {package}")
    step("user", "getent passwd coordkeep")
    step("modes", f"cd /var/lib/coordkeep && stat -c '%a %U:%G %n' . state undo rotation && "
         f"runuser -u coordkeep -- test -r {ini}")
    step("verify", "systemd-analyze verify --man=no " +
         " ".join(f"/usr/lib/systemd/system/{u}" for u in UNITS))
    step("config", f"printf '[redis]\\nurl = {open_server.url}\\n' >{ini}; chmod 640 {ini}")
    for job in JOBS[:3]:
        step(job, f"runuser -u coordkeep -- env -i /usr/bin/{job} -q")
    step("log", f"printf '[log]\\nfile = {LOG}\\n' >>{ini}")
    # root's job is the first to write there, and a person runs one as root
    for job in ("secret-rotate-phase", "reap-stale"):
        step(f"root-{job}", f"/usr/bin/{job} -v")
    step("logs", log_by_coordkeep())
    step("rotate", f"logrotate -d /etc/logrotate.d/coordkeep && "
         f"logrotate -f -s {tmp_path}/rotated /etc/logrotate.d/coordkeep && "
         f"cd {pathlib.Path(LOG).parent} && stat -c '%a %U:%G %n' *")
    step("logs-again", log_by_coordkeep())
    step("journal", f"echo precious >{undo}/reap-stale-test.jsonl")
    step("upgrade", f"dpkg -i {newer(package, tmp_path)}")
    step("kept", f"cat {ini}; stat -c '%a %U:%G' {ini}; cat {undo}/*")
    step("remove", "dpkg -r coordkeep")
    step("removed", f"test ! -e /usr/bin/reap-stale && test ! -e /usr/share/man/man8/reap-stale.8.gz "
         f"&& cat {ini} {undo}/*")
    step("purge", "dpkg -P coordkeep")
    step("purged", f"test ! -e {ini} && test ! -e /etc/cron.d/coordkeep && "
         f"test ! -e /var/log/coordkeep && cat {undo}/* && "
         "getent passwd coordkeep")
    step.run()

    assert "Setting up coordkeep" in step.said("install")
    assert step.said("user").strip().split(":")[5:] == ["/var/lib/coordkeep", "/usr/sbin/nologin"]
    assert step.said("modes").splitlines() == [
        "750 coordkeep:coordkeep .", "750 coordkeep:coordkeep state",
        "700 coordkeep:coordkeep undo", "700 root:root rotation"]
    assert step.said("verify") == ""
    for job in JOBS[:3]:
        assert step.said(job) == ""
    for job in ("secret-rotate-phase", "reap-stale"):
        step.said(f"root-{job}")
    assert step.said("logs") == step.said("logs-again") == ""
    assert step.said("rotate").splitlines()[-2:] == [
        "640 coordkeep:coordkeep jobs.log", "600 coordkeep:coordkeep jobs.log.1"]
    assert "9" in step.said("upgrade")
    assert step.said("kept").splitlines() == [
        "[redis]", f"url = {open_server.url}", "[log]", f"file = {LOG}", "640 root:coordkeep",
        "precious"]
    step.said("remove")
    assert "precious" in step.said("removed") and open_server.url in step.said("removed")
    step.said("purge")
    assert step.said("purged").startswith("precious\ncoordkeep:")
