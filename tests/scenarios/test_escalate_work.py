"""Moving work: every shape of it, once, byte for byte."""

import json
import re

import pytest

from escalating import MINUTE, QUICK, successor, to_the_end
from harness import differences, snapshot


def hand_on(state, escalate, r, ident="dead", findings=()):
    """Silent already: the runs, and its new id."""
    incarnation = state.silent(ident)
    r.set(f"blocking:warning:{ident}", 3, ex=300)
    done = escalate.json()
    assert done.finding_codes() == sorted(findings), done
    assert done.exit == (1 if findings else 0), done
    return successor(ident, incarnation), done


VALUES = [
    b'{}', b'{ }', b'{"a":1}', b'{"a":18446744073709551616}', b'{"a":1e999}', b'{"a":1.0000000000000000001}',
    b'{"status":"mine","assignedTo":"dead","transferredFrom":"x","transferredAt":1}',
    b'\n{ "status" : null , "x":{"status":"inner"} }\n', b'{"a":"\\u0000"}', b'{"a":1,"a":2}',
    b'', b'null', b'[1]', b'not json', b'\xff\xfe', b'"text"', b'{"a":1}}', b'\x00\x01',
    b'{"a":"' + b'x' * 100_000 + b'"}', '{"name":"é…"}'.encode(),
]


@pytest.mark.parametrize("value", VALUES, ids=range(len(VALUES)))
def test_every_value(escalate, state, r, value):
    r.set("coordinator:work:s:dead:w", value, px=7_200_000)
    new, _ = hand_on(state, escalate, r)
    moved = r.get(f"coordinator:work:s:{new}:w")
    assert not r.exists("coordinator:work:s:dead:w")
    assert 7_100_000 < r.pttl(f"coordinator:work:s:{new}:w") <= 7_200_000
    unchanged = state.record("dead")["workUnchanged"]
    if moved == value:
        assert unchanged == ["coordinator:work:s:dead:w"]
        with pytest.raises((ValueError, AssertionError)):
            parsed = json.loads(value)
            assert isinstance(parsed, dict) and "\\x00" not in repr(parsed)
            assert len(re.findall(rb'"a"', value)) == 1  # twice is no record
        return
    assert unchanged == []
    # undo the four fields by hand: what is left has to be the original
    at = re.search(rb'"transferredAt":\s*(\d+)', moved).group(1)
    stripped = json.loads(moved)
    assert stripped["assignedTo"] == new and stripped["status"] == "transferred"
    assert stripped["transferredFrom"] == "dead" and stripped["transferredAt"] == int(at)
    original = json.loads(value)
    for field in ("transferredFrom", "transferredAt", "assignedTo", "status"):
        original.pop(field, None), stripped.pop(field)
    assert stripped == original
    if b"status" not in value and value.strip() != b"{}" and value != b"{ }":
        body = value.rstrip().rstrip(b"}").rstrip()
        assert moved.startswith(body), moved


@pytest.mark.parametrize("ttl, least, most", [
    (60_000, 3_599_000, 3_600_000), (None, -1, -1), (90_000_000, 89_000_000, 90_000_000)])
def test_the_longer_ttl(escalate, state, r, ttl, least, most):
    r.set("coordinator:work:s:dead:w", "{}", px=ttl)
    new, _ = hand_on(state, escalate, r)
    assert least <= r.pttl(f"coordinator:work:s:{new}:w") <= most


def test_of_another_type_it_stays(escalate, state, r):
    r.rpush("coordinator:work:s:dead:list", "a")
    r.hset("coordinator:work:s:dead:hash", "a", "b")
    state.work("dead", "w")
    before = snapshot(r, "coordinator:work:s:dead:[lh]*")
    new, _ = hand_on(state, escalate, r, findings=["work-wrong-type"])
    assert differences(before, snapshot(r, "coordinator:work:s:dead:*")) == []
    assert r.exists(f"coordinator:work:s:{new}:w")
    assert state.record("dead")["workLeft"] == 2
    assert escalate.json().finding_codes() == ["work-wrong-type"]


