"""Many that vanish at once are seldom many deaths: Redis came back empty, old, or evicting."""

import json
import threading

import pytest

from escalating import MINUTE, QUICK, State
from harness import RedisServer, differences, snapshot


def beat(state, n, mark):
    for i in range(n):
        state.heartbeat(f"c{i}", n=mark)


def braked(done, gone, known):
    assert done.exit == 2 and done.finding_codes() == ["mass-loss"], done
    assert len(done.findings()) == 1
    assert f"{gone} of {known} coordinators" in done.findings()[0]["text"], done
    assert done.json["escalate_dead"]["braked"]
    assert done.count("warnings") == 0 and done.count("escalated") == 0


def age(r, minutes=10):
    """Everything that the roster and the baseline know happened so much earlier."""
    for ident, raw in r.hgetall("coordkeep:roster").items():
        e = raw.split()
        for i in (1, 2, 6, 8, 9, 10):
            if e[i] != b"0":
                e[i] = b"%d" % (int(e[i]) - minutes * MINUTE)
        r.hset("coordkeep:roster", ident, b" ".join(e))
    raw = r.get("coordkeep:baseline")
    if raw:
        e = raw.split()
        e[3:] = [b"%d" % (int(x) - minutes * MINUTE) for x in e[3:]]
        r.set("coordkeep:baseline", b" ".join(e), ex=86400)


def forget_file(escalate):
    """Its times cannot be made older."""
    for path in escalate.state_dir.glob("*baseline*"):
        path.unlink()


def history(escalate, state, r, n=10):
    """A fleet that two runs have seen alive, some minutes ago."""
    for mark in (1, 2):
        beat(state, n, mark)
        assert escalate.json().exit == 0
    age(r)
    forget_file(escalate)


def test_flushed(escalate, state, r):
    beat(state, 10, 1)
    assert escalate.json().exit == 0
    work = [state.work(f"c{i}", "w") for i in range(10)]
    r.flushall()
    for _ in range(4):
        done = escalate.json()
        braked(done, 10, 10)
    assert "of 10 nothing is known any more" in done.findings()[0]["text"]
    assert not state.spawns() and not list(r.scan_iter("blocking:warning:*"))
    beat(state, 10, 2)
    done = escalate.json()
    assert done.exit == 0 and done.findings() == [], done
    assert len(work) == 10


def test_redis_restarted_empty(server, escalate, state, r):
    beat(state, 2, 1)
    assert escalate.json().exit == 0
    server.restart()
    for _ in range(3):
        braked(escalate.json(), 2, 2)
    beat(State(server.client()), 2, 2)
    assert escalate.json().exit == 0


def test_restored_from_an_old_dump(server, escalate, state, r):
    """Heartbeats without expiry come back as they were then; everybody has been
    silent for long, and the server is another one."""
    for mark in (1, 2):
        for i in range(10):
            state.heartbeat(f"c{i}", ttl=None, n=mark)
        assert escalate.json().exit == 0
    for i in range(10):
        state.work(f"c{i}", "w", ttl=100)
    age(r)
    kept = {k: r.dump(k) for k in r.scan_iter()}
    server.restart()
    fresh = State(server.client())
    for k, v in kept.items():
        fresh.r.restore(k, 100_000 if b"work" in k else 0, v)
    for _ in range(4):
        braked(escalate.json(), 10, 10)
    assert not fresh.spawns() and not list(fresh.r.scan_iter("blocking:warning:*"))
    assert all(fresh.r.ttl(k) > 3500 for k in fresh.works())
    for i in range(10):
        fresh.heartbeat(f"c{i}", n=3)
    done = escalate.json()
    assert done.exit == 0, done


def test_failed_over_to_an_empty_replica(server, job, state, tmp_path):
    """Another server, up for long, that holds nothing."""
    escalate = job("escalate-dead", QUICK)
    beat(state, 10, 1)
    assert escalate.json().exit == 0
    with RedisServer() as other:
        moved = job("escalate-dead", {**QUICK, "liveness": {
            "confirm": "200ms", "restart_grace": "1s"}}, url=other.url)
        # the server that is asked decides what is up for long
        other.client().ping()
        for _ in range(3):
            braked(moved.json(), 10, 10)
        beat(State(other.client()), 10, 2)
        assert moved.json().exit == 0


