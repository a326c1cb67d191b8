"""escalate-dead: handed on exactly once, however often and whenever somebody says so."""

import json

import pytest

from escalating import MINUTE, QUICK, to_the_end


def forced(escalate, ident, *more):
    return escalate.json("--coordinator", ident, "--force", *more)


def test_forced_twice_it_is_handed_on_once(escalate, state, r):
    state.silent("a")
    key = state.work("a", "w1")
    original = r.get(key)
    assert forced(escalate, "a").exit == 0
    new = next(iter(state.spawns()))
    record = r.get("coordinator:escalation:a")
    for more in ((), ("-n",), ("--force",)):
        done = forced(escalate, "a", *more)
        assert done.exit == 2 and f"handed on already to {new}" in done.json["error"], done
        assert set(state.spawns()) == {new} and r.get("coordinator:escalation:a") == record
    r.delete("coordinator:escalation:a")
    done = forced(escalate, "a")
    assert done.exit == 2 and new in done.json["error"], done
    r.set("coordinator:escalation:a", record)
    assert escalate.json("--cancel", "a").exit == 0
    assert state.works() == {key: original} and not state.spawns()


@pytest.mark.parametrize("there", ["pending", "taken", "alive", "record gone"])
def test_late_work_goes_where_the_rest_went(escalate, state, r, there):
    state.silent("a")
    state.work("a", "w1")
    to_the_end(escalate)
    new = next(iter(state.spawns()))
    if there in ("taken", "alive"):
        r.delete(f"coordinator:spawn:{new}")
    if there == "alive":
        state.heartbeat(new)
        escalate.json()
        state.heartbeat(new, n=2)
    if there == "record gone":
        r.delete("coordinator:escalation:a")
    state.work("a", "late")
    done = forced(escalate, "a")
    assert done.exit == 0 and done.count("work-moved") == 1, done
    assert set(state.works()) == {f"coordinator:work:s:{new}:{w}" for w in ("w1", "late")}
    assert set(state.spawns()) == (set() if there in ("taken", "alive") else {new})
    record = state.record("a")
    assert record["status"] == "complete" and record["newCoordinatorId"] == new
    assert record["workMoved"] == 2 and state.state("a") == "escalated"
    assert all(s["workItems"] == 2 and s["status"] == "pending" for s in state.spawns().values())
    assert escalate.json().exit == 0
    if there in ("pending", "record gone"):
        assert escalate.json("--cancel", "a").exit == 0
        assert set(state.works()) == {"coordinator:work:s:a:w1", "coordinator:work:s:a:late"}


@pytest.mark.parametrize("asked", ["pending", "gone"])
def test_late_work_whose_replacement_never_came_goes_to_another(escalate, state, r, asked):
    state.silent("a")
    state.work("a", "w1")
    to_the_end(escalate)
    new = next(iter(state.spawns()))
    if asked == "gone":
        r.delete(f"coordinator:spawn:{new}")
    state.roster(new, "awaited", first=60 * MINUTE, since=60 * MINUTE)
    late = state.work("a", "late")
    assert forced(escalate, "a").exit == 0
    other, = set(state.spawns()) - {new}
    assert not r.exists(late) and set(state.works()) == {
        f"coordinator:work:s:{new}:w1", f"coordinator:work:s:{other}:late"}
    # what went before does not come back with what went now, and that is said
    done = escalate.run("--cancel", "a")
    assert done.exit == 0 and f"but for what was handed on before, to {new}" in done.stdout, done
    assert set(state.works()) == {f"coordinator:work:s:{new}:w1", late}


