"""reap-stale: what belongs to somebody else, or to somebody's later decision, stays."""

import json

import pytest

from escalating import fnv
from harness import differences, snapshot

FAST = {"liveness": {"confirm": "0s"}}
OLD = 11 * 60 * 1000
SHARED = ("blocking:idempotency:live:dead:t:1:1", "blocking:idempotency:dead:live:t:1:1",
          "blocking:idempotency:dead:x:r:t:1:1", "blocking:ack:dead:x", "blocking:ack:dead:x:y")


def dead(r, heartbeat):
    heartbeat("dead", age_ms=OLD, ttl=None)
    r.set("blocking:state:dead", "s", ex=3600)
    r.set("blocking:idempotency:dead:gone:t:1:1", 1, ex=3600)
    r.set("blocking:ack:dead:m1", "x", ex=3600)


def shared(r):
    for key in SHARED:
        r.set(key, 1, ex=3600)


def life(r, heartbeat, now_ms, how):
    for ident in ("live", "dead:x"):
        if how == "heartbeat":
            heartbeat(ident)
        else:
            r.set(f"coordinator:activity:{ident}", json.dumps({"lastActivity": now_ms()}), ex=600)


@pytest.mark.parametrize("how", ["heartbeat", "activity"])
@pytest.mark.parametrize("words", [(), ("--coordinator", "dead"),
                                   ("--coordinator", "dead", "--force")])
def test_a_record_that_a_living_one_may_own(r, job, heartbeat, now_ms, words, how):
    """However little this run looked at him: --coordinator reads no other heartbeat."""
    dead(r, heartbeat)
    shared(r)
    life(r, heartbeat, now_ms, how)
    reap = job("reap-stale", FAST)
    before = snapshot(r)
    dry = reap.json("-n", *words)
    assert differences(before, snapshot(r)) == []
    done = reap.json(*words)
    assert done.exit == 0 and done.count("keys-of-uncertain-owner") == len(SHARED), done
    assert dry.count("keys-to-delete") == done.count("keys-deleted") == 4, (dry, done)
    left = {k.decode() for k in r.keys("blocking:*")}
    assert left - {"blocking:heartbeat:live", "blocking:heartbeat:dead:x"} == set(SHARED)


def test_one_that_began_after_the_first_pass(r, job, proxy, heartbeat, now_ms):
    dead(r, heartbeat)
    begun = []

    def begin(_, words):
        if words[0].upper() == b"SCAN" and b"blocking:heartbeat:*" not in words and not begun:
            begun.append(1)
            life(r, heartbeat, now_ms, "heartbeat")
            shared(r)

    proxy.on_command = begin
    done = job("reap-stale", FAST, url=proxy.url).json()
    assert begun and done.exit == 0 and not r.exists("blocking:heartbeat:dead"), done
    assert all(r.exists(key) for key in SHARED)


def test_an_ack_that_says_whose_it_is(r, job, heartbeat):
    dead(r, heartbeat)
    heartbeat("dead:x")
    keys = ["blocking:ack:dead:x:y", "blocking:ack:dead" + ":m" * 40]
    for key in keys:
        r.set(key, json.dumps({"coordinatorId": "dead", "timestamp": 1}), ex=3600)
    assert job("reap-stale", FAST).run("--coordinator", "dead").exit == 0
    assert not r.exists(*keys)


def test_records_that_are_no_short_strings(r, job, heartbeat):
    dead(r, heartbeat)
    heartbeat("dead:x")
    r.hset("blocking:ack:dead:x", "f", "v")
    r.set("blocking:ack:dead:x:y", "v" * 100_000)
    r.hset("blocking:idempotency:dead:x:r:t:1:1", "f", "v")
    r.set("blocking:idempotency:dead:x:s:t:1:1", "v" * 100_000)
    r.hset("blocking:ack:dead:gone", "f", "v")
    done = job("reap-stale", FAST).json("--coordinator", "dead")
    assert done.exit == 0 and done.count("keys-of-uncertain-owner") == 4, done
    assert len(r.keys("*:dead:x*")) == 5 and not r.exists("blocking:ack:dead:gone"), done


def test_a_record_of_one_on_hold(r, job, heartbeat, now_ms):
    dead(r, heartbeat)
    for ident in ("live", "dead:x"):
        r.hset("coordkeep:hold", ident, now_ms() + 3600_000)
    shared(r)
    assert job("reap-stale", FAST).run().exit in (0, 1)
    assert all(r.exists(key) for key in SHARED) and not r.exists("blocking:heartbeat:dead")


def test_a_record_that_could_be_anybodys(r, job, heartbeat):
    dead(r, heartbeat)
    key = "blocking:ack:dead" + ":m" * 40
    r.set(key, "x", ex=3600)
    done = job("reap-stale", FAST).json()
    assert done.exit == 0 and done.count("keys-of-uncertain-owner") == 1 and r.exists(key), done


def test_two_runs_within_a_beat_have_watched_no_silence(r, job, proxy, heartbeat):
    """Then the server is away for a while: of those that beat, none is dead."""
    reap = job("reap-stale", {"reap-stale": {"stale_after": "3s"},
                              "escalate-dead": {"dead_after": "2s"},
                              "liveness": {"confirm": "300ms"}}, url=proxy.url)
    for n in range(2):
        heartbeat("a", ttl=None, sequence=n)
        assert reap.run().exit == 0
    assert reap.run().exit == 0
    # As if all that had been ten seconds ago, and nobody there since.
    value = json.loads(r.get("blocking:heartbeat:a"))
    value["timestamp"] -= 10_000
    r.set("blocking:heartbeat:a", json.dumps(value))
    words = r.hget("coordkeep:roster", "a").decode().split()
    for i in (1, 2, 8, 9, 10):
        words[i] = str(max(int(words[i]) - 10_000, 0))
    words[5] = f"{fnv(json.dumps(value).encode()):016x}"
    r.hset("coordkeep:roster", "a", " ".join(words))
    looks = []

    def beat(_, words):
        if words == [b"PTTL", b"blocking:heartbeat:a"]:
            looks.append(1)
            if len(looks) == 3:
                heartbeat("a", ttl=None, sequence=7)

    proxy.on_command = beat
    done = reap.run()
    assert done.exit == 0 and "looking again" in done.stderr and len(looks) == 3, done
    assert r.exists("blocking:heartbeat:a")


def test_a_reset_that_is_undone_is_not_reaped_by_the_next_run(r, job, heartbeat):
    dead(r, heartbeat)
    r.set("coordinator:work:s:dead:w", "{}")
    before = snapshot(r)
    reap = job("reap-stale", FAST)
    assert reap.run("--all", "--yes").exit == 0
    assert snapshot(r) == {}
    assert reap.run("--undo", reap.journals()[-1]).exit == 0
    assert r.hexists("coordkeep:hold", "dead")
    done = reap.json()
    assert done.count("keys-deleted") == 0 and done.count("coordinators-on-hold") == 1, done
    assert differences(before, snapshot(r), slack_ms=50) == []
