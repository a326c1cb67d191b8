"""Every coordination key gets its TTL, and nothing else is touched."""

import json

import pytest

from harness.clocks import Clocks
from harness import Monitor, differences, snapshot, wait_for

H = 3600
# key -> its TTL in seconds when it has none
FAMILIES = {
    "blocking:signal:a": 24 * H,
    "blocking:ack:a:s:1": H,
    "blocking:ack:a": H,
    "blocking:warning:a": 300,
    "blocking:idempotency:a:b:wake:1:1700000000000": 24 * H,
    "blocking:state:a": H,
    "blocking:state:we*rd[1] \n\"id": H,
    "blocking:retry:s:1": 600,
    "blocking:retry:failed:s": H,
    "coordinator:activity:a": 600,
    "coordinator:work:s:a:w": H,
    "coordinator:escalation:a": H,
    "coordinator:spawn:a": H,
    "circuit:breaker:status": 300,
    "coordinator:circuit:a": 300,
    "blocking:something:else": 24 * H,
    "blocking:": 24 * H,
}
OUTSIDE = ["blocking", "blockingx:signal:a", "sblocking:heartbeat:a", "Blocking:signal:a",
           "coordinator", "coordinator:", "coordinator:other:a", "coordinator:work:s",
           "circuit:breaker:other", "circuit:", "coordkeep:roster", "coordkeep:blocking:signal:a",
           "session:a", "", "b", "c"]


def fill(r):
    for key in FAMILIES:
        r.set(key, key)
        # the same with a TTL of its own, long or short
        r.set(key + ":long" if key != "circuit:breaker:status" else "blocking:long", "x", ex=7 * 24 * H)
    r.set("blocking:state:short", "x", ex=30)
    for key in OUTSIDE:
        r.set(key, "theirs")
    # of every type
    r.rpush("blocking:state:list", "a", "b")
    r.hset("blocking:state:hash", "f", "v")
    r.sadd("blocking:state:set", "a")
    r.zadd("blocking:state:zset", {"a": 1})
    r.xadd("blocking:state:stream", {"f": "v"})


def expected(before, now):
    """What a run makes of ${before}: the same, and TTLs where there were none."""
    after = dict(before)
    for key, was in before.items():
        name = key.decode()
        kind = "blocking:state:a" if name.startswith("blocking:state:") else name
        if was.expiry is None and kind in FAMILIES:
            after[key] = was._replace(expiry=now + FAMILIES[kind] * 1000)
    return after


@pytest.mark.parametrize("mode", ["gentle", "fast"])
def test_the_table(server, r, job, now_ms, mode):
    fill(r)
    before = snapshot(r, without=())
    fixer = job("ttl-fixer", {"scan": {"mode": mode}})

    with Monitor(server) as seen:
        dry = fixer.json("-n")
    assert dry.exit == 0 and dry.count("ttl-set") == len(FAMILIES) + 5, dry
    assert differences(before, snapshot(r, without=())) == []
    assert not seen.names() & {"EXPIRE", "PEXPIRE", "SET", "DEL", "EVALSHA", "EVAL"}, seen.names()

    now = now_ms()
    done = fixer.run()
    assert done.exit == 0, done
    assert f"Set a TTL on {len(FAMILIES) + 5} keys" in done.stdout, done
    assert differences(expected(before, now), snapshot(r), slack_ms=60_000) == [
        f"{k!r} is gone" for k in sorted([b"coordkeep:blocking:signal:a", b"coordkeep:roster"])]
    assert r.ttl("coordkeep:roster") == -1 and r.ttl("coordkeep:blocking:signal:a") == -1

    # again: nothing is left to do, and nobody's TTL is touched
    after = snapshot(r)
    with Monitor(server) as seen:
        again = fixer.run("-q")
    assert again.exit == 0 and again.stdout == "" and again.stderr == "", again
    assert differences(after, snapshot(r)) == []
    assert not seen.names() & {"EXPIRE", "PEXPIRE", "KEYS"}, seen.names()


