"""What a person does with escalate-dead: force, cancel, list, explain; hooks and metrics."""

import json

import pytest

from escalating import MINUTE, QUICK, successor, to_the_end
from harness import Job, Proxy, differences, snapshot


# --force

def test_force_needs_no_warnings(escalate, state, r):
    state.silent("a")
    state.silent("b")
    state.work("a", "w")
    done = escalate.json("--coordinator", "a", "--force")
    assert done.exit == 0, done
    assert [s["replacesCoordinatorId"] for s in state.spawns().values()] == ["a"]
    assert not r.exists("blocking:warning:b") and state.state("b") == "known"


def test_force_is_refused_while_it_shows_life(escalate, state, r):
    state.alive("a")
    key = state.work("a", "w")
    before = snapshot(r)
    done = escalate.json("--coordinator", "a", "--force")
    assert done.exit == 2 and "it shows life" in done.json["error"], done
    assert differences(before, snapshot(r)) == []
    done = escalate.json("--coordinator", "a", "--force", "--force")
    assert done.exit == 0, done
    assert not r.exists(key) and len(state.spawns()) == 1
    state.heartbeat("a", n=2)
    assert escalate.json().finding_codes() == ["resurrected"]


def test_force_on_first_sight(escalate, state, r):
    """In an incident, with no history: a heartbeat that expires is life, one that is old is not."""
    state.heartbeat("fresh")
    state.heartbeat("old", age=20 * MINUTE, ttl=None)
    assert escalate.json("--coordinator", "fresh", "--force").exit == 2
    assert escalate.json("--coordinator", "old", "--force").exit == 0
    assert [s["replacesCoordinatorId"] for s in state.spawns().values()] == ["old"]


def test_force_on_nobody(escalate, state, r):
    done = escalate.json("--coordinator", "typo", "--force")
    assert done.exit == 2 and "nothing is known" in done.json["error"], done
    assert not state.spawns()


def test_force_on_one_that_is_awaited(escalate, state, r):
    """Its replacement never comes: a person hands the work on once more."""
    state.silent("a")
    state.work("a", "w")
    to_the_end(escalate)
    new = next(iter(state.spawns()))
    done = escalate.json("--coordinator", new, "--force")
    assert done.exit == 0, done
    assert len(state.spawns()) == 1 and new not in state.spawns() and len(state.works()) == 1
    assert not r.exists(f"coordinator:work:s:{new}:w")


def test_one_coordinator_only(escalate, state, r):
    state.silent("a")
    state.silent("b")
    state.roster("left", first=MINUTE, life=MINUTE, seen=MINUTE, expiry=-30_000, heartbeat=b"x")
    for _ in range(3):
        assert escalate.json("--coordinator", "a").exit == 0
    assert [s["replacesCoordinatorId"] for s in state.spawns().values()] == ["a"]
    assert not r.exists("blocking:warning:b")
    escalate.json()
    assert state.state("left") == "retired"


@pytest.mark.parametrize("line", [
    ["--list", "--explain", "a"], ["--cancel", "a", "--coordinator", "a"],
    ["--force", "--force"], ["--list", "--force"], ["--coordinator"], ["--cancel", ""]])
def test_wrong_usage(escalate, line):
    assert escalate.run(*line).exit == 64


# --cancel

def test_cancel(escalate, state, r):
    state.silent("a")
    for i in range(120):
        state.work("a", f"w{i}", swarm=f"s{i % 2}")
    r.set("coordinator:work:s:a:raw", "as it is")
    before = snapshot(r)
    to_the_end(escalate)
    done = escalate.json("--cancel", "a")
    assert done.exit == 0, done
    assert differences(before, snapshot(r), slack_ms=60_000) == []
    assert state.entry("a")[3] == "known"
    assert 23 * 60 * MINUTE < int(r.hget("coordkeep:hold", "a")) - state.now() <= 24 * 60 * MINUTE
    assert not list(r.scan_iter("coordkeep:moved:*"))
    # it is left alone
    to_the_end(escalate, 4)
    assert differences(before, snapshot(r), slack_ms=60_000) == []
    # and when a person wants it, it has another replacement than the one that was called off
    first = {s["newCoordinatorId"] for s in state.spawns().values()}
    assert escalate.json("--coordinator", "a", "--force").exit == 0
    assert len(state.spawns()) == 1 and not first & set(state.spawns())


