"""What is dead goes, with what it owned and nothing else, and is told."""

import json

import pytest

from harness import differences, names, snapshot

FAST = {"liveness": {"confirm": "200ms"}}
OLD = 11 * 60 * 1000


def fill(r, ident, now):
    """Everything that a coordinator can own, all of it older than the threshold."""
    old = now - OLD
    r.set(f"blocking:signal:{ident}", json.dumps({"receiverId": ident, "timestamp": old}), ex=86400)
    r.set(f"blocking:ack:{ident}:sig:1", json.dumps({"coordinatorId": ident, "timestamp": old}))
    r.set(f"blocking:ack:{ident}", json.dumps({"coordinatorId": ident, "timestamp": old}), ex=3600)
    r.set(f"blocking:warning:{ident}", 2, ex=300)
    r.set(f"blocking:state:{ident}", "opaque", ex=3600)
    r.set(f"coordinator:activity:{ident}", json.dumps({"lastActivity": old}), ex=600)
    r.set(f"blocking:idempotency:{ident}:gone:wake:1:{old}", "1", ex=86400)
    r.set(f"blocking:idempotency:gone:{ident}:wake:1:{old}", "1", ex=86400)


@pytest.mark.parametrize("ident", ["coord-1", "a:b", "we*rd[1] id", "x" * 200])
def test_all_that_it_owned_goes(r, job, heartbeat, now_ms, ident):
    heartbeat("alive")
    fill(r, "alive", now_ms())
    before = snapshot(r)
    heartbeat(ident, age_ms=OLD, ttl=None)
    fill(r, ident, now_ms())
    reap = job("reap-stale", FAST)

    dry = reap.json("-n")
    assert dry.exit == 0 and dry.count("keys-to-delete") == 9, dry
    assert r.exists(f"blocking:heartbeat:{ident}") == 1
    assert r.keys("coordkeep:*") == [] and reap.journals() == []

    done = reap.run()
    assert done.exit == 0, done
    assert done.stdout.splitlines()[:2] == [
        "Found 2 heartbeat keys", "Cleaned up 1 stale coordinators (9 keys)"], done
    assert done.stdout.splitlines()[-1] == "Cleanup complete"
    assert differences(before, snapshot(r)) == []

    again = reap.run()
    assert again.exit == 0, again
    assert again.stdout.splitlines() == [
        "Found 1 heartbeat keys", "No stale keys found", "Cleanup complete"], again
    assert differences(before, snapshot(r)) == []


def test_work_escalations_and_spawn_requests_stay(r, job, heartbeat):
    heartbeat("c", age_ms=OLD, ttl=None)
    r.set("coordinator:work:s:c:w", json.dumps({"assignedTo": "c"}))
    r.set("coordinator:escalation:c", "{}")
    r.set("coordinator:spawn:c", "{}")
    assert job("reap-stale", FAST).json().count("keys-deleted") == 1
    assert names(r) == [
        "coordinator:escalation:c", "coordinator:spawn:c", "coordinator:work:s:c:w"]


def test_a_days_ttl_whose_writer_is_dead(r, job, heartbeat):
    heartbeat("c", age_ms=OLD, ttl=86400)
    assert job("reap-stale", FAST).json().count("coordinators-reaped") == 1
    assert snapshot(r) == {}


def test_a_clock_that_ran_ahead_and_died(r, job, heartbeat):
    """The stamp lies in the future for an hour; silence decides, once there is history."""
    config = {**FAST, "reap-stale": {"stale_after": "2s"}, "escalate-dead": {"dead_after": "1s"}}
    heartbeat("c", age_ms=-3600_000, ttl=None)
    reap = job("reap-stale", config)
    first = reap.json()
    assert first.count("coordinators-reaped") == 0, first
    r.execute_command("DEBUG", "SLEEP", "2.1")
    done = reap.json()
    assert done.count("coordinators-reaped") == 1, done
    assert snapshot(r) == {}


def test_what_is_newer_than_the_threshold_stays(r, job, heartbeat, now_ms):
    heartbeat("c", age_ms=OLD, ttl=None)
    r.set("blocking:signal:c", json.dumps({"receiverId": "c", "timestamp": now_ms() - 1000}), ex=86400)
    r.set("blocking:state:c", "s")
    done = job("reap-stale", FAST).json()
    assert done.count("keys-newer-than-threshold") == 1, done
    assert names(r) == ["blocking:signal:c"]


def test_shared_records_stay_while_the_other_lives(r, job, heartbeat, now_ms):
    heartbeat("dead", age_ms=OLD, ttl=None)
    heartbeat("alive")
    heartbeat("dead:sig")
    old = now_ms() - OLD
    r.set(f"blocking:idempotency:dead:alive:wake:1:{old}", "1")
    r.set("blocking:ack:dead:sig", json.dumps({"coordinatorId": "dead", "timestamp": old}))
    before = snapshot(r)
    done = job("reap-stale", FAST).json()
    assert done.count("keys-deleted") == 1 and done.count("keys-of-uncertain-owner") == 2, done
    del before[b"blocking:heartbeat:dead"]
    assert differences(before, snapshot(r)) == []


