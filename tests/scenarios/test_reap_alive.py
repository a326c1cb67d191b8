"""Nothing alive is touched: hearts of every shape, and what looks dead and is not."""

import json
import threading

import pytest

from harness import differences, names, snapshot, wait_for

FAST = {"liveness": {"confirm": "200ms"}}
OLD = 11 * 60 * 1000
IDS = ["coord-1", "coord-10", "a:b", "a*", "a[1]", "a.b", "a b", "*", "x" * 300]


def dependents(r, ident):
    r.set(f"blocking:signal:{ident}", '{"senderId":"x","receiverId":"y","timestamp":1}', ex=86400)
    r.set(f"blocking:state:{ident}", "s", ex=3600)
    r.set(f"blocking:warning:{ident}", 1, ex=300)


@pytest.mark.parametrize("ident", IDS)
def test_a_living_coordinator_keeps_everything(r, job, heartbeat, ident):
    heartbeat(ident)
    dependents(r, ident)
    before = snapshot(r)
    done = job("reap-stale", FAST).json()
    assert done.exit == 0, done
    assert differences(before, snapshot(r)) == []


def test_an_id_that_is_not_utf8(r, job, now_ms):
    r.set(b"blocking:heartbeat:\xff\xfe", json.dumps({"timestamp": now_ms()}), ex=90)
    r.set(b"blocking:heartbeat:\xff", json.dumps({"timestamp": now_ms() - OLD}))
    r.set(b"blocking:state:\xff", "s")
    r.set(b"blocking:state:\xff\xfe", "s")
    done = job("reap-stale", FAST).json()
    assert done.exit == 0, done
    assert names(r) == ["blocking:heartbeat:\\xff\\xfe", "blocking:state:\\xff\\xfe"]


def test_the_neighbours_of_a_dead_one(r, job, heartbeat):
    """coord-1 is dead; coord-10, coord-1:2 and coord live."""
    for ident in ("coord-10", "coord-1:2", "coord", "coord-1*"):
        heartbeat(ident)
        dependents(r, ident)
    before = snapshot(r)
    heartbeat("coord-1", age_ms=OLD, ttl=None)
    dependents(r, "coord-1")
    done = job("reap-stale", FAST).json()
    assert done.exit == 0, done
    assert done.count("coordinators-reaped") == 1, done
    assert differences(before, snapshot(r)) == []


@pytest.mark.parametrize("value", [
    '{"timestamp" : %d}',
    '{"metadata":{"timestamp":1},"timestamp":%d}',
    '{"lastHeartbeat":%d}',
    '{"ts":%d}',
    '{"timestamp":"%d"}',
    '{"timestamp":%d.5}',
])
def test_every_way_to_write_a_time(r, job, now_ms, value):
    r.set("blocking:heartbeat:c", value % now_ms())
    before = snapshot(r)
    assert job("reap-stale", FAST).run().exit == 0
    assert differences(before, snapshot(r)) == []