def test_heartbeats_expired_all_at_once(escalate, state, r):
    history(escalate, state, r)
    for i in range(10):
        r.delete(f"blocking:heartbeat:c{i}")
        state.work(f"c{i}", "w", ttl=60)
    before = snapshot(r)
    for _ in range(4):
        braked(escalate.json(), 10, 10)
    # nothing but the TTLs of the work of the missing has changed
    assert all(r.ttl(k) > 3500 for k in state.works())
    assert differences(before, snapshot(r), slack_ms=4_000_000) == []
    beat(state, 10, 3)
    done = escalate.json()
    assert done.exit == 0 and done.findings() == [], done


@pytest.mark.parametrize("gone, on", [(3, False), (4, True)])
def test_the_limit(escalate, state, r, gone, on):
    history(escalate, state, r)
    for i in range(10):
        if i < gone:
            r.delete(f"blocking:heartbeat:c{i}")
        else:
            state.heartbeat(f"c{i}", n=3)
    done = escalate.json()
    if on:
        braked(done, gone, 10)
    else:
        assert done.exit == 0 and done.count("warnings") == gone, done


def test_override(escalate, state, r):
    history(escalate, state, r)
    for i in range(10):
        r.delete(f"blocking:heartbeat:c{i}")
    braked(escalate.json(), 10, 10)
    done = escalate.json("--override-brake")
    assert done.exit == 2 and done.count("warnings") == 10, done
    # a person has said that they are dead: the runs that follow go on
    for _ in range(2):
        done = escalate.json()
        assert done.exit == 0, done
    assert len(state.spawns()) == 10


def replaced(escalate, state, r, left, crashed=0, others=10):
    """Of ten some shut down cleanly, some crash, and others come under new ids."""
    for mark in (1, 2):
        beat(state, 10, mark)
        assert escalate.json().exit == 0
    for i in range(left):
        r.delete(f"blocking:heartbeat:c{i}")
    for i in range(left, left + crashed):
        state.silent(f"c{i}", ago=MINUTE * 3)
        r.delete(f"blocking:heartbeat:c{i}")
    for i in range(others):
        state.heartbeat(f"new{i}", n=1)


def news(state, mark, n=10):
    for i in range(n):
        state.heartbeat(f"new{i}", n=mark)


def test_a_deployment_under_new_ids(escalate, state, r):
    """Who left cleanly is not missed once as many others beat; and nobody is asked for in his place."""
    replaced(escalate, state, r, left=10)
    kept = state.work("c1", "w")
    # the new ones have been seen, but not to live
    braked(escalate.json(), 10, 10)
    news(state, 2)
    done = escalate.json()
    assert done.exit == 1 and done.finding_codes() == ["left-with-work"], done
    assert done.count("retired") == 10 and not done.json["escalate_dead"]["braked"], done
    # a crash among the new ones is one
    r.set("blocking:warning:new1", 3)
    r.delete("blocking:heartbeat:new1")
    news(state, 3, n=1)
    done = escalate.json()
    assert done.count("escalated") == 1 and len(state.spawns()) == 1, done
    assert r.exists(kept)


def test_a_deployment_that_is_not_all_there_yet(escalate, state, r):
    replaced(escalate, state, r, left=10, others=6)
    for mark in (2, 3):
        news(state, mark, n=6)
        braked(escalate.json(), 10, 10)
    # one more, and only three are missed
    news(state, 4, n=7)
    braked(escalate.json(), 10, 10)
    news(state, 5, n=7)
    done = escalate.json()
    assert done.exit == 0 and done.count("retired") == 10, done


