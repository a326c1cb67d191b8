"""Real coordinators that crash, hang, restart and have wrong clocks, and escalate-dead on a cadence."""

import json
import time

import pytest

from harness import wait_for

DEAD_AFTER = 5.0
FAST = {"escalate-dead": {"dead_after": "5s", "warning_interval": "0s", "spawn_timeout": "2s"},
        "liveness": {"confirm": "500ms", "heartbeat_ttl_max": "5s"}}
BEAT = {"interval": 0.2, "ttl": 3, "swarm": "s"}


class Cadence:
    """Runs one after another, and what each of them did."""

    def __init__(self, job, r):
        self.job, self.r = job, r
        self.runs = []   # (began, ended, warned ids, escalated ids)

    def run(self):
        began = time.monotonic()
        done = self.job.json()
        warned = [a["key"] for a in done.actions("warn")]
        escalated = [a["key"] for a in done.actions("escalate")]
        self.runs.append((began, time.monotonic(), warned, escalated))
        return done

    def until(self, condition, what, timeout=60):
        end = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < end, f"waited for {what}; {self.runs[-3:]}"
            done = self.run()
        return done


def test_kill_9(fleet, job, state, r):
    """The first warning within dead_after and a run, the work handed on at the third, and the
    replacement takes it up."""
    other = fleet.start("other", **BEAT)
    dying = fleet.start("dying", work=["w1", "w2"], **BEAT)
    c = Cadence(job("escalate-dead", FAST), r)
    for _ in range(3):
        assert c.run().exit == 0
        dying.wait_for_beats(2)
    c.run()
    last_seen_alive = c.runs[-1][0]
    before = len(c.runs)
    dying.crash()
    killed = time.monotonic()
    c.until(lambda: state.spawns(), "a spawn request")
    after = c.runs[before:]
    warnings = [i for i, x in enumerate(after) if "dying" in x[2]]
    first = after[warnings[0]]
    # not before the threshold, counted from the last time that it was known to live
    assert first[1] - last_seen_alive > DEAD_AFTER
    # no run that began after threshold and a run had gone by without a warning
    previous = after[warnings[0] - 1]
    gap = max(b[1] - a[0] for a, b in zip(after, after[1:]))
    assert previous[0] - killed < DEAD_AFTER + gap + 0.5
    escalated = [i for i, x in enumerate(after) if "dying" in x[3]]
    assert warnings == [warnings[0], warnings[0] + 1, warnings[0] + 2]
    assert escalated == [warnings[2]]
    assert not any("other" in x[2] or "other" in x[3] for x in c.runs)

    new = next(iter(state.spawns()))
    replacement = fleet.start(new, **BEAT)
    r.delete(f"coordinator:spawn:{new}")
    wait_for(lambda: sorted(replacement.status().get("work", [])) == ["w1", "w2"],
             what="the replacement takes the work up")
    assert {k: json.loads(v)["data"]["big"] for k, v in state.works().items()} == {
        f"coordinator:work:s:{new}:w1": 9007199254740993,
        f"coordinator:work:s:{new}:w2": 9007199254740993}
    for _ in range(3):
        assert c.run().exit == 0
    assert state.state(new) == "known" and other.running() and not state.spawns()

    # the replacement dies as well
    replacement.crash()
    c.until(lambda: state.spawns(), "a second spawn request")
    assert list(state.spawns()) != [new] and len(state.works()) == 2


def test_hung_for_less_than_the_limit(fleet, job, state, r):
    config = {**FAST, "escalate-dead": {**FAST["escalate-dead"], "dead_after": "20s"}}
    hung = fleet.start("hung", work=["w"], **{**BEAT, "ttl": 1})
    c = Cadence(job("escalate-dead", config), r)
    for _ in range(2):
        c.run()
        hung.wait_for_beats(2)
    hung.hang()
    c.until(lambda: not r.exists("blocking:heartbeat:hung"), "its heartbeat expires")
    for _ in range(5):
        assert c.run().exit == 0
    hung.wake()
    hung.wait_for_beats(2)
    assert c.run().exit == 0
    assert not any(x[2] or x[3] for x in c.runs)


def test_restarts_under_its_own_id(fleet, job, state, r):
    a = fleet.start("a", work=["w"], **BEAT)
    c = Cadence(job("escalate-dead", FAST), r)
    c.run()
    a.wait_for_beats(2)
    c.run()
    for _ in range(3):
        a.crash()
        c.until(lambda: r.get("blocking:warning:a"), "a warning")
        assert not state.spawns()
        a.run()
        done = c.run()
        assert done.count("recovered") == 1 or c.run().count("recovered") == 1, done
        assert not r.exists("blocking:warning:a")
    assert not any(x[3] for x in c.runs) and len(state.works()) == 1


@pytest.mark.parametrize("offset", [-3_600_000, 3_600_000])
@pytest.mark.parametrize("ttl", [3, 0])
def test_a_clock_an_hour_off_lives_and_dies(fleet, job, state, r, offset, ttl):
    a = fleet.start("a", work=["w"], **{**BEAT, "ttl": ttl, "offset_ms": offset})
    c = Cadence(job("escalate-dead", FAST), r)
    end = time.monotonic() + DEAD_AFTER + 1
    while time.monotonic() < end:
        assert c.run().exit == 0
        a.wait_for_beats(2)
    c.run()
    assert not any(x[2] or x[3] for x in c.runs), c.runs
    a.crash()
    c.until(lambda: state.spawns(), "a spawn request")
    assert len(state.works()) == 1


def test_a_clean_shutdown(fleet, job, state, r):
    a = fleet.start("a", **{**BEAT, "ttl": 60})
    c = Cadence(job("escalate-dead", {**FAST, "liveness": {"confirm": "500ms"}}), r)
    c.run()
    a.wait_for_beats(2)
    c.run()
    a.shut_down()
    assert c.run().exit == 0
    assert state.state("a") == "retired"
    end = time.monotonic() + DEAD_AFTER + 1
    while time.monotonic() < end:
        assert c.run().exit == 0
    assert not any(x[2] or x[3] for x in c.runs)


def test_it_comes_back_while_its_work_is_moved(fleet, job, proxy, state, r):
    """Not dead after all: it has its work, each item once, and nobody replaces it."""
    items = [f"w{i}" for i in range(60)]
    a = fleet.start("a", work=items, **BEAT)
    wait_for(lambda: len(state.works()) == len(items), what="its work is there")
    c = Cadence(job("escalate-dead", FAST, url=proxy.url), r)
    c.run()
    a.wait_for_beats(2)
    c.run()
    a.hang()
    woken = []

    def command(_, words):
        if words[0].upper() == b"EVALSHA" and len(words) == 17 and not woken:
            woken.append(True)
            a.wake()
            a.wait_for_beats(2)

    proxy.on_command = command
    c.until(lambda: woken, "the move")
    proxy.on_command = None
    for _ in range(2):
        a.wait_for_beats(1)
        assert c.run().exit == 0
    assert sorted(k.rsplit(":", 1)[1] for k in state.works()) == sorted(items)
    assert all(":a:" in k for k in state.works()) and not state.spawns()