def test_too_large_to_move(job, state, r):
    escalate = job("escalate-dead", {**QUICK, "reap-stale": {"undo_value_max": "1KB"}})
    r.set("coordinator:work:s:dead:big", b'{"a":"' + b"x" * 1017 + b'"}')
    r.set("coordinator:work:s:dead:fits", b'{"a":"' + b"x" * 1016 + b'"}')
    new, _ = hand_on(state, escalate, r, findings=["work-too-large"])
    assert r.exists("coordinator:work:s:dead:big") and r.exists(f"coordinator:work:s:{new}:fits")


def test_colons_in_ids_and_work_ids(escalate, state, r):
    """a is dead, a:b lives; their keys can be read in more than one way."""
    state.alive("a:b")
    its = state.work("a:b", "task:1")
    mine = state.work("a", "b:2")
    plain = state.work("a", "w")
    kept = r.get(its)
    new, _ = hand_on(state, escalate, r, "a")
    assert set(state.works()) == {its, f"coordinator:work:s:{new}:b:2",
                                  f"coordinator:work:s:{new}:w"}
    assert r.get(its) == kept
    assert not r.exists(mine, plain)


def test_the_other_way_round(escalate, state, r):
    state.alive("a")
    its = state.work("a", "b:2")
    state.work("a:b", "task:1")
    new, _ = hand_on(state, escalate, r, "a:b")
    assert set(state.works()) == {its, f"coordinator:work:s:{new}:task:1"}


def test_swarms_with_colons(escalate, state, r):
    state.work("dead", "w", swarm="s:1")
    state.work("dead", "w", swarm="s")
    new, _ = hand_on(state, escalate, r)
    assert set(state.works()) == {f"coordinator:work:s:1:{new}:w", f"coordinator:work:s:{new}:w"}


@pytest.mark.parametrize("value", [
    "not json", '{"workId":"x"}', '{"assignedTo":"somebody-else"}', '{"assignedTo":5}', "[]"])
def test_of_an_uncertain_owner_it_stays(escalate, state, r, value):
    r.set("coordinator:work:s:dead:b:w", value, ex=60)
    state.work("dead", "w")
    new, _ = hand_on(state, escalate, r, findings=["work-uncertain"])
    assert r.get("coordinator:work:s:dead:b:w") == value.encode()
    assert r.ttl("coordinator:work:s:dead:b:w") > 3500
    assert r.exists(f"coordinator:work:s:{new}:w")


def test_a_unique_key_whose_value_names_another(escalate, state, r):
    """There is one way only to read the key: it decides."""
    r.set("coordinator:work:s:dead:w", '{"assignedTo":"other"}')
    new, _ = hand_on(state, escalate, r)
    assert json.loads(r.get(f"coordinator:work:s:{new}:w"))["assignedTo"] == new


def test_ids_that_begin_alike(escalate, state, r):
    state.alive("dead-1")
    state.alive("dead1")
    kept = [state.work("dead-1", "w"), state.work("dead1", "w")]
    state.work("dead", "w")
    new, _ = hand_on(state, escalate, r)
    assert set(state.works()) == {*kept, f"coordinator:work:s:{new}:w"}


def test_the_new_name_is_taken(escalate, state, r):
    old = state.work("dead", "w")
    state.work("dead", "x")
    incarnation = state.silent("dead")
    new = successor("dead", incarnation)
    r.set(f"coordinator:work:s:{new}:w", "something else")
    value = r.get(old)
    r.set("blocking:warning:dead", 3)
    done = escalate.json()
    assert done.finding_codes() == ["work-name-taken"], done
    assert r.get(old) == value and r.get(f"coordinator:work:s:{new}:w") == b"something else"
    assert r.exists(f"coordinator:work:s:{new}:x")


