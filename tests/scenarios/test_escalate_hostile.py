"""escalate-dead beside what should not be there: commands that are refused in the middle of a
script, keys of ours that are gone or of another type, times that cannot be."""

import json

import pytest

from escalating import MINUTE, QUICK, successor

DAY = 24 * 60 * MINUTE


def dying(state, r, ident="d", n=1):
    """Silent, warned to the end, with n items. Its replacement's id."""
    incarnation = state.silent(ident)
    for i in range(n):
        state.work(ident, f"w{i}")
    r.set(f"blocking:warning:{ident}", 3, ex=300)
    return successor(ident, incarnation)


# The scripts

@pytest.mark.parametrize("command", ["del", "set", "hset", "pexpire"])
def test_a_command_that_is_refused_leaves_each_item_once(job, server, state, r, command):
    """A script is not undone: what could be refused is tried before anything is done."""
    new = dying(state, r, n=3)
    before = state.works()
    r.execute_command("ACL", "SETUSER", "lim", "reset", "on", ">pw", "~*", "&*", "+@all",
                      f"-{command}")
    url = server.url.replace("unix://", "unix://lim:pw@")
    limited = job("escalate-dead", QUICK, url=url)
    done = limited.json()
    assert done.exit == 77, done
    assert state.works() == before and not state.spawns()
    r.delete("coordkeep:lease:escalate-dead")
    done = job("escalate-dead", QUICK).json()
    assert done.exit == 0 and done.count("work-moved") == 3, done
    assert len(state.works()) == 3 and set(state.spawns()) == {new}
    # and back again
    moved = state.works()
    r.delete("coordkeep:lease:escalate-dead")
    refused = limited.json("--cancel", "d")
    assert refused.exit == 77, refused
    assert len(state.works()) == 3 and (state.works() == moved or command != "set")
    r.delete("coordkeep:lease:escalate-dead")
    assert job("escalate-dead", QUICK).json("--cancel", "d").exit == 0
    assert state.works() == before and not state.spawns()


def test_originals_that_cannot_be_kept_stop_one_only(escalate, state, r):
    new, other = dying(state, r), dying(state, r, "e")
    key = f"coordkeep:moved:{new}"
    r.set(key, "x")
    for _ in range(2):
        done = escalate.json()
        assert done.exit == 2 and done.count("failed") >= 1, done
        assert r.exists("coordinator:work:s:d:w0")
        assert set(state.spawns()) == {other}
    r.delete(key)
    done = escalate.json()
    assert done.exit == 0 and set(state.spawns()) == {new, other}, done
    assert set(state.works()) == {f"coordinator:work:s:{n}:w0" for n in (new, other)}


@pytest.mark.parametrize("at", [2**62, 2**63 - 1])
def test_an_item_that_expires_in_a_hundred_million_years(escalate, state, r, at):
    new = dying(state, r)
    r.execute_command("PEXPIREAT", "coordinator:work:s:d:w0", at)
    original = r.get("coordinator:work:s:d:w0")
    done = escalate.json()
    assert done.exit == 0 and set(state.spawns()) == {new}, done
    assert r.pttl(f"coordinator:work:s:{new}:w0") > 2**51
    assert escalate.json("--cancel", "d").exit == 0
    assert state.works() == {"coordinator:work:s:d:w0": original}
    assert r.pttl("coordinator:work:s:d:w0") > 2**51


# --cancel

@pytest.mark.parametrize("lost", ["all", "one"])
def test_without_the_originals_nothing_is_taken_back(escalate, state, r, lost):
    new = dying(state, r, n=2)
    assert escalate.json().exit == 0
    if lost == "all":
        r.delete(f"coordkeep:moved:{new}")
    else:
        r.hdel(f"coordkeep:moved:{new}", "j:coordinator:work:s:d:w1")
    before = state.works(), state.spawns(), r.get("coordinator:escalation:d")
    for more in ((), ("-n",)):
        done = escalate.json("--cancel", "d", *more)
        assert done.exit == 2 and "nothing was changed" in done.json["error"], done
        assert f"coordkeep:moved:{new}" in done.json["error"]
        assert (state.works(), state.spawns(), r.get("coordinator:escalation:d")) == before


