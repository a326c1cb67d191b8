"""escalate-dead: what it says is so, of oddities too."""

import json

import pytest

from escalating import MINUTE, QUICK, to_the_end


def verdict(escalate, ident):
    """The first line of --explain, and the words of the row in --list."""
    first = escalate.run("--explain", ident).stdout.splitlines()[0]
    rows = [line.split() for line in escalate.run("--list").stdout.splitlines()]
    return first, next((row[:2] for row in rows if row[-1:] == [ident]), None)


def test_a_warning_that_is_no_count(escalate, state, r):
    state.silent("a")
    r.set("blocking:warning:a", "many")
    done = escalate.run()
    assert done.exit == 1 and "5m, its warning is no count, 0 work items" in done.stdout, done
    assert "warning -1" not in done.stdout and "warning -1" not in done.stderr, done


def test_nobody_is_not_alive(escalate, state, r):
    first, row = verdict(escalate, "nobody")
    assert first == "nobody: unknown (nothing that this job looks at speaks of it)" and row is None


@pytest.mark.parametrize("lived", [True, False])
@pytest.mark.parametrize("how", ["retired", "escalated"])
def test_who_is_gone_is_not_alive(escalate, state, r, how, lived):
    state.roster("a", how, first=5000, life=5000 if lived else None, seen=5000, since=1000)
    first, row = verdict(escalate, "a")
    assert first.startswith(f"a: {how} (") and "alive" not in first and row == [how, "-"], first


def test_who_is_awaited_is_not_alive(escalate, state, r):
    state.silent("a")
    to_the_end(escalate)
    new = next(iter(state.spawns()))
    first, row = verdict(escalate, new)
    assert first == f"{new}: awaited (asked for, and not seen yet)" and row == ["awaited", "-"]


def test_why_one_that_beats_was_handed_on(escalate, state, r):
    """Twice --force: its heartbeat was not stale."""
    state.alive("a")
    assert escalate.json("--coordinator", "a", "--force", "--force").exit == 0
    reason = state.record("a")["reason"]
    assert reason.startswith("heartbeat there, ") and "by hand" in reason, reason


def test_force_on_one_leaves_the_hold_of_another(escalate, state, r):
    state.silent("a")
    state.silent("b")
    state.alive("living")
    r.hset("coordkeep:hold", mapping={i: state.now() + 60 * MINUTE for i in "ab"})
    done = escalate.run("--coordinator", "a", "--force")
    assert done.exit == 0 and "0 suspects, 1 handed on" in done.stdout, done
    assert "b" not in [line.split(":")[0].strip() for line in done.stdout.splitlines()], done
    # without --coordinator it overrides all
    assert "1 suspect," in escalate.run("--force").stdout


def test_an_adopted_replacement_is_asked_for_now(escalate, state, r):
    """Not when the record of the other process was first seen."""
    state.silent("a")
    state.roster("theirs", "awaited", first=60 * MINUTE, since=60 * MINUTE)
    r.set("coordinator:escalation:a", json.dumps(
        {"status": "pending", "newCoordinatorId": "theirs", "timestamp": state.now()}), ex=3600)
    r.set("blocking:warning:a", 3, ex=300)
    state.work("a", "w")
    escalate.json()
    assert set(state.spawns()) == {"theirs"}
    done = escalate.json()
    assert done.exit == 0 and done.findings() == [], done


def test_cancel_says_where_the_work_went(escalate, state, r):
    state.silent("a")
    state.work("a", "w")
    to_the_end(escalate)
    first = next(iter(state.spawns()))
    assert escalate.json("--coordinator", first, "--force").exit == 0
    second, = state.spawns()
    done = escalate.json("--cancel", "a")
    assert done.exit == 2 and f"handed on itself, to {second}" in done.findings()[0]["text"], done
    # something odd in the way of saying so takes nothing from it
    r.delete(f"coordinator:escalation:{first}")
    r.rpush(f"coordinator:escalation:{first}", "x")
    done = escalate.json("--cancel", "a")
    assert done.exit == 2 and done.finding_codes() == ["cancel-too-late"], done


def test_a_rhythm_of_another_type(escalate, state, r):
    """It says how far apart the runs are, and nothing else: the run goes on."""
    r.set("coordkeep:escalate-dead", "x")
    state.silent("a")
    key = state.work("a", "w")
    for _ in range(3):
        done = escalate.json()
        assert done.exit == 1 and done.finding_codes() == ["rhythm-unreadable"], done
        assert "no hash (it is of type string)" in done.findings()[0]["text"]
    assert not r.exists(key) and len(state.spawns()) == 1
    assert escalate.json().exit == 1 and r.get("coordkeep:escalate-dead") == b"x"
    r.delete("coordkeep:escalate-dead")
    assert escalate.json().exit == 0


def test_a_baseline_of_another_type(escalate, state, r):
    """Without it nobody can tell whether many vanished at once: the run ends, and says why."""
    r.rpush("coordkeep:baseline", "x")
    state.silent("a")
    done = escalate.json()
    assert done.exit == 2 and "coordkeep:baseline is no string (it is of type list)" in done.stderr
    assert "WRONGTYPE" not in done.stderr and "RENAME" in done.stderr
    r.delete("coordkeep:baseline")
    assert escalate.json().exit == 0


def test_one_that_died_idle_is_not_said_to_have_left(escalate, state):
    idle = {"escalate-dead": {"escalate_idle": "no", "warning_interval": "0s"}}
    state.silent("b")
    for _ in range(2):
        escalate.run(config=idle)
    done = escalate.run(config=idle)
    assert done.exit == 0 and "b: dead, silent for 5m, and it owned no work: retired" in done.stdout
    assert "died when it owned no work" in escalate.run("--explain", "b").stdout
    state.work("b", "late")
    told = escalate.json(config=idle).findings()
    assert [f["code"] for f in told] == ["left-with-work"] and "died when" in told[0]["text"], told


def test_one_that_left_is_told_of_in_the_past_tense(escalate, state):
    state.roster("b", first=60 * MINUTE, life=20_000, seen=20_000, expiry=-70_000, heartbeat=b"x")
    done = escalate.run()
    assert done.exit == 0 and "b: retired (a clean shutdown)" in done.stdout, done
    assert "it shut down cleanly" in escalate.run("--explain", "b").stdout


def test_a_force_that_cannot_be_obeyed_is_a_refusal(escalate, state, r):
    state.silent("b")
    state.work("b", "w")
    r.set("coordinator:escalation:b", "garbage")
    done = escalate.run("--coordinator", "b", "--force")
    assert done.exit == 2 and "b: not handed on" in done.stdout, done
    assert "nothing to do" not in done.stdout


def test_one_that_came_back_in_the_middle_is_told_of(job, proxy, state, r):
    state.silent("b")
    key = state.work("b", "w")
    escalate = job("escalate-dead", QUICK, url=proxy.url)
    to_the_end(escalate, 2)
    back = []

    def beat(_, words):
        if words[0].upper() == b"EVALSHA" and len(words) == 17 and not back:
            back.append(1)
            state.heartbeat("b")

    proxy.on_command = beat
    done = escalate.run()
    assert back and done.exit == 0 and r.exists(key) and not state.spawns(), done
    assert "b: shows life: its work is its own again" in done.stdout, done