def test_no_deployment_excuses_those_that_just_vanished(escalate, state, r):
    """Their heartbeats expired: that was no clean shutdown."""
    history(escalate, state, r)
    for i in range(10):
        r.delete(f"blocking:heartbeat:c{i}")
    for mark in (1, 2, 3):
        news(state, mark)
        braked(escalate.json(), 10, 10)
    assert "retires 0 that" in escalate.json().findings()[0]["text"]


def test_a_clean_shutdown_is_not_forgotten_while_the_brake_is_on(escalate, state, r):
    """--override-brake does what a run without the brake would have done."""
    replaced(escalate, state, r, left=6, crashed=2, others=0)
    kept = state.work("c1", "w")
    for _ in range(3):
        done = escalate.json()
        braked(done, 8, 10)
    text = done.findings()[0]["text"]
    assert "retires 6 that" in text and "judges 2 as dead" in text, text
    age(r)
    for i in (8, 9):
        state.heartbeat(f"c{i}", n=5)
    assert "retired" in escalate.run("--explain", "c1").stdout
    done = escalate.json("--override-brake")
    assert set(done.finding_codes()) == {"mass-loss", "left-with-work"}, done
    assert done.count("retired") == 6 and done.count("warnings") == 2
    for _ in range(2):
        for i in (8, 9):
            state.heartbeat(f"c{i}", n=_)
        done = escalate.json()
        assert done.finding_codes() == ["left-with-work"], done
    assert {s["replacesCoordinatorId"] for s in state.spawns().values()} == {"c6", "c7"}
    assert r.exists(kept)


def test_one_that_a_person_handed_on_is_not_missed(server, escalate, state, r):
    """Of the others nothing is the less known for it."""
    history(escalate, state, r)
    state.work("c3", "w")
    kept = {k: (r.dump(k), max(r.pttl(k), 0)) for k in r.scan_iter()}
    server.restart()
    fresh = State(server.client())
    for key, (value, ttl) in kept.items():
        if key not in (b"blocking:heartbeat:c3", b"blocking:heartbeat:c4"):
            fresh.r.restore(key, ttl, value)
    braked(escalate.json(), 2, 10)
    done = escalate.json("--override-brake", "--coordinator", "c3", "--force")
    assert done.count("escalated") == 1, done
    braked(escalate.json(), 1, 9)
    fresh.heartbeat("c4", n=3)
    done = escalate.json()
    assert done.exit == 0 and done.findings() == [], done


def test_who_does_not_come_back_with_the_others_has_crashed(escalate, state, r):
    """What took all heartbeats away at once was none of their owners."""
    replaced(escalate, state, r, left=10, others=0)
    braked(escalate.json(), 10, 10)
    age(r)
    forget_file(escalate)
    for i in range(1, 10):
        state.heartbeat(f"c{i}", n=3)
    done = escalate.json()
    assert done.exit == 0 and done.count("retired") == 0 and done.count("warnings") == 1, done


@pytest.mark.parametrize("how", ["deployment", "override"])
def test_reap_stale_ends_the_brake_first(escalate, job, state, r, how):
    """The baseline that it leaves knows them no more; that they left cleanly is still known."""
    replaced(escalate, state, r, left=10)
    braked(escalate.json(), 10, 10)
    reap = job("reap-stale", {"liveness": {"confirm": "0s"}})
    if how == "override":
        assert reap.json("--override-brake").exit == 1
    else:
        news(state, 2)
        assert escalate.json("--list").exit == 0
        news(state, 3)
        done = reap.json()
        assert done.exit == 0, done
    done = escalate.json()
    assert done.exit == 0 and done.count("retired") == 10, done


def test_a_clean_shutdown_is_not_forgotten_during_a_hold(escalate, state, r):
    state.alive("a")
    assert escalate.json().exit == 0
    r.hset("coordkeep:hold", "a", state.now() + 60 * MINUTE)
    r.delete("blocking:heartbeat:a")
    assert escalate.json().exit == 0 and state.state("a") == "known"
    assert escalate.json().exit == 0
    r.delete("coordkeep:hold")
    assert escalate.json().count("retired") == 1