def test_cancel_after_the_spawn_was_taken(escalate, state, r):
    state.silent("a")
    state.work("a", "w")
    to_the_end(escalate)
    new = next(iter(state.spawns()))
    request = r.get(f"coordinator:spawn:{new}")
    r.set(f"coordinator:spawn:{new}", request.replace(b'"pending"', b'"started"'), ex=60)
    before = snapshot(r)
    done = escalate.json("--cancel", "a")
    assert done.exit == 2 and done.finding_codes() == ["cancel-too-late"], done
    assert differences(before, snapshot(r)) == []
    r.delete(f"coordinator:spawn:{new}")
    assert escalate.json("--cancel", "a").finding_codes() == ["cancel-too-late"]
    assert not r.hexists("coordkeep:hold", "a")


def test_cancel_leaves_what_was_changed_since(escalate, state, r):
    state.silent("a")
    keys = [state.work("a", f"w{i}") for i in range(3)]
    originals = [r.get(k) for k in keys]
    to_the_end(escalate)
    new = next(iter(state.spawns()))
    r.set(f"coordinator:work:s:{new}:w0", "changed")
    r.set(keys[1], "written again")
    done = escalate.json("--cancel", "a")
    assert done.exit == 1 and done.finding_codes() == ["work-not-moved-back"], done
    assert len(done.findings()) == 2
    assert r.get(f"coordinator:work:s:{new}:w0") == b"changed" and not r.exists(keys[0])
    assert r.get(keys[1]) == b"written again" and r.exists(f"coordinator:work:s:{new}:w1")
    assert r.get(keys[2]) == originals[2]


@pytest.mark.parametrize("record, text", [
    (None, "no escalation"), ('{"status":"pending"}', "not one of escalate-dead"),
    ("not json", "not one of escalate-dead")])
def test_nothing_to_cancel(escalate, state, r, record, text):
    if record:
        r.set("coordinator:escalation:a", record)
    before = snapshot(r)
    done = escalate.json("--cancel", "a")
    assert done.exit == 2 and text in done.json["error"], done
    assert done.json["escalate_dead"]["cancelled"] is False, done
    assert differences(before, snapshot(r)) == []


def test_cancel_dry(escalate, state, r):
    state.silent("a")
    state.work("a", "w")
    to_the_end(escalate)
    before = snapshot(r, without=())
    done = escalate.json("--cancel", "a", "-n")
    assert done.exit == 0, done
    assert differences(before, snapshot(r, without=()), slack_ms=60_000) == []


def test_cancel_cut_at_every_command(server, tmp_path, state, r):
    """The next run of any kind finishes it: nobody is asked to replace anybody, and the
    work is back, each item once at every instant."""
    brittle = {**QUICK, "redis": {"retries": 1}}

    def prepare(n):
        r.flushall()
        state.silent("a")
        for i in range(3):
            state.work("a", f"w{i}")
        before = state.works()
        r.set("blocking:warning:a", 3)
        assert Job("escalate-dead", server.url, tmp_path / f"{n}", brittle).json().exit == 0
        return before

    with Proxy(server) as proxy:
        prepare(0)
        start = proxy.commands
        assert Job("escalate-dead", proxy.url, tmp_path / "0", brittle).json(
            "--cancel", "a").exit == 0
        total = proxy.commands - start
        for n in range(1, total + 1):
            for finisher in (["--cancel", "a"], []):
                before = prepare(n)
                wrong, seen = [], [0]

                def command(_, words, n=n, seen=seen, wrong=wrong):
                    ids = [k.rsplit(":", 1)[1] for k in state.works()]
                    if sorted(ids) != ["w0", "w1", "w2"]:
                        wrong.append(ids)
                    seen[0] += 1
                    return "cut-after" if seen[0] == n else None

                proxy.on_command = command
                Job("escalate-dead", proxy.url, tmp_path / f"{n}", brittle).run("--cancel", "a")
                proxy.on_command = None
                begun = not state.spawns()
                r.delete("coordkeep:lease:escalate-dead")
                again = Job("escalate-dead", server.url, tmp_path / f"{n}", brittle).json(*finisher)
                assert not wrong, wrong
                if finisher and begun and again.exit == 2:
                    assert "no escalation" in again.json["error"], again
                else:
                    assert again.exit == 0, again
                if not begun and not finisher:
                    assert len(state.spawns()) == 1  # it had not come that far
                    continue
                assert state.works() == before and not state.spawns()
                assert state.record("a") is None and r.hexists("coordkeep:hold", "a")