def test_a_replacement_that_came_and_went_between_two_runs(escalate, state, r):
    """Its request was taken and its work is done: it is over, and nobody is asked for again."""
    state.silent("a")
    key = state.work("a", "w1")
    to_the_end(escalate)
    new = next(iter(state.spawns()))
    moved = f"coordinator:work:s:{new}:w1"
    state.roster(new, "awaited", first=60 * MINUTE, since=60 * MINUTE)
    assert escalate.json().finding_codes() == ["replacement-overdue"]
    r.delete(f"coordinator:spawn:{new}")
    assert escalate.json().finding_codes() == ["replacement-overdue"]
    r.delete(moved)
    done = escalate.json()
    assert done.exit == 0 and [a["action"] for a in done.actions()] == ["retire"], done
    assert "request is gone" in done.actions()[0]["text"] and state.state(new) == "retired"
    done = escalate.json()
    assert done.exit == 0 and done.actions() == [] and not state.spawns(), done
    assert "waits" not in escalate.run("--explain", new).stdout
    assert forced(escalate, "a").exit == 2 and not r.exists(key)


def test_cut_off_while_late_work_is_moved(escalate, state, r):
    """The record says that its replacement was asked for: the next run ends it."""
    state.silent("a")
    state.work("a", "w1")
    to_the_end(escalate)
    record = state.record("a")
    record["status"] = "spawned"
    r.set("coordinator:escalation:a", json.dumps(record), ex=3600)
    late = state.work("a", "late")
    assert escalate.json().exit == 0 and state.record("a")["status"] == "complete"
    assert escalate.json().finding_codes() == ["late-work"] and r.exists(late)
    assert len(state.spawns()) == 1


def test_a_replacement_that_is_forced_is_not_asked_for_any_more(escalate, state, r):
    state.silent("a")
    state.work("a", "w")
    to_the_end(escalate)
    first = next(iter(state.spawns()))
    assert forced(escalate, first).exit == 0
    second, = state.spawns()
    assert second != first and set(state.works()) == {f"coordinator:work:s:{second}:w"}
    # too late for the first: it is said
    done = escalate.json("--cancel", "a")
    assert done.exit == 2 and done.finding_codes() == ["cancel-too-late"], done


def test_one_that_was_taken_is_not_withdrawn(job, proxy, state, r):
    escalate = job("escalate-dead", QUICK, url=proxy.url)
    state.silent("a")
    state.work("a", "w")
    to_the_end(escalate)
    first = next(iter(state.spawns()))
    taken = json.dumps({**state.spawns()[first], "status": "started"})

    def take(_, words):
        if words[0].upper() == b"EVALSHA" and len(words) == 17:
            r.set(f"coordinator:spawn:{first}", taken, ex=60)

    proxy.on_command = take
    assert forced(escalate, first).exit == 0
    assert r.get(f"coordinator:spawn:{first}") == taken.encode() and len(state.spawns()) == 2


def test_cancel_names_what_is_at_neither_name(escalate, state, r):
    state.silent("a")
    keys = [state.work("a", f"w{i}") for i in range(4)]
    to_the_end(escalate)
    new = next(iter(state.spawns()))
    r.delete(f"coordinator:work:s:{new}:w0")
    r.set(f"coordinator:work:s:{new}:w1", "changed")
    r.delete(f"coordinator:work:s:{new}:w2")
    r.set(keys[2], "there again")
    for line in (("-n",), ()):
        done = escalate.json("--cancel", "a", *line)
        assert done.exit == 1 and done.finding_codes() == ["work-not-moved-back"], done
        assert {f["key"] for f in done.findings()} == set(keys[:2])
    assert r.get(keys[2]) == b"there again" and r.exists(keys[3])
    assert not r.exists(keys[0]) and not r.exists(keys[1])


def beat_before(proxy, state, is_it):
    """A heartbeat comes just before the first command that ${is_it} holds of."""
    came = []

    def look(number, words):
        if not came and words[0].upper() == b"EVALSHA" and is_it(words):
            came.append(number)
            state.heartbeat("dead")

    proxy.on_command = look
    return came


@pytest.mark.parametrize("work", [0, 1])
def test_life_between_the_last_look_and_the_record(job, proxy, state, r, work):
    escalate = job("escalate-dead", QUICK, url=proxy.url)
    state.silent("dead")
    r.set("blocking:warning:dead", 3)
    before = {k: r.get(k) for k in (state.work("dead", f"w{i}") for i in range(work))}
    came = beat_before(proxy, state, lambda w: b"coordinator:escalation:dead" in w)
    done = escalate.json()
    assert done.exit == 0 and came and done.count("recovered") == 1, done
    assert "showed life" in done.stderr
    assert not state.spawns() and state.record("dead") is None and state.works() == before
    assert state.state("dead") == "known" and not r.exists("blocking:warning:dead")


