"""A host with coordkeep installed, as far as cron can tell: the files that `make install`
lays out, an /etc and a /var of its own, in a mount namespace that ends with its processes.
Needs root."""

import os
import pathlib
import shutil
import subprocess
import tempfile

from .job import build_dir, root_dir
from .clocks import faketime_library
from .processes import end, spawn
from .waiting import wait_for

# $1: the directory of the host. Everything else of the system is the real one.
_ENTER = r"""
set -eu
d=$1; shift
mount --make-rprivate /
mount --bind "$d/etc" /etc
mount --bind "$d/root/usr/local" /usr/local
for dir in lib log spool; do mount --bind "$d/var/$dir" "/var/$dir"; done
mount --bind "$d/run" /run
# libfaketime keeps a file there for each process, and fails where another user's was left
mount -t tmpfs none /dev/shm
# /usr/sbin with another sendmail
mount --bind /usr/sbin "$d/sbin"
mount -t tmpfs none /usr/sbin
ln -s "$d"/sbin/* /usr/sbin
rm -f /usr/sbin/sendmail
cp "$d/sendmail" /usr/sbin/sendmail
exec "$@"
"""

# Cron runs it as the user of the line.
_SENDMAIL = """#!/bin/sh
unset LD_PRELOAD
new=$(mktemp {mail}/XXXXXXXX) && cat >"$new" && mv "$new" "$new.mail"
"""


class Host:
    """
        with Host() as host:
            host.call("systemd-sysusers")
            host.config({"redis": {"url": server.url}})
            cron = host.start_cron(speed=10)
            host.mails()
    """

    def __init__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="coordkeep-host-"))
        self.dir.chmod(0o755)
        self._started = []
        try:
            self._furnish()
            self._install()
        except BaseException:
            self.close()
            raise

    def _furnish(self):
        for made in ("var/lib", "var/log", "var/spool/cron/crontabs", "run", "sbin", "mail",
                     "metrics"):
            (self.dir / made).mkdir(parents=True)
        for open_to_all in ("mail", "metrics"):
            (self.dir / open_to_all).chmod(0o1777)
        shutil.copytree("/etc", self.dir / "etc", symlinks=True)
        for name in ("passwd", "group"):
            lines = (self.dir / "etc" / name).read_text().splitlines(keepends=True)
            (self.dir / "etc" / name).write_text(
                "".join(x for x in lines if not x.startswith("coordkeep:")))
        for crontab in (self.dir / "etc" / "cron.d").iterdir():
            crontab.unlink()
        (self.dir / "etc" / "crontab").write_text("")
        sendmail = self.dir / "sendmail"
        sendmail.write_text(_SENDMAIL.format(mail=self.dir / "mail"))
        sendmail.chmod(0o755)

    def _install(self):
        """`make install`, and its part of /etc into the host's."""
        env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL")}
        done = subprocess.run(["make", "-s", "-C", root_dir(), "install", f"BUILD={build_dir()}",
                               f"DESTDIR={self.dir / 'root'}"], env=env, capture_output=True,
                              text=True, stdin=subprocess.DEVNULL, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
        shutil.copytree(self.dir / "root" / "etc", self.dir / "etc", dirs_exist_ok=True)

    def _argv(self, argv):
        return ["unshare", "--mount", "/bin/sh", "-c", _ENTER, "enter", str(self.dir), *argv]

    def call(self, *argv):
        """Run a command on the host to its end; it must succeed."""
        done = subprocess.run(self._argv(argv), capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=120,
                              env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"})
        assert done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
        return done.stdout

    def config(self, sections):
        """The config, in the file that was installed: its owner and mode stay."""
        text = "".join(f"[{name}]\n" + "".join(f"{k} = {v}\n" for k, v in keys.items()) + "\n"
                       for name, keys in sections.items())
        (self.dir / "etc" / "coordkeep" / "coordkeep.ini").write_text(text)

    def start_cron(self, begin, speed):
        """cron, which thinks that it is `begin` (UTC) and that time runs `speed` times as fast.
        What it starts has the real time: it gives its children a bare environment."""
        library = faketime_library()
        process = spawn(self._argv(["env", f"LD_PRELOAD={library}", f"FAKETIME=@{begin} x{speed}",
                                    "FAKETIME_DONT_FAKE_MONOTONIC=1", "TZ=UTC", "cron", "-f"]),
                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self._started.append(process)
        return process

    def uid(self, user):
        """Of a user of the host."""
        for line in (self.dir / "etc" / "passwd").read_text().splitlines():
            name, _, number = line.split(":")[:3]
            if name == user:
                return int(number)
        raise AssertionError(f"the host has no user {user}")

    def mails(self):
        """The mails so far, oldest first."""
        files = sorted((self.dir / "mail").glob("*.mail"), key=lambda p: p.stat().st_mtime_ns)
        return [p.read_text(errors="replace") for p in files]

    def close(self):
        for process in self._started:
            end(process)
            process.stdout.close()
        # a job that cron had just started may be writing there still
        wait_for(lambda: shutil.rmtree(self.dir, ignore_errors=True) or not self.dir.exists())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