# --list and --explain

def everybody(state, r, escalate):
    state.silent("dead")
    state.work("dead", "w")
    to_the_end(escalate)
    state.alive("living")
    state.silent("suspect")
    escalate.json()
    state.roster("left", "retired", first=60 * MINUTE, life=50 * MINUTE, seen=50 * MINUTE,
                 sight=50 * MINUTE - 20_000, expiry=50 * MINUTE - 90_000)
    state.roster("just-gone", first=60 * MINUTE, life=MINUTE, seen=MINUTE, expiry=MINUTE // 2)
    return successor("dead", int(state.entry("dead")[4]))


def test_list(escalate, state, r):
    new = everybody(state, r, escalate)
    before = snapshot(r, without=())
    done = escalate.json("--list")
    assert done.exit == 0, done
    rows = {c["id"]: c for c in done.json["escalate_dead"]["coordinators"]}
    assert {k: v["course"] for k, v in rows.items()} == {
        "dead": "escalated", "living": "alive", "suspect": "suspect", "left": "retired",
        "just-gone": "silent", new: "awaited"}
    assert rows["suspect"]["warnings"] == 1 and rows["dead"]["escalation"] == "complete"
    text = escalate.run("--list")
    assert text.exit == 0 and len(text.stdout.splitlines()) == 7, text
    assert differences(before, snapshot(r, without=())) == []


@pytest.mark.parametrize("ident, course, says", [
    ("living", "alive", "nothing while it shows life"),
    ("suspect", "suspect", "the next run gives warning 2 of 3"),
    ("dead", "escalated", "it was handed on to r-"),
    ("left", "retired", "it shut down cleanly"),
    ("just-gone", "silent", "becomes a suspect if it shows no life before 20"),
    ("NEW", "awaited", "waits for it to start"),
    ("nobody", "unknown", "speaks of it"),
])
def test_explain(escalate, state, r, ident, course, says):
    new = everybody(state, r, escalate)
    ident = new if ident == "NEW" else ident
    for i in range(30):
        r.set(f"blocking:ack:{ident}:{i}", "{}", ex=60)
    r.set(f"blocking:ack:{ident}x:1", "{}", ex=60)
    r.set(f"blocking:idempotency:{ident}:living:wake:1:{i}", 1, ex=60)
    r.rpush(f"blocking:signal:{ident}", "odd")
    before = snapshot(r, without=())
    done = escalate.json("--explain", ident)
    assert done.exit == 0, done
    told = done.json["escalate_dead"]
    assert told["course"] == course and says in told["next"]["escalate_dead"], done
    keys = {k["key"]: k for k in told["keys"]}
    assert f"blocking:signal:{ident}" in keys
    assert sum(k["family"] == "ack" for k in keys.values()) == 30
    assert f"blocking:ack:{ident}x:1" not in keys
    text = escalate.run("--explain", ident)
    assert text.exit == 0 and len(text.stdout.splitlines()) <= 24, text
    assert says in text.stdout and "\nEvidence" in text.stdout
    assert differences(before, snapshot(r, without=())) == []


def test_explain_says_whose_work_is_whose(escalate, state, r):
    state.alive("a")
    state.alive("a:b")
    its, other = state.work("a", "b:w"), state.work("a:b", "w2")
    r.set("coordinator:work:s:a:b:open", "{}")
    keys = {k["key"]: k["certain"] for k in
            escalate.json("--explain", "a").json["escalate_dead"]["keys"]}
    assert keys[its] is True and other not in keys
    assert keys["coordinator:work:s:a:b:open"] is False


def test_explain_on_hold_and_braked(escalate, state, r):
    state.silent("a")
    r.hset("coordkeep:hold", "a", state.now() + MINUTE)
    done = escalate.run("--explain", "a")
    assert "on hold" in done.stdout and done.exit == 0, done


# What others see of it

def test_the_timeline_is_in_one_runs_log(escalate, state, r):
    state.silent("dead")
    state.work("dead", "w")
    done = to_the_end(escalate)
    assert "Dead coordinator detected: dead" in done.stderr
    assert "last sign of life" in done.stderr and "became a suspect" in done.stderr
    assert "warnings 3 of 3" in done.stderr and "owns 1 work item" in done.stderr


def test_hook(job, state, r, tmp_path):
    out = tmp_path / "hooked"
    escalate = job("escalate-dead", {**QUICK, "hooks": {"on_escalation": f"cat >> {out}"}})
    incarnation = state.silent("dead")
    state.work("dead", "w")
    to_the_end(escalate)
    lines = out.read_text().splitlines()
    assert len(lines) == 1
    told = json.loads(lines[0])
    assert told["deadCoordinatorId"] == "dead" and told["swarmId"] == "s"
    assert told["newCoordinatorId"] == successor("dead", incarnation)
    assert told["workMoved"] == 1 and told["workLeft"] == 0
    escalate.json()
    assert len(out.read_text().splitlines()) == 1


def test_a_failing_hook_changes_nothing(job, state, r):
    escalate = job("escalate-dead", {**QUICK, "hooks": {"on_escalation": "exit 3"}})
    state.silent("dead")
    done = to_the_end(escalate)
    assert state.record("dead")["status"] == "complete" and "on_escalation" in done.stderr


def test_metrics(escalate, state, r):
    state.alive("living")
    state.silent("a")
    state.silent("b")
    state.work("a", "w1")
    state.work("a", "w2")
    def metrics():
        return {k.split("{")[0]: v for k, v in escalate.metrics().items()}

    escalate.json()
    assert metrics()["coordkeep_escalate_dead_suspects"] == 2
    state.heartbeat("living", n=5)
    to_the_end(escalate, 2)
    m = metrics()
    assert m["coordkeep_escalate_dead_suspects"] == 0
    assert m["coordkeep_escalate_dead_escalations_total"] == 2
    assert m["coordkeep_escalate_dead_work_moved_total"] == 2
    assert m["coordkeep_escalate_dead_warnings_total"] == 6
    assert m["coordkeep_escalate_dead_awaited"] == 2
    assert m["coordkeep_coordinators_alive"] == 1


def test_text_of_a_run(escalate, state, r):
    state.alive("living")
    state.silent("dead")
    done = escalate.run()
    assert "1 coordinator alive, 1 suspect, 0 handed on, 0 awaited" in done.stdout, done
    assert "dead: suspect, missing, silent for 5m" in done.stdout, done
    assert "warning 1 of 3" in done.stdout
    r.delete("blocking:warning:dead")
    r.hdel("coordkeep:roster", "dead")
    state.heartbeat("living", n=2)
    assert "No dead coordinators" in escalate.run().stdout
    state.heartbeat("living", n=3)
    quiet = escalate.run("-q")
    assert quiet.stdout == "" and quiet.stderr == ""


# Load

def test_ten_thousand_coordinators_a_hundred_die(escalate, state, r):
    def beat(n, mark):
        with r.pipeline(transaction=False) as p:
            for i in range(n):
                p.set(f"blocking:heartbeat:c{i}", json.dumps(
                    {"coordinatorId": f"c{i}", "timestamp": state.now(), "n": mark}), ex=900)
                if mark == 0:
                    p.set(f"coordinator:work:s:c{i}:w", json.dumps(
                        {"workId": "w", "assignedTo": f"c{i}"}), ex=3600)
            p.execute()

    beat(10_000, 0)
    assert escalate.json().exit == 0
    with r.pipeline(transaction=False) as p:
        for i in range(9_900, 10_000):
            p.delete(f"blocking:heartbeat:c{i}")
        p.execute()
    for i in range(9_900, 10_000):
        state.silent(f"c{i}")
    for mark in (1, 2, 3):
        beat(9_900, mark)
        done = escalate.json()
        assert done.exit == 0, done
    assert done.count("escalated") == 100 and len(state.spawns()) == 100
    # a second is the aim; a loaded machine gets time
    print(f"{done.json['duration_ms']} ms")
    assert done.json["duration_ms"] < 10_000