def test_says_each_key_up_to_the_limit(r, job):
    for i in range(20):
        r.set(f"blocking:signal:c{i:02}", "x")
    done = job("ttl-fixer", {"log": {"repeat_limit": 5, "format": "human"}}).run()
    said = [line for line in done.stderr.splitlines() if "missing TTL, setting to 24h" in line]
    assert done.exit == 0 and len(said) == 5, done
    assert "Key blocking:signal:c" in said[0] and said[0].count("blocking:signal:c") == 1, said[0]
    assert "15 more lines" in done.stderr, done
    assert "signal" in done.stdout and "20" in done.stdout, done


def test_names_the_action_in_json(r, job):
    r.set("blocking:signal:a", "x")
    r.set(b"blocking:signal:\xff\x00", "x")
    done = job("ttl-fixer").json()
    assert [a["action"] for a in done.json["actions"]] == ["expire", "expire"], done
    assert {a.get("key") or a.get("key_b64") for a in done.json["actions"]} == {
        "blocking:signal:a", "YmxvY2tpbmc6c2lnbmFsOv8A"}, done
    assert done.json["ttl"]["families"] == [
        {"family": "signal", "keys": 2, "without_ttl": 2, "set": 2, "cut": 0}], done


def test_configured_ttls(r, job):
    r.set("blocking:signal:a", "x")
    r.set("blocking:ack:a", "x")
    r.set("blocking:other", "x")
    done = job("ttl-fixer", {"ttl": {"signal": "1500ms", "ack": "2h", "default": "10m"}}).run()
    assert done.exit == 0 and "1500ms" in done.stderr, done
    assert r.pttl("blocking:signal:a") <= 1500
    assert 2 * H - 60 <= r.ttl("blocking:ack:a") <= 2 * H
    assert 540 <= r.ttl("blocking:other") <= 600


# --- heartbeats ------------------------------------------------------------------

