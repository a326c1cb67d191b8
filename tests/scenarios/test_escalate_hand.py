"""escalate-dead: what people and other processes leave behind: warnings, records, requests."""

import json

import pytest

from escalating import MINUTE, QUICK, to_the_end
from harness import differences, snapshot


def by_hand(r, ident):
    r.set(f"blocking:warning:{ident}", 3, ex=300)


# Warnings

def test_by_hand_one_that_left_with_work(escalate, state, r):
    state.roster("a", "retired", first=60 * MINUTE, life=50 * MINUTE, seen=50 * MINUTE)
    key = state.work("a", "w")
    by_hand(r, "a")
    done = escalate.json()
    assert done.exit == 0 and done.count("escalated") == 1, done
    assert not r.exists(key) and len(state.spawns()) == 1 and not r.exists("blocking:warning:a")


def test_by_hand_one_that_was_handed_on(escalate, state, r):
    state.silent("a")
    state.work("a", "w")
    to_the_end(escalate)
    by_hand(r, "a")
    done = escalate.json()
    assert done.exit == 1 and done.finding_codes() == ["handed-on-already"], done
    assert next(iter(state.spawns())) in done.findings()[0]["text"]
    state.work("a", "late")
    done = escalate.json()
    assert done.exit == 1 and done.finding_codes() == ["late-work"], done
    assert "by hand" in done.findings()[0]["text"] and "--force" in done.findings()[0]["text"]
    assert len(state.spawns()) == 1


@pytest.mark.parametrize("changes", [True, False])
def test_by_hand_the_living(escalate, state, r, changes):
    """A warning is not kept for the day on which its heartbeat is late."""
    state.alive("a")
    assert escalate.json().exit == 0
    by_hand(r, "a")
    if changes:
        state.heartbeat("a", n=2)
    before = snapshot(r, without=())
    done = escalate.json("-n")
    assert [a["action"] for a in done.actions()] == ["recover"], done
    assert "would be removed" in done.actions()[0]["text"]
    assert differences(before, snapshot(r, without=())) == []
    done = escalate.json()
    assert done.exit == 0 and "its warning is removed" in done.actions()[0]["text"], done
    assert not r.exists("blocking:warning:a")
    assert escalate.json().actions() == []


def test_a_warning_that_is_raised_meanwhile_stays(job, proxy, state, r):
    escalate = job("escalate-dead", QUICK, url=proxy.url)
    state.alive("a")
    r.set("blocking:warning:a", 1, ex=300)

    def change(_, words):
        if words[0].upper() == b"EVALSHA" and b"blocking:warning:a" in words:
            r.set("blocking:warning:a", 2, ex=300)

    proxy.on_command = change
    done = escalate.json()
    assert "changed and stays" in done.actions()[0]["text"], done
    assert r.get("blocking:warning:a") == b"2"


# Records of other processes

@pytest.mark.parametrize("how", ["suspect", "escalated", "retired"])
def test_a_record_that_names_one_that_is_gone(escalate, state, r, how):
    if how == "suspect":
        state.silent("other")
    else:
        state.roster("other", how, first=60 * MINUTE, life=50 * MINUTE, seen=50 * MINUTE)
    state.silent("dead")
    key = state.work("dead", "w")
    by_hand(r, "dead")
    r.set("coordinator:escalation:dead",
          json.dumps({"status": "pending", "newCoordinatorId": "other"}), ex=3600)
    record = r.get("coordinator:escalation:dead")
    done = escalate.json()
    assert done.exit == 1 and done.finding_codes() == ["replacement-dead"], done
    assert "other" in done.findings()[0]["text"]
    assert r.exists(key) and r.get("coordinator:escalation:dead") == record
    assert not state.spawns()
    r.delete("coordinator:escalation:dead")
    assert escalate.json().count("escalated") >= 1 and not r.exists(key)


def test_two_records_that_name_each_other(escalate, state, r):
    for one, other in (("a", "b"), ("b", "a")):
        state.silent(one)
        state.work(one, "w")
        by_hand(r, one)
        r.set(f"coordinator:escalation:{one}",
              json.dumps({"status": "pending", "newCoordinatorId": other}), ex=3600)
    before = state.works()
    done = escalate.json()
    assert done.exit == 1 and set(done.finding_codes()) == {"replacement-dead"}, done
    assert state.works() == before


def test_a_request_that_is_none(escalate, state, r):
    """Under the name of the request stands something else: nobody would come."""
    state.silent("dead")
    key = state.work("dead", "w")
    by_hand(r, "dead")
    r.set("coordinator:escalation:dead",
          json.dumps({"status": "pending", "newCoordinatorId": "new"}), ex=3600)
    r.rpush("coordinator:spawn:new", "x")
    for _ in range(2):
        done = escalate.json()
        assert done.exit == 1 and done.finding_codes() == ["spawn-unreadable"], done
        assert state.record("dead")["status"] == "in_progress"
        assert r.exists(key) and not r.exists("coordinator:work:s:new:w")
    r.delete("coordinator:spawn:new")
    assert escalate.json().exit == 0
    assert set(state.spawns()) == {"new"} and state.record("dead")["status"] == "complete"