def test_cut_off_after_an_override(job, proxy, state, r):
    """The baseline lets go of those that are gone only when the roster says what became of them."""
    escalate = job("escalate-dead", QUICK, url=proxy.url)
    replaced(escalate, state, r, left=10, others=0)
    braked(escalate.json(), 10, 10)
    proxy.on_command = lambda _, words: "cut-before" if b"coordkeep:roster" in words and \
        words[0].upper() == b"EVALSHA" else None
    assert escalate.json("--override-brake").exit == 69
    proxy.on_command = None
    braked(escalate.json(), 10, 10)
    assert escalate.json("--override-brake").count("retired") == 10


def test_what_was_handed_on_before_is_not_about_the_brake(escalate, state, r):
    history(escalate, state, r)
    state.roster("old", "escalated", first=60 * MINUTE, life=30 * MINUTE, seen=30 * MINUTE,
                 since=20 * MINUTE)
    for i in range(10):
        r.delete(f"blocking:heartbeat:c{i}")
    braked(escalate.json(), 10, 10)
    rows = {line.split()[-1]: line.split()[0]
            for line in escalate.run("--list").stdout.splitlines() if line.split()}
    assert rows["old"] == "escalated" and rows["c1"] == "braked", rows


def test_evicted(server, escalate, state, r):
    """Heartbeats are gone, and evicted_keys rose."""
    history(escalate, state, r)
    r.config_set("maxmemory-policy", "volatile-ttl")
    r.set("coordinator:filler", "x", ex=1)
    used = r.info("memory")["used_memory"]
    for i in range(2000):
        r.set(f"filler:{i}", "x" * 1000, ex=50)
    r.config_set("maxmemory", used + 500_000)
    for i in range(3000):
        r.set(f"more:{i}", "x" * 1000, ex=40)
    assert r.info("stats")["evicted_keys"] > 0
    r.config_set("maxmemory", 0)
    for i in range(10):
        state.heartbeat(f"c{i}", n=3)
    r.delete("blocking:heartbeat:c1")
    braked(escalate.json(), 1, 10)
    state.heartbeat("c1", n=4)
    assert escalate.json().exit == 0


def test_activity_is_no_heartbeat_for_the_brake(escalate, state, r):
    history(escalate, state, r)
    for i in range(10):
        r.delete(f"blocking:heartbeat:c{i}")
        r.set(f"coordinator:activity:c{i}", json.dumps({"lastActivity": 1}))
    braked(escalate.json(), 10, 10)


def test_a_half_done_escalation_waits_for_the_brake(escalate, state, r):
    history(escalate, state, r)
    for i in range(10):
        r.delete(f"blocking:heartbeat:c{i}")
    state.silent("dead", ago=30 * MINUTE)
    work = state.work("dead", "w")
    r.set("coordinator:escalation:dead", json.dumps(
        {"status": "in_progress", "incarnation": 5, "newCoordinatorId": "r-new",
         "timestamp": state.now(), "swarmId": "s"}), ex=3600)
    braked(escalate.json(), 10, 10)
    assert r.exists(work)
    beat(state, 10, 3)
    assert escalate.json().exit == 0
    assert set(state.spawns()) == {"r-new"} and not r.exists(work)


def test_the_server_changes_in_mid_pass(server, job, proxy, state, r):
    """It fails over while the keyspace is walked: the pass begins again on the new one."""
    escalate = job("escalate-dead", QUICK, url=proxy.url)
    beat(state, 10, 1)
    assert escalate.json().exit == 0
    reached, go_on = threading.Event(), threading.Event()

    def command(_, words):
        if words[0].upper() == b"SCAN" and not reached.is_set():
            reached.set()
            go_on.wait(60)
            return "cut-before"
        return None

    proxy.on_command = command
    run = escalate.start("--format", "json")
    assert reached.wait(60)
    server.restart()
    beat(State(server.client()), 10, 2)
    go_on.set()
    done = run.wait().parse()
    assert done.exit == 0, done
    assert "starting again" in done.stderr and done.count("coordinators-alive") == 10