def test_originals_of_another_type_are_no_reason_to_withdraw(escalate, state, r):
    new = dying(state, r)
    assert escalate.json().exit == 0
    key = f"coordkeep:moved:{new}"
    r.delete(key)
    r.set(key, "x")
    for more in ("-n",), ():
        done = escalate.json("--cancel", "d", *more)
        assert done.exit == 2 and key in done.json["error"], done
        assert set(state.spawns()) == {new}
        assert state.record("d")["status"] == "complete"
    other = dying(state, r, "e")
    assert escalate.json().exit == 0 and other in state.spawns()


def test_what_makes_it_too_late_is_said_without_a_null(escalate, state, r):
    new = dying(state, r)
    assert escalate.json().exit == 0
    request = json.loads(r.get(f"coordinator:spawn:{new}"))
    r.set(f"coordinator:spawn:{new}", json.dumps({**request, "status": "running"}))
    done = escalate.json("--cancel", "d")
    assert done.finding_codes() == ["cancel-too-late"] and "null" not in done.stderr, done
    assert done.findings()[0]["text"].endswith("its spawn request is no longer pending")


def test_what_does_not_go_back_is_in_the_summary(escalate, state, r):
    new = dying(state, r, n=2)
    assert escalate.json().exit == 0
    r.set(f"coordinator:work:s:{new}:w0", "changed", ex=3600)
    done = escalate.run("--cancel", "d")
    assert done.exit == 1 and "but for 1 item that could not go back" in done.stdout, done


def test_of_one_that_is_not_on_record_the_id_is_told(escalate):
    done = escalate.json("--cancel", "nobody")
    assert done.exit == 2 and done.json["error"].startswith("nobody: "), done


def test_an_overdue_replacement_taken_back_is_not_forgotten(escalate, state, r):
    """Its own spawn request went when its work was handed on: nobody will start it now."""
    new = dying(state, r)
    assert escalate.json().exit == 0
    entry = state.entry(new)
    entry[2] = str(state.now() - DAY)
    r.hset("coordkeep:roster", new, " ".join(entry))
    assert escalate.json("--coordinator", new, "--force").exit == 0
    assert new not in state.spawns()
    done = escalate.json("--cancel", new)
    assert done.exit == 1 and done.finding_codes() == ["not-asked-for"], done
    assert r.exists(f"coordinator:work:s:{new}:w0")


# Requests

@pytest.mark.parametrize("value", ["x", "", "{}", "[]",
                                   '{"status":"pending","newCoordinatorId":"another"}'])
def test_what_is_no_request_is_not_taken_for_one(escalate, state, r, value):
    new = dying(state, r)
    before = state.works()
    r.set(f"coordinator:spawn:{new}", value)
    for more in ("-n",), (), ():
        done = escalate.json(*more)
        assert done.exit == 1 and done.finding_codes() == ["spawn-unreadable"], done
        assert state.works() == before
    r.delete(f"coordinator:spawn:{new}")
    assert escalate.json().exit == 0 and set(state.spawns()) == {new}


# Times

def test_a_count_that_lives_longer_than_a_warning_is_counted_on(job, state, r):
    """As after a long gap whose memory is gone: its age cannot be read off its TTL."""
    escalate = job("escalate-dead", {**QUICK, "escalate-dead": {"warning_interval": "1s"}})
    state.silent("d")
    state.work("d", "w")
    r.set("blocking:warning:d", 1, px=DAY)
    done = escalate.json()
    assert done.exit == 0 and r.get("blocking:warning:d") == b"1", done
    assert r.pttl("blocking:warning:d") < 10 * MINUTE
    # an interval later
    r.pexpire("blocking:warning:d", r.pttl("blocking:warning:d") - 1000)
    assert escalate.json().count("warnings") == 1 and r.get("blocking:warning:d") == b"2"


def test_a_heartbeat_that_never_expires_keeps_its_history(escalate, state, r):
    state.heartbeat("d", ttl=None)
    for at in (2**62, 2**63 - 1):
        r.execute_command("PEXPIREAT", "blocking:heartbeat:d", at)
        for _ in range(2):
            done = escalate.json()
            assert done.exit == 0 and "roster-damaged" not in done.stderr, done
    assert state.entry("d")[6] == str(2**53)