def test_seconds_and_reals(r, job, now_ms):
    r.set("blocking:heartbeat:s", '{"timestamp":%d}' % (now_ms() // 1000))
    r.set("blocking:heartbeat:e", '{"timestamp":%.6e}' % now_ms())
    before = snapshot(r)
    assert job("reap-stale", FAST).run().exit in (0, 1)
    assert differences(before, snapshot(r)) == []


@pytest.mark.parametrize("value", [
    b"", b"not json", b"[1]", b"{}", b"null", b'{"timestamp":null}', b'{"timestamp":-5}',
    b'{"metadata":{"timestamp":1}}', b"[" * 100000, b"\xff\xfe{", b"x" * (10 << 20),
], ids=range(11))
def test_unreadable_heartbeats_are_findings_and_stay(r, job, value):
    r.set("blocking:heartbeat:odd", value)
    r.set("blocking:state:odd", "s")
    before = snapshot(r)
    done = job("reap-stale", FAST).json()
    assert done.exit == 1, done
    assert done.finding_codes() == ["unreadable-heartbeat"], done
    assert done.findings()[0]["key"] == "odd"
    assert differences(before, snapshot(r)) == []


@pytest.mark.parametrize("make", ["rpush", "sadd", "hset"])
def test_heartbeats_of_another_type(r, job, make):
    args = ("f", "v") if make == "hset" else ("v",)
    getattr(r, make)("blocking:heartbeat:odd", *args)
    before = snapshot(r)
    done = job("reap-stale", FAST).json()
    assert done.exit == 1 and done.finding_codes() == ["unreadable-heartbeat"], done
    assert differences(before, snapshot(r)) == []


def test_a_clock_eleven_minutes_slow_with_a_ttl(r, job, heartbeat):
    """The TTL says that somebody wrote it just now."""
    heartbeat("slow", age_ms=OLD, ttl=88)
    dependents(r, "slow")
    before = snapshot(r)
    done = job("reap-stale", FAST).json()
    assert "skewed-clock" in done.finding_codes(), done
    assert differences(before, snapshot(r)) == []


def test_a_clock_eleven_minutes_slow_without_ttl_that_goes_on_beating(r, job, heartbeat):
    """Only signs of life show it: the run looks again after `confirm`."""
    heartbeat("slow", age_ms=OLD, ttl=None)
    dependents(r, "slow")
    stop = threading.Event()

    def beat():
        while not stop.wait(0.02):
            heartbeat("slow", age_ms=OLD, ttl=None)

    beating = threading.Thread(target=beat)
    beating.start()
    try:
        done = job("reap-stale", {"liveness": {"confirm": "1s"}}).json()
        again = job("reap-stale", {"liveness": {"confirm": "1s"}}).json()
    finally:
        stop.set()
        beating.join()
    assert done.count("coordinators-reaped") == 0 and again.count("coordinators-reaped") == 0
    assert r.exists("blocking:heartbeat:slow", "blocking:signal:slow", "blocking:state:slow") == 3


def test_a_fresh_activity_beside_a_stale_heartbeat(r, job, heartbeat, now_ms):
    heartbeat("c", age_ms=OLD, ttl=None)
    r.set("coordinator:activity:c", json.dumps({"lastActivity": now_ms() - 1000}), ex=600)
    before = snapshot(r)
    assert job("reap-stale", FAST).json().count("coordinators-reaped") == 0
    assert differences(before, snapshot(r)) == []


def test_a_future_time_is_alive_and_skewed(r, job, heartbeat):
    heartbeat("ahead", age_ms=-3600_000)
    before = snapshot(r)
    done = job("reap-stale", FAST).json()
    assert done.finding_codes() == ["skewed-clock"], done
    assert differences(before, snapshot(r)) == []


@pytest.mark.parametrize("was, now", [(None, 90), (86390, 86400), (5000, 90), (86400, None)])
def test_refreshed_with_the_same_bytes_between_the_read_and_the_delete(server, r, job, proxy,
                                                                       heartbeat, was, now):
    """At the very last moment, and only the expiry is new."""
    heartbeat("c", age_ms=OLD, ttl=was)
    value = r.get("blocking:heartbeat:c")

    def on_command(number, words):
        if words[0].upper() == b"EVALSHA" and b"blocking:heartbeat:c" in words:
            r.set("blocking:heartbeat:c", value, ex=now)

    proxy.on_command = on_command
    done = job("reap-stale", FAST, url=proxy.url).json()
    assert r.exists("blocking:heartbeat:c") == 1, done
    assert done.count("keys-changed-meanwhile") == 1 and done.exit == 0, done
    assert b"known" in r.hget("coordkeep:roster", "c")


def test_a_ttl_that_nobody_renews_saves_no_heartbeat(r, job, proxy, heartbeat):
    """One that it was given meanwhile, longer than a writer gives."""
    heartbeat("c", age_ms=OLD, ttl=None)

    def on_command(number, words):
        if words[0].upper() == b"EVALSHA" and b"blocking:heartbeat:c" in words:
            r.expire("blocking:heartbeat:c", 86400)

    proxy.on_command = on_command
    assert job("reap-stale", FAST, url=proxy.url).json().count("keys-deleted") == 1
    assert r.exists("blocking:heartbeat:c") == 0


def owned(r, ident):
    for family in ("state", "warning", "ack"):
        r.set(f"blocking:{family}:{ident}", "1", ex=3600)


@pytest.mark.parametrize("there", [True, False], ids=["judged by its heartbeat", "long gone"])
def test_back_as_the_script_that_deletes_arrives(r, job, proxy, heartbeat, now_ms, there):
    """The script itself compares the owner's heartbeat: nothing of it goes, and all of the others."""
    for ident in ("b", "c", "d"):
        heartbeat(ident, age_ms=OLD, ttl=None)
        owned(r, ident)
    reap = job("reap-stale", {**FAST, "reap-stale": {"stale_after": "2s"}, "escalate-dead":
                              {"dead_after": "1s"}}, url=proxy.url)
    if not there:  # it was reaped, and its keys came later
        r.delete("blocking:heartbeat:c")
        before = now_ms() - OLD
        r.hset("coordkeep:roster", "c", f"v1 {before} {before} reaped 0 {0:016} 0 {0:016} {before} "
                                        f"{before} {before}")
    back = []

    def on_command(number, words):
        if words[0].upper() == b"EVALSHA" and b"blocking:state:c" in words and not back:
            back.append(heartbeat("c", ttl=None if there else 90))

    proxy.on_command = on_command
    done = reap.json()
    assert back and done.exit == 0, done
    assert names(r, "blocking:*") == [f"blocking:{f}:c" for f in ("ack", "heartbeat", "state", "warning")]
    assert done.count("coordinators-reaped") == 2 and done.count("coordinators-alive-after-all") == 1
    assert "alive after all" in done.stderr or "revived" in done.stderr, done
    assert reap.json().count("keys-deleted") == 0


def test_back_between_two_calls_of_the_script(r, job, proxy, heartbeat):
    """What went before is told; the roster does not say that it was reaped."""
    heartbeat("c", age_ms=OLD, ttl=None)
    for i in range(40):
        r.set(f"blocking:ack:c:{i}", "1")
    calls = []

    def on_command(number, words):
        if words[0].upper() == b"EVALSHA" and b"blocking:heartbeat:c" in words:
            calls.append(1)
            if len(calls) == 2:
                heartbeat("c")

    proxy.on_command = on_command
    done = job("reap-stale", FAST, url=proxy.url).json()
    assert done.exit == 1 and done.finding_codes() == ["revived-meanwhile"], done
    assert len(names(r, "blocking:ack:*")) == 24 and done.count("keys-deleted") == 16
    assert done.count("coordinators-reaped") == 0
    assert b"known" in r.hget("coordkeep:roster", "c")


@pytest.mark.parametrize("victim", [b"blocking:state:c", b"blocking:heartbeat:c"])
def test_a_revival_while_its_keys_are_on_their_way(server, r, job, proxy, heartbeat, victim):
    """As its state, or at last its heartbeat, is read to be deleted."""
    heartbeat("c", age_ms=OLD, ttl=None)
    r.set("blocking:state:c", "s")
    reads = []

    def on_command(number, words):
        if words[0].upper() == b"GETRANGE" and victim in words:
            reads.append(1)
            # The heartbeat was read by the survey, twice, and before the state went.
            if victim == b"blocking:state:c" or r.exists("blocking:state:c") == 0:
                heartbeat("c")
        return None

    proxy.on_command = on_command
    done = job("reap-stale", FAST, url=proxy.url).json()
    assert reads and r.exists("blocking:heartbeat:c") == 1, done
    assert done.count("coordinators-reaped") == 0, done
    if victim == b"blocking:state:c":
        assert done.exit == 0 and r.exists("blocking:state:c") == 1, done
    else:  # its state went before it came back: that is told, and no success
        assert done.exit == 1 and done.finding_codes() == ["revived-meanwhile"], done


def test_a_short_ttl_is_left_to_redis(r, job, heartbeat):
    """However old: it ends by itself, and until then nobody knows."""
    heartbeat("c", age_ms=3600_000, ttl=60)
    before = snapshot(r)
    for _ in range(2):
        assert job("reap-stale", FAST).json().count("keys-deleted") == 0
    assert differences(before, snapshot(r)) == []


def test_other_keys_are_never_touched(r, job, heartbeat):
    for key in ("blocking", "blockingx:heartbeat:c", "sblocking:heartbeat:c", "coordinator:work:s:c:w",
                "coordinator:escalation:c", "coordinator:spawn:c", "coordinator:circuit:c",
                "blocking:else:c", "user:c", "blocking:retry:c:1"):
        r.set(key, "v")
    before = snapshot(r)
    heartbeat("c", age_ms=OLD, ttl=None)
    assert job("reap-stale", FAST).json().count("keys-deleted") == 1
    assert differences(before, snapshot(r)) == []


def test_real_coordinators_live_on(r, job, fleet):
    for name in ("one", "two", "three"):
        fleet.start(name)
    wait_for(lambda: r.exists(*(f"blocking:heartbeat:{n}" for n in ("one", "two", "three"))) == 3)
    for _ in range(3):
        done = job("reap-stale", FAST).json()
        assert done.count("keys-deleted") == 0, done
    assert r.exists(*(f"blocking:heartbeat:{n}" for n in ("one", "two", "three"))) == 3


def test_a_heartbeat_that_expires_between_two_looks_is_no_finding(r, job, proxy, heartbeat):
    heartbeat("a")

    def expire(_, words):
        if words[0].upper() == b"GETRANGE" and words[1] == b"blocking:heartbeat:a":
            r.delete("blocking:heartbeat:a")

    proxy.on_command = expire
    done = job("reap-stale", FAST, url=proxy.url).json()
    assert done.exit == 0 and done.findings() == [], done
    proxy.on_command = None
    r.set("blocking:heartbeat:a", "")
    done = job("reap-stale", FAST).json()
    assert done.exit == 1 and done.finding_codes() == ["unreadable-heartbeat"], done
    assert r.exists("blocking:heartbeat:a")