def test_ten_thousand_items(escalate, state, r):
    with r.pipeline(transaction=False) as p:
        for i in range(10_000):
            p.set(f"coordinator:work:s{i % 3}:dead:item-{i}", json.dumps(
                {"workId": f"item-{i}", "assignedTo": "dead", "n": i}), ex=3600)
        p.execute()
    new, done = hand_on(state, escalate, r)
    assert done.count("work-moved") == 10_000
    works = state.works()
    assert len(works) == 10_000
    assert {json.loads(v)["n"] for v in works.values()} == set(range(10_000))
    assert all(k.split(":")[3] == new for k in works)
    assert state.record("dead")["workMoved"] == 10_000
    assert state.record("dead")["swarms"] == ["s0", "s1", "s2"]
    assert done.json["duration_ms"] < 30_000


def test_many_unchanged_are_named_up_to_a_limit(escalate, state, r):
    for i in range(150):
        r.set(f"coordinator:work:s:dead:{i}", "raw")
    hand_on(state, escalate, r)
    assert len(state.record("dead")["workUnchanged"]) == 100
    assert len(state.works()) == 150


def test_an_item_changes_in_mid_transfer(job, proxy, state, r):
    """Its owner is not dead after all: the new value wins and everything goes back."""
    escalate = job("escalate-dead", QUICK, url=proxy.url)
    keys = [state.work("dead", f"w{i}") for i in range(3)]
    originals = {k: r.get(k) for k in keys}
    state.silent("dead")
    r.set("blocking:warning:dead", 3)
    done_it = []

    def change(number, words):
        # the first move: the values have been read
        if not done_it and words[0].upper() == b"EVALSHA" and len(words) == 17:
            done_it.append(number)
            r.set(keys[1], '{"assignedTo":"dead","status":"at work"}', ex=3600)

    proxy.on_command = change
    done = escalate.json()
    assert done.exit == 0 and done_it, done
    assert "showed life" in done.stderr
    originals[keys[1]] = b'{"assignedTo":"dead","status":"at work"}'
    assert state.works() == originals
    assert not state.spawns() and state.record("dead") is None
    assert state.state("dead") == "known" and not r.exists("blocking:warning:dead")
    assert not list(r.scan_iter("coordkeep:moved:*"))


def test_a_heartbeat_comes_in_mid_transfer(job, proxy, state, r):
    escalate = job("escalate-dead", QUICK, url=proxy.url)
    for i in range(120):
        state.work("dead", f"w{i}")
    before = state.works()
    state.silent("dead")
    r.set("blocking:warning:dead", 3)
    moves = []

    def beat(number, words):
        if words[0].upper() == b"EVALSHA" and len(words) == 17:
            moves.append(number)
            if len(moves) == 70:
                state.heartbeat("dead")

    proxy.on_command = beat
    done = escalate.json()
    assert done.exit == 0 and len(moves) >= 70, done
    assert state.works() == before and not state.spawns() and state.record("dead") is None
    assert escalate.json().exit == 0 and state.works() == before


@pytest.mark.parametrize("record", [
    {"status": "pending", "newCoordinatorId": "their-new", "swarmId": "s"},
    {"status": "initiated", "newCoordinatorId": "their-new"},
    {"newCoordinatorId": "their-new", "timestamp": 1, "extra": {"a": [1]}},
])
def test_a_record_of_another_process_is_adopted(escalate, state, r, record):
    state.work("dead", "w")
    r.set("coordinator:escalation:dead", json.dumps({"deadCoordinatorId": "dead", **record}),
          ex=3600)
    to = hand_on(state, escalate, r)
    assert set(state.works()) == {"coordinator:work:s:their-new:w"}
    assert set(state.spawns()) == {"their-new"}
    ours = state.record("dead")
    assert ours["status"] == "complete" and ours["adoptedBy"] == "escalate-dead", to
    assert ours.get("extra") == record.get("extra")


