"""--all: the complete reset."""

import json

from harness import differences, snapshot

FAST = {"liveness": {"confirm": "0s"}}
OLD = 11 * 60 * 1000


def fill(r, heartbeat):
    heartbeat("dead", age_ms=OLD, ttl=None)
    r.set("blocking:state:dead", "s")
    r.set("coordinator:work:s:dead:w", json.dumps({"assignedTo": "dead"}))
    r.set("coordinator:escalation:dead", "{}")
    r.set("circuit:breaker:status", "open")


def keep(r):
    for key in ("coordkeep:rotation", "coordkeep:clock", "coordkeep:rotation:reports"):
        r.hset(key, "f", "v")
    for key in ("blocking", "user:1", "blockingx:heartbeat:c", "blocking:else"):
        r.set(key, "v")


def test_everything_goes_and_comes_back(r, job, heartbeat):
    keep(r)
    before = snapshot(r, without=())
    fill(r, heartbeat)
    full = snapshot(r, without=())
    reap = job("reap-stale", FAST)
    dry = reap.run("--all", "-n")
    assert dry.exit == 0 and "Would delete 5 keys" in dry.stdout, dry
    assert differences(full, snapshot(r, without=())) == []
    done = reap.run("--all", "--yes")
    assert done.exit == 0, done
    left = snapshot(r, without=("coordkeep:baseline",))
    assert differences(before, left) == []
    assert reap.run("--undo", reap.journals()[-1]).exit == 0
    assert differences(full, snapshot(r, without=("coordkeep:baseline", "coordkeep:roster",
                                             "coordkeep:hold"))) == []


def test_asks(r, job, heartbeat):
    fill(r, heartbeat)
    before = snapshot(r)
    done = job("reap-stale", FAST).run("--all")
    assert done.exit == 64 and "--yes" in done.stderr, done
    assert differences(before, snapshot(r)) == []


def test_refused_while_somebody_lives(r, job, heartbeat):
    fill(r, heartbeat)
    heartbeat("alive")
    before = snapshot(r)
    done = job("reap-stale", FAST).run("--all", "--yes")
    assert done.exit == 2 and "alive" in done.stderr, done
    assert differences(before, snapshot(r)) == []
    assert job("reap-stale", FAST).run("--all", "--yes", "--force").exit == 0
    assert snapshot(r) == {}


def test_waits_for_no_other_job(r, job, heartbeat):
    """All the leases are taken first."""
    fill(r, heartbeat)
    r.set("coordkeep:lease:escalate-dead", "somebody", ex=60)
    before = snapshot(r)
    done = job("reap-stale", FAST).run("--all", "--yes")
    assert done.exit == 75 and "escalate-dead" in done.stderr, done
    assert differences(before, snapshot(r)) == []


def test_the_next_run_is_calm(r, job, heartbeat):
    for i in range(10):
        heartbeat(f"c{i}")
    reap = job("reap-stale", FAST)
    reap.run()
    assert reap.run("--all", "--yes", "--force").exit == 0
    assert reap.run().exit == 0