# --cancel

@pytest.mark.parametrize("when", ["before", "between"])
def test_cancel_takes_nothing_from_one_that_runs(job, proxy, state, r, when):
    escalate = job("escalate-dead", QUICK, url=proxy.url)
    state.silent("a")
    state.work("a", "w")
    to_the_end(escalate)
    new = next(iter(state.spawns()))
    if when == "before":
        state.heartbeat(new)
    before = state.works()

    def start(_, words):
        if words[0].upper() == b"EVALSHA" and b"coordinator:escalation:a" in words:
            state.heartbeat(new)

    proxy.on_command = start
    for line in (("-n",), ()) if when == "before" else ((),):
        done = escalate.json("--cancel", "a", *line)
        assert done.exit == 2 and done.finding_codes() == ["cancel-too-late"], done
        assert new in done.findings()[0]["text"] and "runs already" in done.findings()[0]["text"]
    assert state.works() == before and set(state.spawns()) == {new}
    assert state.record("a")["status"] == "complete" and not r.exists("coordkeep:hold")


# The roster

def test_a_time_in_the_roster_that_has_not_come(escalate, state, r):
    """Against it nobody is ever silent: that is said."""
    state.roster("a", first=60 * MINUTE, life=-60 * MINUTE, seen=5 * MINUTE)
    state.roster("b", first=60 * MINUTE, life=-MINUTE // 2, seen=5 * MINUTE)
    key = state.work("a", "w")
    done = escalate.json()
    assert done.exit == 1 and done.finding_codes() == ["roster-ahead"], done
    assert "59m" in done.findings()[0]["text"] or "1h" in done.findings()[0]["text"], done
    r.hdel("coordkeep:roster", "a")
    assert escalate.json().exit == 0 and r.exists(key)
    # a sign of life is as good as any
    state.roster("c", first=60 * MINUTE, life=-60 * MINUTE, seen=5 * MINUTE, heartbeat=b"before")
    state.heartbeat("c")
    assert "roster-ahead" not in escalate.json().finding_codes()


def finished(state, ident, ago, **more):
    """As another process leaves it."""
    state.r.set(f"coordinator:escalation:{ident}", json.dumps(
        {"deadCoordinatorId": ident, "newCoordinatorId": "theirs", "swarmId": "s",
         "status": "complete", "timestamp": state.now() - ago, **more}), ex=3600)


@pytest.mark.parametrize("lived", [True, False])
def test_a_finished_record_and_a_heartbeat_that_one_run_sees(escalate, state, r, lived):
    """It was written after the record: the next death is another one. Else it is what is left."""
    finished(state, "a", ago=30 * MINUTE if lived else 0)
    state.heartbeat("a", age=1000)
    key = state.work("a", "w")
    state.alive("theirs")
    done = escalate.json()
    assert done.finding_codes() == ["resurrected"], done
    r.delete("blocking:heartbeat:a")
    entry = state.entry("a")
    entry[1:3] = [int(entry[1]) - 5 * MINUTE, int(entry[2]) - 5 * MINUTE]
    for i in (6, 8, 9, 10):
        entry[i] = max(0, int(entry[i]) - 5 * MINUTE)
    r.hset("coordkeep:roster", "a", " ".join(map(str, entry)))
    state.alive("theirs")
    if not lived:
        assert escalate.json().finding_codes() == ["late-work"]
        assert r.exists(key)
        return
    for n in range(3):
        done = escalate.json()
        assert done.exit == 0, done
    assert done.count("escalated") == 1 and not r.exists(key)
    assert "theirs" not in state.spawns() and len(state.spawns()) == 1


@pytest.mark.parametrize("wrong", [
    {"timestamp": 1}, {"newCoordinatorId": "a"}, {"newCoordinatorId": ""},
    {"deadCoordinatorId": "b"}], ids=lambda w: next(iter(w)) + str(next(iter(w.values()))))
def test_a_finished_record_that_is_not_believed(escalate, state, r, wrong):
    state.silent("a")
    key = state.work("a", "w")
    finished(state, "a", ago=MINUTE, **wrong)
    record = r.get("coordinator:escalation:a")
    by_hand(r, "a")
    for _ in range(2):
        done = escalate.json()
        assert done.exit == 1 and done.finding_codes() == ["escalation-unreadable"], done
    assert r.get("coordinator:escalation:a") == record and not state.spawns()
    r.delete("coordinator:escalation:a")
    assert escalate.json().count("escalated") == 1 and not r.exists(key)
