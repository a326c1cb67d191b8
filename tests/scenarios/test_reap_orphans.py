"""Keys of ids that have neither a heartbeat nor a history."""

import json

from harness import differences, snapshot, wait_for

FAST = {"liveness": {"confirm": "0s"}}
OLD = 3 * 3600 * 1000


def reaping(after="1s"):
    return {**FAST, "reap-stale": {"orphans": "reap", "orphan_after": after}}


def fill(r, now, ttl=None):
    r.set("blocking:signal:gone", json.dumps({"receiverId": "gone", "timestamp": now - OLD}), ex=ttl)
    r.set("blocking:ack:gone:s:1", json.dumps({"coordinatorId": "gone", "timestamp": now - OLD}), ex=ttl)
    r.set("blocking:state:gone", "s", ex=ttl)


def later(r, ms):
    seconds, micro = r.time()
    end = seconds * 1000 + micro // 1000 + ms
    wait_for(lambda: r.time()[0] * 1000 + r.time()[1] // 1000 > end)


def test_reported_and_left(r, job, now_ms):
    fill(r, now_ms())
    before = snapshot(r)
    reap = job("reap-stale", FAST)
    for _ in range(2):
        done = reap.json()
        assert done.exit == 1 and done.finding_codes() == ["orphan"], done
        assert [f["key"] for f in done.findings()] == ["gone"]
        assert differences(before, snapshot(r)) == []


def test_those_that_expire_are_a_count(r, job, now_ms):
    fill(r, now_ms(), ttl=3600)
    done = job("reap-stale", FAST).json()
    assert done.exit == 0 and done.count("orphans-that-expire") == 1, done


def test_off(r, job, now_ms):
    fill(r, now_ms())
    done = job("reap-stale", {**FAST, "reap-stale": {"orphans": "off"}}).json()
    assert done.exit == 0 and done.count("orphans") == 0, done


def test_reaped_when_two_runs_have_seen_the_same(r, job, now_ms):
    fill(r, now_ms())
    before = snapshot(r)
    reap = job("reap-stale", reaping())
    first = reap.json()
    assert first.count("keys-deleted") == 0, first
    later(r, 1100)
    dry = reap.run("-n")
    assert "Would clean up 1 orphan (3 keys)" in dry.stdout, dry
    second = reap.run()
    assert second.stdout.splitlines()[:3] == [
        "Found 0 heartbeat keys", "No stale keys found", "Cleaned up 1 orphan (3 keys)"], second
    assert snapshot(r) == {}
    assert reap.run("--undo", reap.journals()[-1]).exit == 0
    assert differences(before, snapshot(r)) == []
    r.delete("coordkeep:hold")


def test_two_runs_close_together_take_nothing(r, job, now_ms):
    fill(r, now_ms())
    before = snapshot(r)
    reap = job("reap-stale", reaping("1h"))
    for _ in range(3):
        assert reap.json().count("keys-deleted") == 0
    assert differences(before, snapshot(r)) == []


def test_a_change_begins_the_wait_anew(r, job, now_ms):
    fill(r, now_ms())
    reap = job("reap-stale", reaping())
    reap.json()
    later(r, 1100)
    r.set("blocking:state:gone", "other")
    assert reap.json().count("keys-deleted") == 0
    later(r, 1100)
    assert reap.json().count("keys-deleted") == 3
    assert snapshot(r) == {}


def test_what_is_young_stays(r, job, now_ms):
    fill(r, now_ms())
    r.set("blocking:ack:gone:s:2", json.dumps({"coordinatorId": "gone", "timestamp": now_ms() + 60000}))
    reap = job("reap-stale", reaping())
    reap.json()
    later(r, 1100)
    assert reap.json().count("keys-deleted") == 0


def test_a_heartbeat_ends_it(r, job, heartbeat, now_ms):
    fill(r, now_ms())
    reap = job("reap-stale", reaping())
    reap.json()
    later(r, 1100)
    heartbeat("gone")
    before = snapshot(r)
    done = reap.json()
    assert done.count("keys-deleted") == 0 and done.exit == 0, done
    assert differences(before, snapshot(r)) == []


def test_an_ack_whose_owner_is_uncertain(r, job):
    r.set("blocking:ack:a:b", "{}")
    before = snapshot(r)
    done = job("reap-stale", reaping()).json()
    assert done.count("keys-of-uncertain-owner") == 1 and done.count("orphans") == 0, done
    assert differences(before, snapshot(r)) == []


def test_what_two_of_them_own_goes_once_and_comes_back_for_both(r, job, now_ms):
    key = f"blocking:idempotency:o4:o5:t:1:{now_ms() - OLD}"
    r.set(key, 1)
    before = snapshot(r)
    reap = job("reap-stale", reaping())
    reap.run()
    later(r, 1100)
    assert reap.json("-n").count("keys-to-delete") == 1
    done = reap.json()
    assert done.exit == 0 and done.count("keys-deleted") == 1, done
    assert done.count("keys-gone-meanwhile") == 0 and not r.exists(key), done
    undone = reap.json("--undo", reap.journals()[-1])
    assert undone.exit == 0 and undone.count("keys-cut-off") == 0, undone
    for _ in range(2):
        later(r, 1100)
        assert reap.json().exit in (0, 1)
    assert differences(before, snapshot(r)) == []
