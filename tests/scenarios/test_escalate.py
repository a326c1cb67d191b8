"""escalate-dead: who is dead, who is not, and what is left afterwards."""

import json

import pytest

from escalating import MINUTE, QUICK, successor, to_the_end
from harness import differences, snapshot


def test_three_runs_hand_everything_on(escalate, state, r):
    incarnation = state.silent("dead")
    state.alive("living")
    w1 = state.work("dead", "w1")
    w2 = state.work("dead", "w2", big=9007199254740993)
    mine = state.work("living", "w1")
    before = r.get(mine)
    originals = {k: r.get(k) for k in (w1, w2)}
    for n in (1, 2):
        done = escalate.json()
        assert done.exit == 0, done
        assert r.get("blocking:warning:dead") == b"%d" % n
        assert 290 < r.ttl("blocking:warning:dead") <= 300
        assert state.record("dead") is None and not state.spawns()
        assert state.state("dead") == "suspect"
    done = escalate.json()
    assert done.exit == 0, done
    new = successor("dead", incarnation)
    assert "Dead coordinator detected: dead" in done.stderr
    assert {k: v["status"] for k, v in state.spawns().items()} == {new: "pending"}
    record = state.record("dead")
    assert record["status"] == "complete" and record["newCoordinatorId"] == new
    assert record["workMoved"] == 2 and record["workLeft"] == 0 and record["swarmId"] == "s"
    assert set(state.works()) == {mine, f"coordinator:work:s:{new}:w1",
                                  f"coordinator:work:s:{new}:w2"}
    assert r.get(mine) == before
    for old, original in originals.items():
        moved = json.loads(r.get(old.replace(":dead:", f":{new}:")))
        assert moved.pop("transferredFrom") == "dead"
        assert abs(moved.pop("transferredAt") - state.now()) < 60_000
        expected = json.loads(original)
        expected.update(assignedTo=new, status="transferred")
        assert moved == expected
    assert b"9007199254740993" in r.get(f"coordinator:work:s:{new}:w2")
    assert not r.exists("blocking:warning:dead")
    assert state.state("dead") == "escalated" and state.state(new) == "awaited"
    # and then nothing more
    after = snapshot(r)
    done = escalate.json()
    assert done.exit == 0, done
    assert differences(after, snapshot(r), slack_ms=60_000) == []


def test_the_spawn_request_is_published(escalate, state, r):
    state.silent("dead")
    state.work("dead", "w1", swarm="blue")
    heard = r.pubsub()
    heard.subscribe("swarm:blue:coordinator:dead")
    assert heard.get_message(timeout=10)["type"] == "subscribe"
    to_the_end(escalate)
    message = json.loads(heard.get_message(timeout=10)["data"])
    assert message["action"] == "spawn_replacement" and message["deadCoordinatorId"] == "dead"
    assert message["newCoordinatorId"] in state.spawns()
    assert heard.get_message(timeout=0.1) is None


def test_two_runs_within_the_interval_count_once(job, state, r):
    state.silent("dead")
    careful = job("escalate-dead")
    for _ in range(4):
        assert careful.json().exit == 0
        assert r.get("blocking:warning:dead") == b"1"
    r.pexpire("blocking:warning:dead", 300_000 - 31_000)
    careful.json()
    assert r.get("blocking:warning:dead") == b"2"


def test_a_slow_cadence_cannot_let_the_count_lapse(job, state, r):
    state.silent("dead")
    careful = job("escalate-dead")
    r.hset("coordkeep:escalate-dead", "last", state.now() - 20 * MINUTE)
    work = state.work("dead", "w", ttl=60)
    careful.json()
    assert 79 * 60 < r.ttl("blocking:warning:dead") <= 81 * 60
    assert 79 * 60 < r.ttl(work) <= 81 * 60, "and neither can its work"
    # a run by hand in between changes nothing for the next
    careful.json()
    assert r.get("blocking:warning:dead") == b"1"
    r.hset("coordkeep:escalate-dead", "last", state.now() - 20 * MINUTE)
    r.pexpire("blocking:warning:dead", 60 * MINUTE)
    careful.json()
    assert r.get("blocking:warning:dead") == b"2"


