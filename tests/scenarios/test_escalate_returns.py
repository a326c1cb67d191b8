"""escalate-dead: one that was handed on, came back, and goes on living, or dies again."""

import json

import pytest

from escalating import MINUTE, to_the_end
from harness import differences, snapshot

ROSTER = "coordkeep:roster"
TIMES = (1, 2, 4, 6, 8, 9, 10)


def later(r, ms, ident):
    """As if what is known of it had been ms earlier."""
    words = r.hget(ROSTER, ident).decode().split()
    for i in TIMES:
        words[i] = str(max(int(words[i]) - ms, 0))
    r.hset(ROSTER, ident, " ".join(words))
    key = f"coordinator:escalation:{ident}"
    record = json.loads(r.get(key))
    record["timestamp"] -= ms
    r.set(key, json.dumps(record), keepttl=True)


def handed_on(escalate, state, ident):
    state.silent(ident)
    state.work(ident, "w1")
    to_the_end(escalate)
    new, = state.spawns()
    return new


def beats(escalate, state, ident, n):
    state.heartbeat(ident, n=n)
    return escalate.json()


def test_life_removes_its_warning(escalate, state, r):
    """One that was set by hand would be carried out on the day on which its heartbeat is late."""
    handed_on(escalate, state, "b")
    assert "resurrected" in beats(escalate, state, "b", 1).finding_codes()
    r.set("blocking:warning:b", 3, ex=300)
    done = beats(escalate, state, "b", 2)
    assert not r.exists("blocking:warning:b") and done.count("recovered") == 1, done
    late = state.work("b", "w2")
    r.delete("blocking:heartbeat:b")
    later(r, 1000, "b")
    done = escalate.json()
    assert done.count("escalated") == 0 and len(state.spawns()) == 1 and r.exists(late), done


def test_life_ends_its_count(escalate, state, r):
    handed_on(escalate, state, "b")
    beats(escalate, state, "b", 1)
    r.delete("blocking:heartbeat:b")
    later(r, 5 * MINUTE, "b")
    for count in (1, 2):
        escalate.json()
        assert r.get("blocking:warning:b") == b"%d" % count and state.state("b") == "suspect"
    done = beats(escalate, state, "b", 2)
    assert done.count("recovered") == 1 and not r.exists("blocking:warning:b"), done
    assert beats(escalate, state, "b", 3).count("recovered") == 0
    r.delete("blocking:heartbeat:b")
    later(r, 5 * MINUTE, "b")
    done = escalate.json()
    assert done.count("escalated") == 0 and r.get("blocking:warning:b") == b"1", done


@pytest.mark.parametrize("lives", [1, 2])
def test_its_second_death_has_a_replacement_of_its_own(escalate, state, r, lives):
    """Also where a run saw it beat once only before it died."""
    first = handed_on(escalate, state, "b")
    beats(escalate, state, "b", 1)
    for n in range(lives):
        r.delete("blocking:heartbeat:b")
        later(r, 5 * MINUTE, "b")
        assert escalate.json().count("warnings") == 1
        assert beats(escalate, state, "b", 2 + n).count("recovered") == 1
    state.work("b", "w2")
    r.delete("blocking:heartbeat:b")
    later(r, 5 * MINUTE, "b")
    to_the_end(escalate)
    second, = set(state.spawns()) - {first}
    assert set(state.works()) == {f"coordinator:work:s:{first}:w1", f"coordinator:work:s:{second}:w2"}
    assert state.record("b")["newCoordinatorId"] == second
    assert escalate.json().exit == 0 and len(state.spawns()) == 2


@pytest.mark.parametrize("seen", ["activity", "activity, by a run", "heartbeat, by a run"])
def test_cancel_takes_nothing_from_a_replacement_that_has_begun(escalate, state, r, seen):
    new = handed_on(escalate, state, "b")
    if "activity" in seen:
        r.set(f"coordinator:activity:{new}", json.dumps({"lastActivity": state.now()}), ex=600)
    else:
        state.heartbeat(new)
    if "by a run" in seen:
        escalate.json()
        assert state.state(new) == "known"
        r.delete(f"blocking:heartbeat:{new}", f"coordinator:activity:{new}")
    before = snapshot(r)
    done = escalate.json("--cancel", "b")
    assert done.exit == 2 and done.finding_codes() == ["cancel-too-late"], done
    assert differences(before, snapshot(r)) == []