def test_an_adopted_record_is_older_than_its_owners_last_sign_of_life(escalate, state, r):
    """What the other process wrote long ago is of this death from its adoption on."""
    state.work("dead", "w")
    r.set("coordinator:escalation:dead", json.dumps(
        {"deadCoordinatorId": "dead", "status": "in_progress", "newCoordinatorId": "their-new",
         "timestamp": state.now() - 30 * 60_000}), ex=3600)
    hand_on(state, escalate, r)
    record = r.get("coordinator:escalation:dead")
    done = escalate.json("--coordinator", "dead", "--force")
    assert done.exit == 2 and "handed on already to their-new" in done.json["error"], done
    assert r.get("coordinator:escalation:dead") == record
    assert set(state.spawns()) == {"their-new"}


def test_one_that_names_nobody_gets_ours(escalate, state, r):
    state.work("dead", "w")
    r.set("coordinator:escalation:dead", '{"status":"pending","newCoordinatorId":"dead"}')
    new, _ = hand_on(state, escalate, r)
    assert set(state.spawns()) == {new} and state.record("dead")["newCoordinatorId"] == new


@pytest.mark.parametrize("status", ["complete", "completed"])
def test_one_that_another_process_finished_is_not_doubled(escalate, state, r, status):
    state.silent("dead")
    r.set("coordinator:escalation:dead",
          json.dumps({"status": status, "newCoordinatorId": "their-new"}), ex=3600)
    to_the_end(escalate, 4)
    assert not state.spawns() and state.state("dead") == "escalated"
    assert state.state("their-new") == "awaited"


def test_a_second_death_while_theirs_of_the_first_is_there(escalate, state, r):
    state.silent("a")
    r.set("coordinator:escalation:a",
          json.dumps({"status": "complete", "newCoordinatorId": "their-new"}))
    assert escalate.json().exit == 0 and state.state("a") == "escalated"
    state.heartbeat("a")
    assert escalate.json().finding_codes() == ["resurrected"]
    r.delete("blocking:heartbeat:a")
    entry = state.entry("a")
    died = state.now() - 5 * MINUTE
    entry[2], entry[5], entry[6] = str(died - MINUTE), "0" * 16, str(died)
    entry[9] = entry[10] = str(died)
    r.hset("coordkeep:roster", "a", " ".join(entry))
    state.work("a", "w")
    to_the_end(escalate)
    assert set(state.spawns()) == {successor("a", died)}


@pytest.mark.parametrize("value", ["not json", "[]", ""])
def test_a_record_that_cannot_be_read(escalate, state, r, value):
    state.work("dead", "w")
    r.set("coordinator:escalation:dead", value, ex=3600)
    before = state.works()
    hand_on(state, escalate, r, findings=["escalation-unreadable"])
    assert state.works() == before and not state.spawns()
    assert r.get("coordinator:escalation:dead") == value.encode()
    r.delete("coordinator:escalation:dead")
    assert escalate.json().exit == 0 and len(state.spawns()) == 1


@pytest.mark.parametrize("key", [
    "coordinator:work:s:dead:", "coordinator:work::dead:w", "coordinator:work:s::w",
    "coordinator:work:dead"])
@pytest.mark.parametrize("state_of", ["suspect", "escalated", "retired"])
def test_a_key_that_is_none_of_a_work_item(escalate, state, r, key, state_of):
    if state_of == "suspect":
        state.silent("dead")
    else:
        state.roster("dead", state_of, first=60 * MINUTE, life=50 * MINUTE, seen=50 * MINUTE)
    state.alive("living")
    r.set(key, json.dumps({"assignedTo": "dead"}))
    r.set("coordinator:work::living:w", json.dumps({"assignedTo": "living"}))
    done = escalate.json()
    assert done.exit == 1 and done.finding_codes() == ["work-misnamed"], done
    assert done.findings()[0]["key"] == key and r.exists(key)