def test_the_guides_manual_way(escalate, state, r):
    """SET blocking:warning:<id> 3, EXPIRE 300, run: escalated at once."""
    r.set("blocking:warning:coord-dead", 3, ex=300)
    work = state.work("coord-dead", "w")
    done = escalate.json()
    assert done.exit == 0, done
    assert "Dead coordinator detected: coord-dead" in done.stderr
    assert state.record("coord-dead")["status"] == "complete"
    assert not r.exists(work) and len(state.works()) == 1
    assert len(state.spawns()) == 1
    escalate.json()
    assert len(state.spawns()) == 1


def test_by_hand_is_not_for_the_living(escalate, state, r):
    state.alive("a")
    r.set("blocking:warning:a", 3, ex=300)
    assert escalate.json().exit == 0
    assert state.record("a") is None


def test_recovered(escalate, state, r):
    state.silent("a")
    escalate.json()
    assert r.get("blocking:warning:a") == b"1" and state.state("a") == "suspect"
    state.heartbeat("a")
    done = escalate.json()
    assert done.exit == 0 and done.count("recovered") == 1, done
    assert not r.exists("blocking:warning:a") and state.state("a") == "known"


def test_a_clean_shutdown_is_retired(escalate, state, r):
    state.roster("a", first=60 * MINUTE, life=MINUTE, seen=MINUTE, expiry=-30_000,
                 heartbeat=b"x")
    done = escalate.json()
    assert done.exit == 0 and done.findings() == [], done
    assert state.state("a") == "retired"
    for _ in range(4):
        assert escalate.json().exit == 0
    assert not state.spawns() and not r.exists("blocking:warning:a")


def test_a_clean_shutdown_with_work_is_a_finding(escalate, state, r):
    state.roster("a", first=60 * MINUTE, life=MINUTE, seen=MINUTE, expiry=-30_000,
                 heartbeat=b"x")
    key = state.work("a", "w", ttl=30)
    for _ in range(2):
        done = escalate.json()
        assert done.exit == 1 and done.finding_codes() == ["left-with-work"], done
    assert r.ttl(key) > 3500
    done = escalate.json("--coordinator", "a", "--force")
    assert done.exit == 0, done
    assert not r.exists(key) and len(state.spawns()) == 1


def test_without_expiry_it_counts_as_a_crash(escalate, state, r):
    state.roster("a", first=60 * MINUTE, life=5 * MINUTE, seen=MINUTE, heartbeat=b"x")
    state.work("a", "w")
    to_the_end(escalate)
    assert len(state.spawns()) == 1


def test_a_stale_heartbeat_without_expiry(escalate, state, r):
    """Met for the first time: known for dead after the second look."""
    state.heartbeat("a", age=10 * MINUTE, ttl=None)
    state.work("a", "w")
    done = escalate.json()
    assert r.get("blocking:warning:a") == b"1", done
    to_the_end(escalate, 2)
    assert len(state.spawns()) == 1 and r.exists("blocking:heartbeat:a")
    assert escalate.json().exit == 0


@pytest.mark.parametrize("offset", [-3_600_000, 3_600_000])
def test_a_clock_that_is_an_hour_off(escalate, state, r, offset):
    state.alive("a", age=-offset)
    state.work("a", "w")
    for i in range(4):
        assert escalate.json().exit == 0
        state.heartbeat("a", age=-offset, n=i)
    assert not r.exists("blocking:warning:a") and not state.spawns()


def test_a_clock_that_ran_ahead_does_not_help_the_dead(escalate, state, r):
    """Its heartbeat says that it is of the future, and has no expiry; it does not change."""
    state.heartbeat("a", age=-3_600_000, ttl=None)
    value = r.get("blocking:heartbeat:a")
    state.roster("a", first=60 * MINUTE, life=5 * MINUTE, seen=MINUTE, heartbeat=value)
    to_the_end(escalate)
    assert len(state.spawns()) == 1