def test_values_of_another_type_go_and_come_back(r, job, heartbeat):
    heartbeat("c", age_ms=OLD, ttl=None)
    r.hset("blocking:state:c", mapping={f"f{i}": "v" * i for i in range(200)})
    r.zadd("blocking:warning:c", {"a": 1})
    r.rpush("coordinator:activity:c", *range(1000))
    before = snapshot(r)
    reap = job("reap-stale", FAST)
    assert reap.json().count("keys-deleted") == 4
    assert snapshot(r) == {}
    assert reap.run("--undo", reap.journals()[0]).exit == 0
    del before[b"blocking:warning:c"]
    assert differences(before, snapshot(r)) == []


def test_values_that_would_stall_the_server_are_left_and_named(r, job, heartbeat):
    heartbeat("c", age_ms=OLD, ttl=None)
    r.set("blocking:state:c", "x" * 3_000_000)
    done = job("reap-stale", FAST).json()
    assert done.exit == 1 and done.finding_codes() == ["value-too-large"], done
    assert done.findings()[0]["key"] == "blocking:state:c"
    assert r.exists("blocking:state:c", "blocking:heartbeat:c") == 2


def test_one_coordinator(r, job, heartbeat):
    heartbeat("dead", age_ms=OLD, ttl=None)
    heartbeat("other", age_ms=OLD, ttl=None)
    heartbeat("alive")
    r.set("blocking:state:dead", "s")
    reap = job("reap-stale", FAST)
    refused = reap.run("--coordinator", "alive")
    assert refused.exit == 2 and "refused" in refused.stderr, refused
    done = reap.json("--coordinator", "dead")
    assert done.exit == 0 and done.count("keys-deleted") == 2, done
    assert names(r) == ["blocking:heartbeat:alive", "blocking:heartbeat:other"]
    forced = reap.json("--coordinator", "alive", "--force")
    assert forced.count("keys-deleted") == 1, forced
    assert names(r) == ["blocking:heartbeat:other"]


def test_one_coordinator_that_is_gone_already(r, job, now_ms):
    r.set("blocking:state:c", "s", ex=3600)
    r.set("blocking:state:c2", "s", ex=3600)
    done = job("reap-stale", FAST).json("--coordinator", "c")
    assert done.exit == 0 and done.count("keys-deleted") == 1, done
    assert names(r) == ["blocking:state:c2"]
    active = {"lastActivity": now_ms() - 5000}
    r.set("coordinator:activity:c2", json.dumps(active), ex=600)
    refused = job("reap-stale", FAST).run("--coordinator", "c2")
    assert refused.exit == 2 and "active" in refused.stderr, refused


def test_on_hold(r, job, heartbeat, now_ms):
    heartbeat("c", age_ms=OLD, ttl=None)
    r.hset("coordkeep:hold", "c", now_ms() + 3600_000)
    before = snapshot(r)
    done = job("reap-stale", FAST).json()
    assert done.exit == 0 and done.count("coordinators-on-hold") == 1, done
    assert differences(before, snapshot(r)) == []
    assert job("reap-stale", FAST).json("--force").count("keys-deleted") == 1


def test_a_hold_that_is_no_time(r, job, heartbeat):
    heartbeat("c", age_ms=OLD, ttl=None)
    r.hset("coordkeep:hold", "c", "24h")
    before = snapshot(r)
    done = job("reap-stale", FAST).json()
    assert done.exit == 1 and done.finding_codes() == ["hold-unreadable"], done
    assert done.count("coordinators-on-hold") == 1 and differences(before, snapshot(r)) == []


def test_an_empty_redis(job):
    done = job("reap-stale", FAST).run()
    assert done.exit == 0, done
    assert done.stdout.splitlines() == ["Found 0 heartbeat keys", "No stale keys found",
                                        "Cleanup complete"]
    assert job("reap-stale", FAST).run("-q").stderr == ""


def test_thousands(r, job, now_ms):
    """Several batches, several pages, in both modes."""
    for mode in ("gentle", "fast"):
        pipe = r.pipeline(transaction=False)
        for i in range(3000):
            dead = i % 2
            stamp = now_ms() - (OLD if dead else 1000)
            pipe.set(f"blocking:heartbeat:c{i}", json.dumps({"timestamp": stamp}))
            pipe.set(f"blocking:state:c{i}", "s")
        pipe.execute()
        done = job("reap-stale", {"liveness": {"confirm": "0s"}, "scan": {"mode": mode}}).json()
        assert done.exit == 0, done
        assert done.count("coordinators-reaped") == 1500 and done.count("keys-deleted") == 3000, done
        assert names(r) == sorted(
            f"blocking:{kind}:c{i}" for i in range(0, 3000, 2) for kind in ("heartbeat", "state"))
        r.flushall()
        for f in job("reap-stale").state_dir.iterdir():
            f.unlink()