def test_heartbeats(r, job, heartbeat, now_ms):
    fresh = heartbeat("fresh", age_ms=1000, ttl=None)
    compact = heartbeat("compact", age_ms=1000, ttl=None, field="ts")
    ahead = heartbeat("ahead", age_ms=-600_000, ttl=None)
    old = heartbeat("old", age_ms=200_000, ttl=None)
    seconds = b"blocking:heartbeat:seconds"
    r.set(seconds, json.dumps({"timestamp": now_ms() // 1000}))
    old_with_ttl = heartbeat("old-with-ttl", age_ms=200_000, ttl=50_000)
    bad = {b"blocking:heartbeat:text": "not JSON", b"blocking:heartbeat:array": "[1]",
           b"blocking:heartbeat:none": "{}", b"blocking:heartbeat:empty": "",
           b"blocking:heartbeat:nested": json.dumps({"metadata": {"timestamp": now_ms()}}),
           b"blocking:heartbeat:long": json.dumps({"timestamp": now_ms(), "x": "y" * 70_000})}
    for key, value in bad.items():
        r.set(key, value)
    r.rpush("blocking:heartbeat:list", "x")
    before = snapshot(r)

    fixer = job("ttl-fixer")
    done = fixer.json()
    assert done.exit == 1, done
    for key in (fresh, compact, ahead, seconds):
        assert 30 <= r.ttl(key) <= 90, key
    after = snapshot(r)
    for key in [old, old_with_ttl, b"blocking:heartbeat:list", *bad]:
        assert after[key] == before[key], key
    assert done.count("heartbeats-left") == 1 and done.count("ttl-set") == 4, done
    assert {f["key"].encode() for f in done.findings("unreadable-heartbeat")} == {
        b"blocking:heartbeat:list", *bad}, done
    assert "stale heartbeat" in fixer.run().stdout

    for key in [b"blocking:heartbeat:list", *bad]:
        r.delete(key)
    assert fixer.run("-q").exit == 0, "a stale one alone is no finding"
    assert r.ttl(old) == -1


def test_dead_after_decides(r, job, heartbeat):
    key = heartbeat("a", age_ms=60_000, ttl=None)
    fixer = job("ttl-fixer", {"escalate-dead": {"dead_after": "30s"}, "ttl": {"heartbeat": "20s"}})
    assert fixer.json().count("heartbeats-left") == 1 and r.ttl(key) == -1
    fixer = job("ttl-fixer", {"escalate-dead": {"dead_after": "300s"}})
    assert fixer.json().count("ttl-set") == 1 and r.ttl(key) > 0


def test_the_local_clock_does_not_matter(r, job, heartbeat, tmp_path):
    fresh = heartbeat("fresh", ttl=None)
    old = heartbeat("old", age_ms=200_000, ttl=None)
    done = job("ttl-fixer").run("-q", env=Clocks(tmp_path).env("-10800"))
    assert done.exit == 0, done
    assert r.ttl(fresh) > 0 and r.ttl(old) == -1


def test_a_living_coordinator_without_ttls(r, job, fleet):
    """A writer that sets no TTL keeps working; its heartbeat never runs out under it."""
    fleet.start("coord-a")
    key = "blocking:heartbeat:coord-a"
    wait_for(lambda: r.exists(key), what="its first heartbeat")
    r.persist(key)
    assert job("ttl-fixer").run("-q").exit == 0
    assert 0 < r.ttl(key) <= 300
    value = r.get(key)
    wait_for(lambda: r.get(key) not in (value, None), what="its next heartbeat")
    assert r.exists(key)


# --- patterns of the site --------------------------------------------------------

def test_patterns(r, job):
    keys = {"session:a": 600, "session:b:c": 600, "cache:x1": 30, "cache:xx": -1,
            "blocking:state:big-1": 48 * H, "blocking:state:small": H,
            "coordinator:custom:z": 120, "session": -1, "coordkeep:session:a": -1}
    for key in keys:
        r.set(key, "x")
    r.set("session:has-one", "x", ex=5000)
    config = {"ttl": {"pattern.sessions": "session:* 10m", "pattern.caches": "cache:x[0-9] 30s",
                      "pattern.big": "blocking:state:big-* 48h", "pattern.never": "session:a 1s",
                      "pattern.custom": "coordinator:custom:? 2m"}}
    done = job("ttl-fixer", config).json()
    assert done.exit == 0, done
    for key, ttl in keys.items():
        left = r.ttl(key)
        assert left == -1 if ttl == -1 else ttl - 60 <= left <= ttl, (key, left)
    assert r.ttl("session:has-one") > 4000
    assert {f["family"]: f["set"] for f in done.json["ttl"]["families"]} == {
        "state": 1, "pattern.sessions": 2, "pattern.caches": 1, "pattern.big": 1,
        "pattern.custom": 1}, done


def test_a_pattern_for_all_spares_ours_and_the_evidence(r, job, heartbeat):
    heartbeat("old", age_ms=200_000, ttl=None)
    r.set("coordkeep:x", "x")
    r.set("anything", "x")
    assert job("ttl-fixer", {"ttl": {"pattern.all": "* 5m"}}).run("-q").exit == 0
    assert r.ttl("blocking:heartbeat:old") == -1 and r.ttl("coordkeep:x") == -1
    assert 240 <= r.ttl("anything") <= 300


@pytest.mark.parametrize("glob", ["k[a-c]*", "k[^a-c]*", "k?", "k\\*", "*[*", "k[b-", "k[]a]",
                                  "k\\[a", "*", "?*?", "k**b", "[k", "k[\\]]"])
def test_globs_are_those_of_redis(r, job, glob):
    keys = ["k", "ka", "kb", "kd", "kab", "k*", "k[a", "k]", "k[", "k\\", "k-", "x[", "kaab"]
    for key in keys:
        r.set(key, "x")
    theirs = set(r.scan_iter(match=glob, count=1000))
    assert job("ttl-fixer", {"ttl": {"pattern.p": f"{glob} 1h"}}).run("-q").exit == 0
    assert {k.encode() for k in keys if r.ttl(k) > 0} == theirs


# --- longer TTLs -----------------------------------------------------------------

def test_max_ttl(r, job):
    for key in ("blocking:signal:a", "coordinator:work:s:a:w", "coordinator:escalation:a",
                "coordinator:spawn:a", "coordkeep:roster", "session:a"):
        r.set(key, "x", ex=7 * 24 * H)
    r.set("blocking:state:a", "x", ex=2 * H)
    r.set("blocking:signal:none", "x")
    before = snapshot(r, without=())
    done = job("ttl-fixer", {"ttl-fixer": {"max_ttl": "12h"}}).json()
    assert done.exit == 0 and done.count("ttl-cut") == 1 and done.count("ttl-set") == 1, done
    after = snapshot(r, without=("coordkeep:c*",))
    assert sorted(differences(before, after, slack_ms=1000))[0].startswith("b'blocking:signal:a'")
    assert len(differences(before, after)) == 2
    assert 11 * H < r.ttl("blocking:signal:a") <= 12 * H
    assert 11 * H < r.ttl("blocking:signal:none") <= 12 * H, "a cap holds for what is given too"


def test_off_by_default(r, job):
    r.set("blocking:signal:a", "x", ex=365 * 24 * H)
    before = snapshot(r)
    assert job("ttl-fixer").json().count("ttl-cut") == 0
    assert differences(before, snapshot(r)) == []


# --- holds -----------------------------------------------------------------------

HELD = ["blocking:state:h", "blocking:ack:h:s:1", "blocking:ack:h", "blocking:signal:h",
        "coordinator:work:s:h:w", "blocking:idempotency:h:b:wake:1:99",
        "blocking:idempotency:b:h:wake:1:99"]


def test_a_coordinator_on_hold(r, job, heartbeat, now_ms):
    """After an undo, what was put back must not run out before a person has looked."""
    heartbeat("h", ttl=None)
    for key in HELD:
        r.set(key, "x")
    r.set("blocking:state:long:h", "x", ex=100 * H)
    r.set("coordinator:activity:h", 1, ex=100 * H)
    r.set("blocking:state:h2", "x")
    r.hset("coordkeep:hold", mapping={"h": now_ms() + 600_000, "h2": now_ms() - 1})
    before = snapshot(r)
    fixer = job("ttl-fixer", {"ttl-fixer": {"max_ttl": "50h"}})
    done = fixer.json()
    assert done.exit == 0 and done.count("held") == len(HELD) + 2, done
    assert done.count("ttl-set") == 1 and done.count("ttl-cut") == 1, done
    assert len(differences(before, snapshot(r))) == 2
    assert r.ttl("blocking:state:h2") > 0 and r.ttl("blocking:state:long:h") <= 50 * H
    assert f"Left {len(HELD) + 2} keys of coordinators on hold" in fixer.run().stdout

    forced = fixer.json("--force")
    assert forced.count("held") == 0 and forced.count("ttl-set") == len(HELD) + 1, forced


def test_a_hold_that_is_no_time(r, job):
    r.set("blocking:state:h", "x")
    r.hset("coordkeep:hold", "h", "24h")
    done = job("ttl-fixer").json()
    assert done.exit == 1 and done.finding_codes() == ["hold-unreadable"], done
    assert r.ttl("blocking:state:h") == -1


def test_a_key_that_could_be_anybodys(r, job, now_ms):
    """With a hold in force, a key full of colons is left, and costs no time."""
    key = "coordinator:work" + ":x" * 20_000
    r.set(key, "x")
    r.hset("coordkeep:hold", "h", now_ms() + 600_000)
    assert job("ttl-fixer").json().count("held") == 1 and r.ttl(key) == -1
    r.delete("coordkeep:hold")
    assert job("ttl-fixer").json().count("ttl-set") == 1


# --- metrics ---------------------------------------------------------------------

def test_metrics(r, job, heartbeat):
    heartbeat("old", age_ms=200_000, ttl=None)
    r.set("blocking:state:a", "x")
    fixer = job("ttl-fixer")
    fixer.run("-q")
    r.set("blocking:state:b", "x")
    fixer.run("-q")
    fixer.run("-q", "-n")
    fixer.run("--report")
    m = fixer.metrics()
    one = '{job="ttl-fixer"}'
    assert m[f"coordkeep_ttls_set_total{one}"] == 2 and m[f"coordkeep_ttls_cut_total{one}"] == 0
    assert m[f"coordkeep_stale_heartbeats_without_ttl{one}"] == 1
    state = '{job="ttl-fixer",family="state"}'
    assert m[f"coordkeep_coordination_keys{state}"] == 2
    assert m[f"coordkeep_keys_without_ttl{state}"] == 1