def test_awaited_is_never_escalated(escalate, state, r):
    state.silent("dead")
    state.work("dead", "w")
    to_the_end(escalate)
    new = next(iter(state.spawns()))
    # its replacement does not come: its work is kept, a finding, nothing else
    state.roster(new, "awaited", first=60 * MINUTE, since=60 * MINUTE)
    r.delete(f"coordinator:spawn:{new}")
    r.expire(f"coordinator:work:s:{new}:w", 60)
    for _ in range(5):
        done = escalate.json()
        assert done.finding_codes() == ["replacement-overdue"] and done.exit == 1, done
    assert r.ttl(f"coordinator:work:s:{new}:w") > 3500
    assert not state.spawns() and state.state(new) == "awaited"
    r.set(f"blocking:warning:{new}", 3)
    escalate.json()
    assert state.record(new) is None


def test_awaited_though_the_roster_is_lost(escalate, state, r):
    state.silent("dead")
    state.work("dead", "w")
    to_the_end(escalate)
    new = next(iter(state.spawns()))
    r.delete("coordkeep:roster")
    escalate.json()
    assert state.state(new) == "awaited" and state.state("dead") == "escalated"


def test_resurrected_then_dead_again(escalate, state, r):
    first = state.silent("a")
    state.work("a", "w")
    to_the_end(escalate)
    state.heartbeat("a")
    done = escalate.json()
    assert done.exit == 1 and done.finding_codes() == ["resurrected"], done
    r.delete("blocking:heartbeat:a")
    # it lived after the hand-over, and has been silent for long since
    entry = state.entry("a")
    record = state.record("a")
    record["timestamp"] -= 30 * MINUTE
    r.set("coordinator:escalation:a", json.dumps(record))
    second = state.now() - 10 * MINUTE
    entry[2], entry[5], entry[6] = str(second - MINUTE), "0" * 16, str(second)
    entry[9] = entry[10] = str(second)
    r.hset("coordkeep:roster", "a", " ".join(entry))
    state.work("a", "w2")
    to_the_end(escalate)
    assert set(state.spawns()) == {successor("a", first), successor("a", second)}
    assert state.record("a")["newCoordinatorId"] == successor("a", second)


def test_back_for_good_when_the_record_has_expired(escalate, state, r):
    state.silent("a")
    to_the_end(escalate)
    state.heartbeat("a")
    assert escalate.json().exit == 1
    r.delete("coordinator:escalation:a")
    state.heartbeat("a", n=2)
    assert escalate.json().exit == 0
    assert state.state("a") == "known"


def test_late_work(escalate, state, r):
    state.silent("a")
    state.work("a", "w1")
    to_the_end(escalate)
    late = state.work("a", "w2", ttl=20)
    done = escalate.json()
    assert done.exit == 1 and done.finding_codes() == ["late-work"], done
    assert r.exists(late) and r.ttl(late) > 3500
    r.delete("coordinator:escalation:a")
    assert escalate.json().finding_codes() == ["late-work"]
    done = escalate.json("--coordinator", "a", "--force")
    assert done.exit == 0, done
    # its replacement is asked for still, and gets that, too
    assert not r.exists(late) and len(state.spawns()) == 1 and len(state.works()) == 2
    assert escalate.json().exit == 0


def test_idle(escalate, state, r):
    state.silent("a")
    assert to_the_end(escalate).count("escalated") == 1
    request = next(iter(state.spawns().values()))
    assert request["swarmId"] == "default" and request["replacesCoordinatorId"] == "a"
    assert state.record("a")["workMoved"] == 0


def test_idle_is_not_escalated_if_so_configured(job, state, r):
    quiet = job("escalate-dead", {**QUICK, "escalate-dead": {
        "warning_interval": "0s", "escalate_idle": "no"}})
    state.silent("a")
    state.silent("b")
    state.work("b", "w")
    to_the_end(quiet)
    assert state.state("a") == "retired" and state.record("a") is None
    assert len(state.spawns()) == 1 and state.record("b")["status"] == "complete"


