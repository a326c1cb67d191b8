"""cron/coordkeep as it is installed, run by a real cron: real users, its bare environment,
its mail. Only cron's own clock is fast: a minute takes three seconds."""

import os
import subprocess
import time

import pytest

from coordinator.fleet import Fleet
from harness import RedisServer, wait_for
from harness.host import Host

JOBS = ("escalate-dead", "reap-stale", "clock-audit", "ttl-fixer", "secret-rotate-phase")
# A variable that no process of another test carries.
SECRET = f"CRON{os.getpid()}_SECRET"
SPEED = 20
# Generous: a loaded machine makes it late, not wrong.
LIMIT = 180
CONFIG = {
    "liveness": {"confirm": "1s"},
    "escalate-dead": {"dead_after": "12s", "warning_interval": "1s"},
    "reap-stale": {"stale_after": "15s"},
    "ttl": {"heartbeat": "5s"},
    "clock-audit": {"warn": "30s", "critical": "2m"},
}


@pytest.fixture
def server():
    """Cron's jobs are another user: they have to reach the socket."""
    with RedisServer(config={"unixsocketperm": "777"}) as s:
        os.chmod(s.dir, 0o755)
        yield s


@pytest.fixture
def host(server):
    with Host() as h:
        # as the README's "Install" has it
        h.call("systemd-sysusers")
        h.call("systemd-tmpfiles", "--create", "coordkeep.conf")
        h.config({"redis": {"url": server.url}, "metrics": {"textfile_dir": h.dir / "metrics"},
                  **CONFIG, "secrets": {"current_var": SECRET, "other_var": f"{SECRET}_NEW"},
                  "secret-rotate-phase": {"host": "this", "hosts": "this"}})
        secrets = h.dir / "etc/coordinator/env"
        secrets.parent.mkdir()
        secrets.write_text(f"{SECRET}=0123456789-0123456789-0123456789\n")
        secrets.chmod(0o600)
        yield h


def metrics(host, job):
    path = host.dir / "metrics" / f"coordkeep_{job.replace('-', '_')}.prom"
    try:
        lines = path.read_text().splitlines()
    except FileNotFoundError:
        return {}
    return {k: float(v) for k, v in
            (line.rsplit(" ", 1) for line in lines if line and not line.startswith("#"))}


def runs(host, job):
    return sum(v for k, v in metrics(host, job).items() if k.startswith("coordkeep_runs_total"))


def mails(host):
    """{job: [text]} of what was mailed, but for what clock-audit says of a machine whose clock
    nobody keeps."""
    said = {}
    for mail in host.mails():
        head, text = mail.split("\n\n", 1)
        lines = [x for x in text.splitlines() if x and "event=clock-unsynchronised" not in x]
        if lines:
            job = head.split("/usr/local/bin/")[1].split()[0]
            said.setdefault(job, []).append("\n".join(lines))
    return said


@pytest.mark.long
@pytest.mark.needs("mounts")
def test_a_crash_under_cron(server, host, tmp_path):
    r = server.client()
    with Fleet(server.socket, tmp_path) as fleet:
        fleet.start("alive", ttl=5, activity=True, work=["w1"])
        doomed = fleet.start("doomed", ttl=5, work=["w2", "w3"])
        r.set("blocking:state:doomed", "x", ex=3600)
        r.set("blocking:state:alive", "x")
        cron = host.start_cron("2026-01-01 00:00:50", SPEED)

        begun = time.monotonic()

        def until(condition, what):
            wait_for(lambda: cron.poll() is not None or condition(), LIMIT, every=0.1,
                     what=lambda: f"{what}; mails: {mails(host)}; {host.dir}")
            assert cron.poll() is None, cron.stdout.read()
            print(f"{time.monotonic() - begun:.0f} s: {what}")

        until(lambda: all(runs(host, job) for job in JOBS), "every job has run")
        until(lambda: runs(host, "escalate-dead") >= 4, "escalate-dead runs every minute")
        # All is well: nobody gets mail. And the key that would have lived for ever will not.
        assert mails(host) == {}
        assert 3500 < r.ttl("blocking:state:alive") <= 3600
        assert r.ttl("coordkeep:roster") > 0 and r.hkeys("coordkeep:rotation:reports") == [b"this"]

        doomed.crash()
        until(lambda: r.exists("coordinator:escalation:doomed") and
              b'"complete"' in r.get("coordinator:escalation:doomed"), "it is escalated")
        new = [k.decode().split(":")[2] for k in r.scan_iter("coordinator:spawn:*")]
        assert len(new) == 1
        moved = {k.decode() for k in r.scan_iter("coordinator:work:*")}
        assert moved == {"coordinator:work:swarm-1:alive:w1",
                         *(f"coordinator:work:swarm-1:{new[0]}:{w}" for w in ("w2", "w3"))}

        fleet.start(new[0], ttl=5, work=["w2", "w3"])   # the spawner does its part
        until(lambda: not r.exists("blocking:state:doomed"), "what it owned is reaped")
        assert r.exists("blocking:heartbeat:alive") and not r.exists("blocking:heartbeat:doomed")
        told = mails(host)
        assert set(told) == {"escalate-dead"}, (told, metrics(host, "escalate-dead"))
        assert any("Dead coordinator detected: doomed" in x for x in told["escalate-dead"]), told
        assert "alive" not in "".join(sum(told.values(), [])), told

        # Well again: the next runs are silent. Then something for a person.
        count = len(told["escalate-dead"])
        seen = runs(host, "escalate-dead")
        until(lambda: runs(host, "escalate-dead") >= seen + 3, "escalate-dead goes on")
        assert len(mails(host)["escalate-dead"]) == count, mails(host)
        r.set("blocking:heartbeat:odd", "no JSON", ex=3600)
        until(lambda: "unreadable" in str(mails(host).get("escalate-dead", [])[count:]),
              "mail about a heartbeat that cannot be read")

    journal, = (host.dir / "var/lib/coordkeep/undo").glob("reap-stale-*.jsonl")
    assert journal.stat().st_mode & 0o777 == 0o600
    assert journal.stat().st_uid == host.uid("coordkeep")
    check_metrics(host)


def check_metrics(host):
    files = sorted((host.dir / "metrics").glob("*.prom"))
    assert len(files) == len(JOBS)
    for path in files:
        done = subprocess.run(["promtool", "check", "metrics"], stdin=path.open(),
                              capture_output=True, text=True)
        assert done.returncode == 0 and not done.stdout and not done.stderr, (path, done)
