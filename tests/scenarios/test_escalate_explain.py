"""escalate-dead --explain and --list: what they promise is what a run does."""

import json
import time

import pytest

from escalating import MINUTE, to_the_end


def explained(escalate, ident):
    """The JSON's object, and the text."""
    done = escalate.json("--explain", ident)
    assert done.exit == 0, done
    return done.json["escalate_dead"], escalate.run("--explain", ident).stdout


def date(ms):
    return time.strftime("%Y-%m-%dT%H:%M", time.gmtime(ms // 1000))


def test_an_unreadable_record_is_in_the_way(escalate, state, r):
    state.silent("a")
    state.work("a", "w")
    r.set("blocking:warning:a", 3, ex=300)
    r.set("coordinator:escalation:a", "not json", ex=300)
    told, _ = explained(escalate, "a")
    assert "not while its escalation record cannot be read" in told["next"]["escalate_dead"]
    assert " to r-" not in told["next"]["escalate_dead"]
    assert escalate.json().finding_codes() == ["escalation-unreadable"]


@pytest.mark.parametrize("gone", [False, True])
def test_whom_the_record_of_another_process_names(escalate, state, r, gone):
    state.silent("a")
    if gone:
        state.silent("theirs")
    r.set("blocking:warning:a", 3, ex=300)
    r.set("coordinator:escalation:a", '{"status":"pending","newCoordinatorId":"theirs"}')
    told, _ = explained(escalate, "a")
    words = told["next"]["escalate_dead"]
    assert "theirs" in words and " to r-" not in words
    assert ("which is gone itself" in words) == gone
    done = escalate.json()
    assert done.exit == int(gone) and ("theirs" in state.spawns()) != gone, done


@pytest.mark.parametrize("end", [True, False])
def test_a_pause(escalate, state, r, end):
    state.silent("a")
    escalate.json()
    ends = state.now() + 7 * MINUTE
    r.set("coordkeep:pause", "repairs", px=7 * MINUTE if end else None)
    told, text = explained(escalate, "a")
    says = f"nothing happens until the pause ends ({date(ends) if end else 'with --resume'}"
    assert told["paused"] and "\nPause" in text and text.count(says) == 3, text
    assert all(v.startswith(says) for v in told["next"].values())
    listed = escalate.run("--list").stdout
    assert says in listed, listed
    assert escalate.json().exit == 75


def test_a_hold(escalate, state, r):
    state.alive("a")
    state.work("a", "w")
    until = state.now() + 90 * MINUTE
    r.hset("coordkeep:hold", "a", until)
    told, text = explained(escalate, "a")
    assert told["hold_until"] == until and told["work"] == 1
    assert "owns 1 work item" in text and "on hold, until in 1h" in text and date(until) in text
    assert date(until) in told["next"]["escalate_dead"]


def test_a_hold_that_is_no_time(escalate, state, r):
    """Somebody meant something by it: the jobs keep off, and a person is told on each run."""
    state.silent("a")
    r.hset("coordkeep:hold", "a", "24h")
    told, text = explained(escalate, "a")
    assert told["hold"] and "hold_until" not in told
    assert text.count("without an end") == 2 and "@" not in text, text
    for _ in range(2):
        done = escalate.json()
        assert done.exit == 1 and done.finding_codes() == ["hold-unreadable"], done
        assert done.findings()[0]["key"] == "a"
    assert done.count("suspects") == 0 and escalate.json("-n").exit == 1


def test_the_living_own_work_too(escalate, state, r):
    state.alive("a")
    state.work("a", "w")
    assert "owns 1 work item" in explained(escalate, "a")[1]
    row = next(x for x in escalate.run("--list").stdout.splitlines() if x.endswith(" a"))
    assert row.split()[5] == "-", row


def test_taken_back_by_hand(escalate, state, r):
    state.silent("a")
    state.work("a", "w")
    to_the_end(escalate)
    done = escalate.json("--cancel", "a")
    assert done.exit == 0 and done.json["escalate_dead"]["cancelled"] is True, done
    assert done.json["escalate_dead"]["id"] == "a"
    assert "escalation" not in done.json["escalate_dead"]
    told, text = explained(escalate, "a")
    assert text.startswith("a: hold (taken back by hand)"), text
    assert "shown life" not in text and "last sign of life" not in text, text
    assert "taken back by hand" in told["evidence"]["row"] and "owns 1 work item" in text
    assert "\nHold       on hold, until in 23h" in text
    row = next(x for x in escalate.run("--list").stdout.splitlines() if x.endswith(" a"))
    assert "taken back" in row and "alive" not in row
    # and when it does live, that is said
    state.heartbeat("a")
    escalate.json()
    assert "taken back" not in explained(escalate, "a")[1]


def test_reaping_is_not_promised_for_the_past(escalate, state, r):
    state.roster("old", "retired", first=60 * MINUTE, life=50 * MINUTE, seen=50 * MINUTE)
    state.roster("new", "retired", first=60 * MINUTE, since=MINUTE, life=2 * MINUTE,
                 seen=2 * MINUTE)
    assert explained(escalate, "old")[0]["next"]["reap_stale"].endswith("at its next run")
    assert "from 20" in explained(escalate, "new")[0]["next"]["reap_stale"]


def test_a_warning_that_is_no_count(escalate, state, r):
    state.silent("a")
    r.set("blocking:warning:a", "many")
    text = explained(escalate, "a")[1]
    assert "a warning that is no count" in text and "warnings -1" not in text


@pytest.mark.parametrize("record, says, not_", [
    ({"status": "complete"}, "its work was handed on, and it is alive", "handed on to"),
    ({"status": "complete", "newCoordinatorId": "n"}, "handed on to n, and it is alive", "begun"),
    ({"status": "pending", "newCoordinatorId": "n"}, "has begun to hand it on to n", "was handed"),
])
def test_another_processes_record_of_a_living_one(escalate, state, r, record, says, not_):
    state.alive("a")
    r.set("coordinator:escalation:a", json.dumps(record))
    done = escalate.json()
    assert done.finding_codes() == ["resurrected"], done
    assert says in done.findings()[0]["text"] and not_ not in done.findings()[0]["text"]


def test_what_is_refused_does_not_go_on(escalate, state, r):
    state.alive("a")
    for ident in ("a", "typo"):
        done = escalate.run("--coordinator", ident, "--force")
        assert done.exit == 2 and "next one goes on" not in done.stdout, done