def test_the_hour_of_work_is_kept_while_it_is_judged(escalate, state, r):
    state.silent("a")
    short, long_, none = (state.work("a", "short", ttl=60), state.work("a", "long", ttl=7200),
                          state.work("a", "none", ttl=None))
    done = escalate.json()
    assert done.count("work-ttls-renewed") == 1, done
    assert 3590 < r.ttl(short) <= 3600 and 7100 < r.ttl(long_) <= 7200 and r.ttl(none) == -1


def test_work_is_not_kept_for_ever(escalate, state, r):
    state.silent("a", ago=8 * 24 * 60 * MINUTE)
    r.hset("coordkeep:hold", "a", state.now() + 60 * MINUTE)
    key = state.work("a", "w", ttl=60)
    escalate.json()
    assert r.ttl(key) <= 60


def test_late_work_of_an_old_acquaintance_is_kept(escalate, state, r):
    """First seen a month ago and handed on just now: the days before do not count."""
    month = 30 * 24 * 60 * MINUTE
    state.roster("a", "escalated", first=month, since=5 * MINUTE, life=10 * MINUTE,
                 seen=10 * MINUTE)
    state.roster("b", "retired", first=month, since=5 * MINUTE, life=10 * MINUTE,
                 seen=10 * MINUTE)
    keys = [state.work("a", "w", ttl=60), state.work("b", "w", ttl=60)]
    done = escalate.json()
    assert done.finding_codes() == ["late-work", "left-with-work"], done
    assert all(r.ttl(k) > 3500 for k in keys)


def test_it_comes_back_after_its_replacement_was_asked_for(escalate, state, r):
    """A run was cut off between the request and the end: the next one ends it all the same."""
    state.silent("a")
    state.work("a", "w")
    to_the_end(escalate)
    record = state.record("a")
    record["status"] = "spawned"
    r.set("coordinator:escalation:a", json.dumps(record), ex=3600)
    state.heartbeat("a")
    assert escalate.json().exit == 0
    assert state.record("a")["status"] == "complete" and len(state.spawns()) == 1
    state.heartbeat("a", n=2)
    assert escalate.json().finding_codes() == ["resurrected"]


def test_it_comes_back_while_it_is_being_moved(escalate, state, r):
    """The same, but nobody was asked for: its work goes back."""
    incarnation = state.silent("a")
    new = successor("a", incarnation)
    state.work("a", "w1")
    original = r.get(state.work("a", "w2"))
    to_the_end(escalate)
    r.delete(f"coordinator:spawn:{new}")
    record = state.record("a")
    record["status"] = "in_progress"
    r.set("coordinator:escalation:a", json.dumps(record), ex=3600)
    state.heartbeat("a")
    assert escalate.json().exit == 0
    assert set(state.works()) == {"coordinator:work:s:a:w1", "coordinator:work:s:a:w2"}
    assert r.get("coordinator:work:s:a:w2") == original
    assert state.record("a") is None and state.state("a") == "known"
    assert state.entry(new) is None and not state.spawns()


def test_force_alone_overrides_holds(escalate, state, r):
    state.silent("a")
    r.hset("coordkeep:hold", "a", state.now() + 60 * MINUTE)
    assert escalate.json("--force").exit == 0
    assert r.get("blocking:warning:a") == b"1"


def test_hold(escalate, state, r):
    state.silent("a")
    key = state.work("a", "w", ttl=60)
    r.hset("coordkeep:hold", "a", state.now() + 60 * MINUTE)
    to_the_end(escalate, 4)
    assert not r.exists("blocking:warning:a") and not state.spawns()
    assert r.ttl(key) > 3500
    assert escalate.json("--coordinator", "a", "--force").exit == 0
    assert len(state.spawns()) == 1


@pytest.mark.parametrize("value, kind", [
    ("many", "string"), ("-1", "string"), ("1.5", "string"), ("", "string"), (None, "list")])