@pytest.mark.parametrize("ahead", [4_000, DAY])
def test_a_roster_that_is_ahead_hands_nothing_on_twice(escalate, state, r, ahead):
    """Redis's clock was set back: life of before is none after."""
    state.roster("d", first=60 * MINUTE, life=-ahead, seen=-ahead, expiry=-ahead - 90_000)
    state.work("d", "w")
    assert escalate.json("--coordinator", "d", "--force").count("escalated") == 1
    new = set(state.spawns())
    for _ in range(3):
        done = escalate.json("--coordinator", "d", "--force")
        assert done.exit == 2 and "handed on already" in done.json["error"], done
        done = escalate.json()
        assert done.count("warnings") == 0 and "Dead coordinator" not in done.stderr, done
    assert set(state.spawns()) == new and len(new) == 1


def test_a_suspect_without_an_incarnation_gets_one(escalate, state, r):
    r.hset("coordkeep:roster", "d", "v1 1 1 suspect 0 0000000000000000 0 0000000000000000 0 0 0")
    state.work("d", "w")
    r.set("blocking:warning:d", 3, ex=300)
    done = escalate.json()
    assert done.exit == 0 and len(state.spawns()) == 1, done
    assert state.record("d")["status"] == "complete" and state.record("d")["incarnation"] > 0


@pytest.mark.parametrize("timestamp", ["soon", 0, -5, 1e30, "tomorrow"])
def test_a_finished_record_of_no_time_is_not_believed(escalate, state, r, timestamp):
    state.silent("d")
    state.work("d", "w")
    if timestamp == "tomorrow":
        timestamp = state.now() + 2 * DAY
    r.set("coordinator:escalation:d", json.dumps(
        {"status": "complete", "newCoordinatorId": "n", "timestamp": timestamp}))
    for _ in range(2):
        assert "late-work" not in escalate.json().finding_codes()
    done = escalate.json()
    assert done.finding_codes() == ["escalation-unreadable"], done


# Words

def test_a_dry_run_does_not_name_an_id_that_it_would_make(escalate, state, r):
    state.work("ghost", "w")
    r.set("blocking:warning:ghost", 3, ex=300)
    done = escalate.json("-n")
    assert "would be handed on to a new id" in done.stderr and "r-" not in done.json["actions"], done
    told = escalate.json("--explain", "ghost").json["escalate_dead"]["next"]["escalate_dead"]
    assert "to a new id" in told
    # with history the id is that of the death
    new = dying(state, r)
    assert new in escalate.json("-n").stderr


def test_with_one_id_the_others_are_not_told_of(escalate, state, r):
    for i in range(10):
        state.silent(f"other-{i}", sight=6 * MINUTE)
    state.work("other-0", "w")
    done = escalate.run("--coordinator", "other-0", "--force", "--override-brake")
    assert done.exit == 0 and "other-0" in done.stdout and "other-1" not in done.stdout, done


def test_one_on_hold_is_said_to_be(escalate, state, r):
    state.silent("d")
    r.hset("coordkeep:hold", "d", state.now() + DAY)
    done = escalate.run("--coordinator", "d")
    assert "d is on hold, until" in done.stdout and "No dead" not in done.stdout, done


def test_why_an_item_goes_as_it_is(escalate, state, r):
    dying(state, r)
    r.set("coordinator:work:s:d:twice", '{"a":1,"a":2}', ex=3600)
    done = escalate.json()
    assert "as it is: it has a field twice" in done.stderr, done


def test_the_timeline_is_in_order(escalate, state, r):
    dying(state, r)
    assert escalate.json().exit == 0
    state.work("d", "late")
    line = escalate.json("--explain", "d").json["escalate_dead"]["evidence"]["timeline"]
    times = [part.split(" ", 1)[0] for part in line.split("; ")]
    assert times == sorted(times) and len(times) > 4, line


def test_a_full_disk_under_standard_error_is_no_success(escalate, state):
    state.silent("d")
    full = ("sh", "-c", 'exec "$@" 2>/dev/full', "sh")
    assert escalate.run(prefix=full).exit == 74
    assert escalate.run(prefix=("sh", "-c", 'exec "$@" 2>&-', "sh")).exit == 0
