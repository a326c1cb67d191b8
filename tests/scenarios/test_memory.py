"""What the jobs remember between runs: roster, holds, pause, baseline, on a real server."""

import random
import subprocess
import time

import pytest

from harness import Monitor, build_dir, spawn

T = 1_700_000_000_000
KEEP = 7 * 86_400_000
ROSTER, HOLD, PAUSE, BASELINE = (f"coordkeep:{k}" for k in ("roster", "hold", "pause", "baseline"))


class Memory:
    """A run: one process of tests/tools/memory.c."""

    def __init__(self, server):
        self.process = spawn([build_dir() / "tools" / "memory", server.socket],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True)

    def __call__(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().rstrip("\n").rstrip()

    def entry(self, ident):
        """{name: value} of an entry as this run has it."""
        return parse(self("show", ident))

    def close(self):
        self.process.stdin.close()
        said = self.process.stderr.read()
        self.process.stdout.close()
        self.process.stderr.close()
        assert self.process.wait(60) == 0, said
        return said


NAMES = ("v", "sight", "since", "state", "incarnation", "heartbeat", "expiry", "activity", "first",
         "life", "seen")


def parse(text):
    text = text.decode() if isinstance(text, bytes) else text
    assert len(text.split(" ")) == len(NAMES), text
    return {k: int(v) if v.isdigit() and k not in ("heartbeat", "activity") else v
            for k, v in zip(NAMES, text.split(" "))}


@pytest.fixture
def run(server):
    """run() -> a new run."""
    made = []

    def make():
        made.append(Memory(server))
        return made[-1]

    yield make
    for m in made:
        if m.process.poll() is None and not m.process.stdin.closed:
            m.close()


def stored(r, ident="a"):
    return parse(r.hget(ROSTER, ident))


# --- roster ----------------------------------------------------------------------

def test_round_trip(r, run):
    first = run()
    assert first("load") == "loaded 0 first"
    first("see", "a", T, "one", 90_000, "act")
    first("see", "b:c", T + 5, "-", 0)
    first("see", "\u00e9*[", T + 6, "x", -1)
    assert first("save", KEEP) == "ok"
    assert 0 <= KEEP - r.pttl(ROSTER) < 60_000
    e = stored(r)
    assert (e["sight"], e["since"], e["state"], e["expiry"], e["first"], e["life"], e["seen"]) == (
        T, 0, "known", T + 90_000, T, 0, T)
    assert stored(r, "b:c")["heartbeat"] == "0" * 16 and stored(r, "b:c")["seen"] == 0

    second = run()
    assert second("load") == "loaded 3"
    assert second.entry("a") == e
    assert second("see", "a", T + 1000, "one", 89_000, "act") == "no life"
    assert second("see", "a", T + 2000, "two", 90_000, "act") == "life"
    second("save", KEEP)
    assert stored(r)["life"] == T + 2000


def test_many_ids_in_pages_and_batches(server, r, run):
    a = run()
    a("load")
    for i in range(2345):
        a("see", f"id-{i}", T + i, f"v{i}", 90_000)
    with Monitor(server) as seen:
        a("save", KEEP)
    assert r.hlen(ROSTER) == 2345 and seen.count("EVALSHA") == 47 and seen.count("EVAL") == 0
    assert stored(r, "id-1234")["seen"] == T + 1234
    with Monitor(server) as seen:
        b = run()
        assert b("load") == "loaded 2345"
    assert seen.count("HSCAN") >= 3 and not seen.names() & {"HGETALL", "HKEYS", "KEYS"}
    assert b.entry("id-2344")["seen"] == T + 2344


def test_an_older_sight_never_overwrites_a_newer_one(r, run):
    a, b = run(), run()
    a("load"), b("load")
    b("see", "a", T + 100, "new", 90_000)
    a("see", "a", T, "old", 90_000)
    b("save", KEEP)
    newer = stored(r)
    a("save", KEEP)
    e = stored(r)
    assert (e["sight"], e["heartbeat"], e["expiry"], e["seen"]) == (
        newer["sight"], newer["heartbeat"], newer["expiry"], newer["seen"])
    assert e["first"] == T, "the earlier first sight stands"


def test_a_state_that_another_run_set_is_kept(r, run):
    """It looked before the other decided; what it saw is newer, what it knows is not."""
    setup = run()
    setup("load"), setup("see", "a", T, "x", 90_000), setup("save", KEEP)
    a, b = run(), run()
    a("load"), b("load")
    b("see", "a", T + 10, "x", 89_990)
    b("state", "a", "suspect", T + 20)
    b("state", "a", "escalated", T + 30)
    b("save", KEEP)
    a("see", "a", T + 50, "x", 89_950)
    a("save", KEEP)
    e = stored(r)
    assert (e["state"], e["since"], e["incarnation"], e["sight"]) == (
        "escalated", T + 30, T, T + 50)


def test_a_first_sight_decides_nothing(r, run):
    """Both met it for the first time; one of them has decided, before the other looked."""
    a, b = run(), run()
    a("load"), b("load")
    b("see", "a", T, "x", 90_000)
    b("state", "a", "suspect", T + 10)
    b("save", KEEP)
    a("see", "a", T + 50, "x", 89_950), a("save", KEEP)
    e = stored(r)
    assert (e["state"], e["since"], e["incarnation"], e["sight"], e["first"]) == (
        "suspect", T + 10, T, T + 50, T)


@pytest.mark.parametrize("loaded", [True, False])
def test_what_another_wrote_between_two_saves_of_one_run_is_merged(r, run, loaded):
    """Whether it knows the line that stood there from reading it or from writing it."""
    if loaded:
        setup = run()
        setup("load"), setup("see", "a", T - 10, "x", 90_010), setup("save", KEEP)
    a, b = run(), run()
    a("load")
    a("see", "a", T, "x", 90_000), a("save", KEEP)
    b("load")
    b("see", "a", T + 100, "y", 90_000)
    b("state", "a", "suspect", T + 110)
    b("save", KEEP)
    a("state", "a", "reaped", T + 50), a("save", KEEP)
    e = stored(r)
    assert (e["state"], e["since"], e["life"], e["sight"]) == ("suspect", T + 110, T + 100, T + 100)
    a("state", "a", "reaped", T + 200), a("save", KEEP)
    e = stored(r)
    assert (e["state"], e["since"], e["life"], e["sight"]) == ("reaped", T + 200, T + 100, T + 100)


def test_a_clock_that_goes_back_takes_no_time_back(r, run):
    setup = run()
    setup("load"), setup("see", "a", T, "x", 90_000), setup("see", "a", T + 100, "y", 90_000)
    setup("save", KEEP)
    a = run()
    a("load")
    assert a("see", "a", T + 50, "z", 90_000) == "life"
    a("save", KEEP)
    e = stored(r)
    assert (e["life"], e["seen"], e["sight"]) == (T + 100, T + 100, T + 100)


def test_a_sign_of_life_ends_suspicion_for_all(r, run):
    setup = run()
    setup("load"), setup("see", "a", T, "x", 90_000)
    setup("state", "a", "suspect", T + 5), setup("save", KEEP)
    a, b = run(), run()
    a("load"), b("load")
    assert a("see", "a", T + 100, "y", 90_000) == "life"
    a("save", KEEP)
    # looked earlier, saves later, and decided nothing
    b("see", "a", T + 50, "x", 89_950)
    b("save", KEEP)
    e = stored(r)
    assert (e["state"], e["since"], e["life"], e["incarnation"]) == ("known", T + 100, T + 100, 0)


def test_forgotten_only_if_nobody_saw_it_since(r, run):
    setup = run()
    setup("load"), setup("see", "a", T, "x", 90_000), setup("see", "b", T, "x", 90_000)
    setup("save", KEEP)
    a, b = run(), run()
    a("load"), b("load")
    b("see", "a", T + KEEP + 1, "-", 0)  # even a look that found nothing: it knows more
    b("save", KEEP)
    a("forget", T + KEEP + 10, KEEP)
    a("save", KEEP)
    assert r.hkeys(ROSTER) == [b"a"]
    assert a("show", "a") == "none" and a("show", "b") == "none"


def test_saving_twice_and_interrupted(r, run):
    a = run()
    a("load"), a("see", "a", T, "x", 90_000)
    a("save", KEEP)
    once = r.hgetall(ROSTER)
    r.delete(ROSTER)
    a("save", KEEP)
    assert r.hgetall(ROSTER) == {}, "what was saved is not changed any more"
    a("see", "a", T, "x", 90_000), a("save", KEEP)
    assert r.hgetall(ROSTER) == once


@pytest.mark.parametrize("text", ["", "rubbish", "v2 1 2 3", "v1 x 2 known 0 " + "0" * 16 +
                                  " 0 " + "0" * 16 + " 1 0 1", "v1", b"\xff\x00",
                                  f"v1 9999999999999999999 {T} known 0 {1:016} 0 {0:016} {T} {T} {T}",
                                  f"v1 {T} {T} known 0 {1:016} 0 {0:016} {T} {T} 9007199254740993"])
def test_a_damaged_entry_counts_as_none_and_goes(r, run, text):
    """It is told of once, and what stays of it is nothing: the next run has no reason to."""
    r.hset(ROSTER, mapping={"a": text, "b": text, "c": text})
    a = run()
    assert a("load") == "loaded 0"
    r.hset(ROSTER, "c", "mended meanwhile")
    a("see", "a", T, "x", 90_000), a("save", KEEP)
    assert (stored(r)["sight"], stored(r)["seen"], stored(r)["first"]) == (T, T, T)
    assert r.hget(ROSTER, "c") == b"mended meanwhile", "only what was read is removed"
    r.hdel(ROSTER, "c")
    if text == "v2 1 2 3":  # a newer version's is none to this one, and stays
        assert r.hget(ROSTER, "b") == text.encode()
        r.hdel(ROSTER, "b")
    said = a.close()
    assert said.count("cannot be read") == 1 and "3 entries" in said, said
    b = run()
    assert b("load") == "loaded 1" and r.hkeys(ROSTER) == [b"a"]
    assert "roster" not in b.close()


def test_of_another_type(r, run):
    r.set(ROSTER, "x")
    a = run()
    said = a("load")
    assert said.startswith("error 2 ") and ROSTER in said and "is no hash (it is of type" in said


def test_out_of_memory(r, run):
    a = run()
    a("load"), a("see", "a", T, "x", 90_000)
    r.config_set("maxmemory", 1)
    assert a("save", KEEP).startswith("error 69 ")
    r.config_set("maxmemory", 0)
    assert a("save", KEEP) == "ok" and stored(r)["seen"] == T


def test_random_runs_in_any_order(r, run):
    """Whatever order runs save in, the latest sight and the latest state stand."""
    seed = time.time_ns()
    print("seed", seed)
    dice = random.Random(seed)
    runs = [run() for _ in range(4)]
    for m in runs:
        m("load")
    sights, states = {}, {}
    clock = T
    for _ in range(300):
        clock += dice.randrange(1, 50)
        m, ident = dice.randrange(4), f"id-{dice.randrange(5)}"
        if dice.random() < 0.7:
            # always the same bytes, so that no sign of life changes a state
            runs[m]("see", ident, clock, "x", KEEP + T - clock)
            sights[m, ident] = clock
            states.setdefault((m, ident), (clock, "known"))
        elif (m, ident) in sights:
            chosen = dice.choice(["suspect", "retired", "escalated", "reaped"])
            runs[m]("state", ident, chosen, clock)
            states[m, ident] = (clock, chosen)
        if dice.random() < 0.2:
            runs[m]("save", KEEP)
    dice.shuffle(runs)
    for m in runs:
        m("save", KEEP)
    for ident in {i for _, i in sights}:
        e = stored(r, ident)
        assert e["sight"] == max(v for (_, i), v in sights.items() if i == ident)
        since, state = max(v for (_, i), v in states.items() if i == ident)
        assert (e["since"], e["state"]) == (since, state)
        assert e["seen"] == e["sight"]


# --- holds and pause -------------------------------------------------------------

def test_holds(r, run, now_ms):
    m, now = run(), now_ms()
    assert m("holds") == ""
    m("hold", "a", now + 5000), m("hold", "b:c", now + 90_000)
    assert set(m("holds").split()) == {f"a={now + 5000}", f"b:c={now + 90_000}"}
    assert 80_000 < r.pttl(HOLD) <= 90_000, "the hash lasts as long as its longest hold"
    assert m("covers", "a", now + 4999) == "yes" and m("covers", "a", now + 5000) == "no"
    assert m("covers", "c", now) == "no"
    m("hold", "b:c", now + 10_000)
    assert r.hget(HOLD, "b:c") == str(now + 90_000).encode(), "never shortened"
    m("hold", "a", now + 300_000)
    assert r.hget(HOLD, "a") == str(now + 300_000).encode() and r.pttl(HOLD) > 200_000
    assert m("unhold", "a") == "was" and m("unhold", "a") == "was not"
    assert m("covers", "a", now) == "no"


def test_holds_by_hand(r, run, now_ms):
    m, now = run(), now_ms()
    r.hset(HOLD, mapping={"seconds": now // 1000 + 60, "words": "until monday"})
    assert m("covers", "seconds", now) == "yes" and m("covers", "seconds", now + 61_000) == "no"
    assert m("covers", "words", now + 10**10) == "yes"
    # durations and other units were meant to keep the jobs off, too; 0 ends a hold
    r.hset(HOLD, mapping={"duration": 86_400_000, "hours": 24, "us": now * 1000, "ended": 0})
    for ident in ("duration", "hours", "us"):
        assert m("covers", ident, now + 10**10) == "yes", ident
    assert m("covers", "ended", now) == "no"
    r.hdel(HOLD, "duration", "hours", "us", "ended")
    m("hold", "seconds", now + 5000), m("hold", "words", now + 5000), m("hold", "a", now + 5000)
    assert r.hget(HOLD, "words") == b"until monday"
    assert r.hget(HOLD, "seconds") == str(now // 1000 + 60).encode()
    assert r.ttl(HOLD) == -1, "a person's hash without an end keeps none"


def test_many_holds(r, run, now_ms):
    until = now_ms() + 60_000
    r.hset(HOLD, mapping={f"id-{i}": until for i in range(3000)})
    assert len(run()("holds").split()) == 3000


def test_pause(r, run):
    m = run()
    assert m("paused") == "no" and m("unpause") == "was not"
    m("pause", 60_000, "maintenance")
    left, reason = m("paused").split()
    assert 0 < int(left) <= 60_000 and reason == "maintenance"
    assert 0 < r.pttl(PAUSE) <= 60_000
    assert m("pause", 50_000, "shorter") == "stays" and m("paused").endswith(" maintenance")
    assert m("pause", 70_000, "longer") == "ok" and m("paused").endswith(" longer")
    assert m("pause", 50_000, "maintenance", "force") == "ok" and r.pttl(PAUSE) <= 50_000
    r.persist(PAUSE)
    assert m("pause", 10**9, "longer") == "stays"
    assert m("paused") == "-1 maintenance"
    assert m("unpause") == "was" and m("paused") == "no"
    r.rpush(PAUSE, "x")
    for command in (("paused",), ("pause", 1000, "x")):
        said = m(*command)
        assert said.startswith("error 2 ") and f"{PAUSE} is no string (it is of type list)" in said
    assert m("pause", 1000, "x", "force") == "ok"


# --- baseline --------------------------------------------------------------------

def test_baseline(r, run, tmp_path):
    m, path = run(), tmp_path / "baseline"
    assert m("baseline", path) == "none"
    assert m("leave", path, "abc", 7, 12, T, T + 5, KEEP) == "ok"
    assert m("baseline", path) == f"abc 7 12 {T} {T + 5}" == m("baseline", "-")
    assert 0 < r.pttl(BASELINE) <= KEEP
    assert path.read_text() == f"abc 7 12 {T} {T + 5}\n" and path.stat().st_mode & 0o777 == 0o600
    # flushed: the file remembers
    r.flushall()
    assert m("baseline", path) == f"abc 7 12 {T} {T + 5}" and m("baseline", "-") == "none"
    # the newer of both
    r.set(BASELINE, f"def 8 13 {T} {T + 6}")
    assert m("baseline", path).startswith("def ")
    r.set(BASELINE, f"def 8 13 {T} {T + 4}")
    assert m("baseline", path).startswith("abc ")


@pytest.mark.parametrize("text", ["", "x", "abc 1 2 3", "abc 1 2 3 4 5", " 1 2 3 4", "abc 1 -2 3 4",
                                  "abc 1 2 3 99999999999999999999", "a" * 64 + " 1 2 3 4"])
def test_a_damaged_baseline_is_none(r, run, tmp_path, text):
    m, path = run(), tmp_path / "baseline"
    r.set(BASELINE, text)
    path.write_text(text)
    assert m("baseline", path) == "none"
    m("leave", path, "abc", 7, 12, T, T + 5, KEEP)
    assert m("baseline", path) == f"abc 7 12 {T} {T + 5}"


def test_a_file_that_cannot_be_written_is_no_error(r, run, tmp_path):
    m = run()
    assert m("leave", tmp_path / "none" / "baseline", "abc", 7, 12, T, T + 5, KEEP) == "ok"
    assert r.get(BASELINE) is not None
    assert m("baseline", tmp_path) == f"abc 7 12 {T} {T + 5}", "a directory is no baseline"
    assert m.close().count("warn ") == 2


def test_redis_refuses_and_the_file_has_it(r, run, tmp_path):
    m, path = run(), tmp_path / "baseline"
    r.config_set("maxmemory", 1)
    assert m("leave", path, "abc", 7, 12, T, T + 5, KEEP).startswith("error 69 ")
    r.config_set("maxmemory", 0)
    assert m("baseline", path) == f"abc 7 12 {T} {T + 5}"