@pytest.mark.parametrize("work", [0, 3])
def test_life_between_the_last_move_and_the_request(job, proxy, state, r, work):
    escalate = job("escalate-dead", QUICK, url=proxy.url)
    state.silent("dead")
    r.set("blocking:warning:dead", 3)
    before = {k: r.get(k) for k in (state.work("dead", f"w{i}") for i in range(work))}
    came = beat_before(proxy, state,
                       lambda w: len(w) > 4 and w[4].startswith(b"coordinator:spawn:"))
    done = escalate.json()
    assert done.exit == 0 and came, done
    assert not state.spawns() and state.record("dead") is None and state.works() == before
    assert state.state("dead") == "known" and not r.exists("blocking:warning:dead")
    assert not list(r.scan_iter("coordkeep:moved:*"))


def test_a_stale_heartbeat_that_expires_meanwhile_is_no_life(job, proxy, state, r):
    escalate = job("escalate-dead", QUICK, url=proxy.url)
    state.heartbeat("dead", age=10 * MINUTE, ttl=None)
    state.roster("dead", first=60 * MINUTE, life=5 * MINUTE, seen=MINUTE,
                 heartbeat=r.get("blocking:heartbeat:dead"))
    state.work("dead", "w")
    to_the_end(escalate, 2)

    def expire(_, words):
        if words[0].upper() == b"EVALSHA" and b"coordinator:escalation:dead" in words:
            r.delete("blocking:heartbeat:dead")

    proxy.on_command = expire
    assert escalate.json().exit == 0
    assert state.record("dead")["status"] == "complete" and len(state.spawns()) == 1


def test_flushed_after_the_judgement(job, proxy, state, r):
    """What was judged is gone: nothing is made of it."""
    escalate = job("escalate-dead", QUICK, url=proxy.url)
    state.silent("dead")
    r.set("blocking:warning:dead", 3)
    done_it = []

    def flush(_, words):
        if not done_it and words[0].upper() == b"EVALSHA" and \
                b"coordinator:escalation:dead" in words:
            done_it.append(r.flushall())

    proxy.on_command = flush
    done = escalate.json()
    assert done.exit == 75 and done_it, done
    assert not state.spawns() and state.record("dead") is None


def test_a_request_that_is_taken_while_late_work_is_moved(job, proxy, state, r):
    """What its taker has written stays as it is."""
    escalate = job("escalate-dead", QUICK, url=proxy.url)
    state.silent("a")
    state.work("a", "w1")
    to_the_end(escalate)
    new = next(iter(state.spawns()))
    state.work("a", "late")
    taken = json.dumps({**state.spawns()[new], "status": "started"})

    def take(_, words):
        if words[0].upper() == b"EVALSHA" and f"coordinator:work:s:{new}:late".encode() in words:
            r.set(f"coordinator:spawn:{new}", taken, ex=60)

    proxy.on_command = take
    assert forced(escalate, "a").exit == 0
    assert r.get(f"coordinator:spawn:{new}") == taken.encode()
    assert state.record("a")["workMoved"] == 2


# What cannot be moved

STAYS = {"work-wrong-type": lambda r, key: (r.delete(key), r.rpush(key, "x")),
         "work-too-large": lambda r, key: r.set(key, "x" * 1_100_000)}


