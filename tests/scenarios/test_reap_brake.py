"""Many heartbeats that vanish at once are seldom many deaths."""

import pytest

from harness import differences, snapshot

CONFIG = {"liveness": {"confirm": "0s"}}
OLD = 11 * 60 * 1000


def fill(r, heartbeat, n=10):
    for i in range(n):
        heartbeat(f"c{i}")
        r.set(f"blocking:state:c{i}", "s", ex=3600)


def stale(heartbeat):
    heartbeat("dead", age_ms=OLD, ttl=None)


def test_a_mass_loss_holds_all_reaping(r, job, heartbeat):
    fill(r, heartbeat)
    reap = job("reap-stale", CONFIG)
    assert reap.run().exit == 0
    r.delete(*(f"blocking:heartbeat:c{i}" for i in range(5)))
    stale(heartbeat)
    before = snapshot(r)
    for _ in range(2):
        done = reap.json()
        assert done.exit == 2 and done.finding_codes() == ["mass-loss"], done
        assert "5 of 10" in done.findings()[0]["text"]
        assert differences(before, snapshot(r)) == []
    over = reap.json("--override-brake")
    assert over.exit == 1 and over.count("keys-deleted") == 1, over
    assert reap.json().exit == 0


def test_they_come_back(r, job, heartbeat):
    fill(r, heartbeat)
    reap = job("reap-stale", CONFIG)
    reap.run()
    r.delete(*(f"blocking:heartbeat:c{i}" for i in range(5)))
    assert reap.run().exit == 2
    fill(r, heartbeat)
    stale(heartbeat)
    done = reap.json()
    assert done.exit == 0 and done.count("keys-deleted") == 1, done


@pytest.mark.parametrize("n", [1, 3])
def test_a_few_are_no_mass(r, job, heartbeat, n):
    fill(r, heartbeat)
    reap = job("reap-stale", CONFIG)
    reap.run()
    r.delete(*(f"blocking:heartbeat:c{i}" for i in range(n)))
    stale(heartbeat)
    assert reap.json().count("keys-deleted") == 1


def test_flushed(r, job, heartbeat):
    """The roster went with the data; the local file remembers."""
    fill(r, heartbeat)
    reap = job("reap-stale", CONFIG)
    reap.run()
    r.flushall()
    stale(heartbeat)
    done = reap.json()
    assert done.exit == 2 and "of 10" in done.findings("mass-loss")[0]["text"], done
    assert r.exists("blocking:heartbeat:dead") == 1


def test_restarted_empty(server, r, job, heartbeat):
    fill(r, heartbeat, n=2)
    reap = job("reap-stale", CONFIG)
    reap.run()
    server.restart()
    r = server.client()
    r.set("blocking:heartbeat:dead", '{"timestamp":1700000000000}')
    done = reap.json()
    assert done.exit == 2 and "restart" in done.findings("mass-loss")[0]["text"], done
    assert r.exists("blocking:heartbeat:dead") == 1


def test_restored_from_an_old_file(server, r, job, heartbeat):
    """The heartbeats are there and silent: as good as gone."""
    for i in range(2):
        heartbeat(f"c{i}", ttl=None)
    r.save()
    config = {**CONFIG, "reap-stale": {"stale_after": "2s"}, "escalate-dead": {"dead_after": "1s"}}
    reap = job("reap-stale", config)
    reap.run()
    server.restart()
    r = server.client()
    before = snapshot(r)
    assert len(before) == 2
    r.execute_command("DEBUG", "SLEEP", "2.1")
    done = reap.json()
    assert done.exit == 2 and done.finding_codes() == ["mass-loss"], done
    assert differences(before, snapshot(r)) == []


def test_evicted(r, job, heartbeat):
    fill(r, heartbeat, n=3)
    reap = job("reap-stale", CONFIG)
    reap.run()
    # Evict for real: more than maxmemory holds, under allkeys-random.
    stale(heartbeat)
    r.config_set("maxmemory-policy", "allkeys-lru")
    r.set("filler", "x" * 1_000_000)
    used = r.info("memory")["used_memory"]
    r.config_set("maxmemory", used - 500_000)
    r.set("more", "x")
    r.config_set("maxmemory", 0)
    assert r.info("stats")["evicted_keys"] > 0
    r.delete("blocking:heartbeat:c0")
    stale(heartbeat)
    done = reap.json()
    assert done.exit == 2 and "mass-loss" in done.finding_codes(), done
    assert r.exists("blocking:heartbeat:dead") == 1


def test_reaping_thousands_is_no_mass_loss_to_the_next_run(r, job, heartbeat):
    for i in range(20):
        heartbeat(f"d{i}", age_ms=OLD, ttl=None)
    fill(r, heartbeat, n=2)
    reap = job("reap-stale", CONFIG)
    assert reap.json().count("coordinators-reaped") == 20
    assert reap.json().exit == 0