def test_a_warning_that_is_no_count(escalate, state, r, value, kind):
    state.silent("a")
    if kind == "list":
        r.rpush("blocking:warning:a", "x")
    else:
        r.set("blocking:warning:a", value)
    before = snapshot(r)
    for _ in range(4):
        done = escalate.json()
        assert done.finding_codes() == ["warning-unreadable"] and done.exit == 1, done
    assert differences(before, snapshot(r)) == []


def test_an_unreadable_heartbeat_is_a_finding_only(escalate, state, r):
    r.set("blocking:heartbeat:a", "not json")
    value = r.get("blocking:heartbeat:a")
    state.roster("a", first=60 * MINUTE, life=30 * MINUTE, seen=MINUTE, heartbeat=value)
    state.work("a", "w")
    for _ in range(4):
        done = escalate.json()
        assert done.finding_codes() == ["unreadable"], done
        assert "Heartbeat parsing error" in done.stderr
    assert not state.spawns()


def test_nobody(escalate):
    done = escalate.run()
    assert done.exit == 0 and "No coordinators found" in done.stdout, done
    assert "No history yet" in done.stdout


def test_a_first_run_says_when_there_will_be_a_verdict(escalate, state):
    state.work("ghost", "w")
    done = escalate.run()
    assert done.exit == 0 and "there is a verdict from 20" in done.stdout, done
    assert state.state("ghost") == "known"


def test_work_of_somebody_never_seen(escalate, state, r):
    state.work("ghost", "w")
    escalate.json()
    state.roster("ghost", first=3 * MINUTE)
    to_the_end(escalate)
    assert len(state.spawns()) == 1


def test_what_speaks_of_nobody_is_forgotten(escalate, state, r):
    state.roster("ghost", first=3 * MINUTE)
    to_the_end(escalate)
    assert state.entry("ghost") is None and not state.spawns()


def test_reaped_long_ago_is_nobodys_loss(escalate, state, r):
    state.silent("idle")
    state.silent("busy")
    for ident in ("idle", "busy"):
        entry = state.entry(ident)
        entry[3] = "reaped"
        r.hset("coordkeep:roster", ident, " ".join(entry))
    state.work("busy", "w")
    # evidence from before it was reaped is none: silence begins with first sight
    to_the_end(escalate)
    assert [v["replacesCoordinatorId"] for v in state.spawns().values()] == ["busy"]


def test_dry_run_changes_nothing(escalate, state, r):
    state.silent("a")
    state.work("a", "w", ttl=60)
    r.set("blocking:warning:a", 2, ex=100)
    before = snapshot(r, without=())
    done = escalate.json("--dry-run")
    assert done.exit == 0 and done.json["dry_run"], done
    assert {a["action"] for a in done.actions()} >= {"warn", "move", "escalate"}
    assert "Dead coordinator detected: a" in done.stderr
    assert differences(before, snapshot(r, without=()), slack_ms=60_000) == []
    assert r.pttl("blocking:warning:a") <= 100_000


@pytest.mark.parametrize("ident", ["a:b", "a*", "[a]", "a b", "r-1", "x" * 300, "é", "a\\b"])
def test_ids_of_every_kind(escalate, state, r, ident):
    incarnation = state.silent(ident)
    state.alive(ident + "0")
    state.work(ident, "w")
    kept = state.work(ident + "0", "w")
    to_the_end(escalate)
    new = successor(ident, incarnation)
    assert set(state.works()) == {kept.encode().decode("utf-8", "backslashreplace"),
                                  f"coordinator:work:s:{new}:w"}
    assert state.record(ident)["deadCoordinatorId"] == ident


def test_an_id_that_is_not_utf8(escalate, state, r):
    incarnation = state.silent(b"\xff\xfe")
    r.set(b"coordinator:work:s:\xff\xfe:w", "raw", ex=60)
    to_the_end(escalate)
    assert r.get(f"coordinator:work:s:{successor(bytes([255, 254]), incarnation)}:w") == b"raw"