@pytest.mark.parametrize("code", STAYS)
def test_what_has_to_stay_is_named_on_each_run(escalate, state, r, code):
    """It did not come later, and --force does not hand it on."""
    state.silent("a")
    key = state.work("a", "w")
    STAYS[code](r, key)
    for _ in range(2):
        escalate.json()
    for _ in range(3):
        done = escalate.json()
        assert done.exit == 1 and done.finding_codes() == [code], done
        assert done.findings()[0]["key"] == key
    told = escalate.json("--explain", "a").json["escalate_dead"]["next"]["escalate_dead"]
    assert "cannot be moved" in told and "--force" not in told, told
    new, before = next(iter(state.spawns())), state.record("a")
    done = forced(escalate, "a")
    assert done.exit == 2 and "cannot be moved" in done.json["error"], done
    assert "Dead coordinator" not in done.stderr and done.count("escalated") == 0
    assert set(state.spawns()) == {new} and state.record("a") == before
    # what can be moved is, the rest stays
    late = state.work("a", "late")
    done = escalate.json()
    assert set(done.finding_codes()) == {code, "late-work"}, done
    assert "1 work item is" in done.findings("late-work")[0]["text"]
    done = forced(escalate, "a")
    assert done.exit == 1 and done.count("work-moved") == 1 and done.count("escalated") == 1, done
    assert "Dead coordinator" not in done.stderr and not r.exists(late) and r.exists(key)
    assert "1 work item moved" in done.stderr, done


def test_a_name_that_is_taken_is_named_on_each_run(escalate, state, r):
    state.silent("a")
    state.work("a", "w1")
    to_the_end(escalate)
    new = next(iter(state.spawns()))
    late = state.work("a", "late")
    r.set(f"coordinator:work:s:{new}:late", "another")
    for _ in range(2):
        done = escalate.json()
        assert done.exit == 1 and done.finding_codes() == ["work-name-taken"], done
    assert new in done.findings()[0]["text"]
    assert forced(escalate, "a").exit == 2
    r.delete(f"coordinator:work:s:{new}:late")
    assert escalate.json().finding_codes() == ["late-work"]
    assert forced(escalate, "a").exit == 0 and not r.exists(late)


def test_what_another_host_moves_after_it_was_seen_is_not_in_the_way(job, proxy, state, r):
    """Its names are seen at different moments: only what is at both at once is in the way."""
    escalate = job("escalate-dead", QUICK, url=proxy.url)
    state.silent("a")
    state.work("a", "w1")
    to_the_end(escalate)
    new = next(iter(state.spawns()))
    for other in (f"coordinator:work:s:{new}:late", None):
        late = state.work("a", "late")

        def leave(_, words, late=late, other=other):
            if late.encode() in words and r.exists(late):
                r.rename(late, other) if other else r.delete(late)

        proxy.on_command = leave
        done = escalate.json()
        proxy.on_command = None
        assert done.exit == 0 and not done.findings() and not r.exists(late), (other, done)


def test_work_that_vanishes_before_it_is_handed_on(job, proxy, state, r):
    """Nothing was moved: nothing is told, and nobody was detected."""
    escalate = job("escalate-dead", QUICK, url=proxy.url)
    state.silent("a")
    state.work("a", "w1")
    to_the_end(escalate)
    late = state.work("a", "late")
    heard = r.pubsub()
    heard.subscribe("swarm:s:coordinator:dead")
    heard.get_message(timeout=5)

    def finish(_, words):
        if words[0].upper() == b"EVALSHA" and b"coordinator:escalation:a" in words:
            r.delete(late)

    proxy.on_command = finish
    done = forced(escalate, "a")
    assert done.exit == 0 and done.count("escalated") == 0, done
    assert done.actions() == [] and "Dead coordinator" not in done.stderr
    assert state.record("a")["status"] == "complete"
    r.publish("swarm:s:coordinator:dead", "end")
    assert heard.get_message(timeout=5)["data"] == b"end"
    assert escalate.json().exit == 0


@pytest.mark.parametrize("code", STAYS)
def test_what_has_to_stay_of_one_that_left(escalate, state, r, code):
    state.roster("a", "retired", first=60 * MINUTE, life=50 * MINUTE, seen=50 * MINUTE)
    STAYS[code](r, state.work("a", "w"))
    assert escalate.json().finding_codes() == [code]
    state.work("a", "w2")
    done = escalate.json()
    assert set(done.finding_codes()) == {code, "left-with-work"}, done
