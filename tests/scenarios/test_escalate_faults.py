"""Runs that are cut, killed, or not alone: one escalation, one replacement, one spawn
request, and each work item exactly once, at every instant."""

import json
import threading

import pytest

from escalating import QUICK, State, successor
from harness import Job, Proxy, wait_for

# One attempt: a cut is the end of the run.
BRITTLE = {**QUICK, "redis": {"retries": 1}}


class Watch:
    """The invariants of one dead coordinator, checked between any two commands."""

    def __init__(self, state, ident, items):
        self.state, self.ident = state, ident
        self.items = set(items)
        self.finished = set()   # taken by the replacement
        self.requests = set()   # replacements that were asked for
        self.taken = False
        self.wrong = []

    def look(self):
        works = list(self.state.works())
        ids = [k.rsplit(":", 1)[1] for k in works]
        if len(ids) != len(set(ids)):
            self.wrong.append(f"twice: {sorted(works)}")
        missing = self.items - set(ids) - self.finished
        if missing:
            self.wrong.append(f"missing: {missing}")
        spawns = set(self.state.spawns())
        if spawns and any(f":{self.ident}:" in k for k in works):
            self.wrong.append("asked for a replacement before all work was moved")
        if spawns and self.taken:
            self.wrong.append("asked again for one that was taken")
        self.requests |= spawns

    def check(self):
        assert not self.wrong, self.wrong[:3]


def set_up(state, r, n=3, warnings=2):
    r.flushall()
    incarnation = state.silent("dead")
    state.alive("living")
    items = [f"w{i}" for i in range(n)]
    for item in items:
        state.work("dead", item)
    r.set("coordinator:work:s:dead:raw", "as it is", ex=3600)
    r.set("blocking:warning:dead", warnings, ex=300)
    return successor("dead", incarnation), items + ["raw"]


def finished(state, r, new, items):
    assert set(state.works()) == {f"coordinator:work:s:{new}:{i}" for i in items}
    record = state.record("dead")
    assert record["status"] == "complete" and record["newCoordinatorId"] == new
    assert record["workMoved"] == len(items)
    assert record["workUnchanged"] == ["coordinator:work:s:dead:raw"]
    assert state.state("dead") == "escalated"


def count_commands(proxy, job_of, state, r):
    set_up(state, r)
    start = proxy.commands
    assert job_of(0).json().exit == 0
    return proxy.commands - start


@pytest.mark.parametrize("how", ["cut-before", "cut-after"])
def test_cut_at_every_command(server, proxy, tmp_path, state, r, how):
    def job_of(n):
        return Job("escalate-dead", proxy.url, tmp_path / str(n), BRITTLE)

    total = count_commands(proxy, job_of, state, r)
    assert total > 30
    for n in range(1, total + 1):
        new, items = set_up(state, r)
        watch = Watch(state, "dead", items)
        seen = [0]

        def command(_, words, n=n, watch=watch, seen=seen):
            watch.look()
            seen[0] += 1
            return how if seen[0] == n else None

        proxy.on_command = command
        first = job_of(n).run("--format", "json")
        assert first.exit in (0, 69, 75), first
        proxy.on_command = lambda *_, watch=watch: watch.look()
        # the lease of one that was cut may be there: it ends by itself
        r.delete("coordkeep:lease:escalate-dead")
        again = job_of(n).json()
        proxy.on_command = None
        assert again.exit == 0, (n, first, again)
        watch.check()
        if state.record("dead") is None or state.record("dead")["status"] != "complete":
            # cut after the warning and before anything else, or when its life was not known
            assert job_of(n).json().exit == 0
        finished(state, r, new, items)
        assert set(state.spawns()) == {new}, n
        assert r.get("blocking:warning:dead") is None


def test_killed_at_every_command(server, proxy, tmp_path, state, r):
    """As kill -9: the process is gone while the command is under way."""
    def job_of(n):
        return Job("escalate-dead", proxy.url, tmp_path / str(n), BRITTLE)

    total = count_commands(proxy, job_of, state, r)
    for n in range(1, total + 1):
        new, items = set_up(state, r)
        watch = Watch(state, "dead", items)
        box, seen, ready = [], [0], threading.Event()

        def command(_, words, n=n, watch=watch, seen=seen, box=box, ready=ready):
            watch.look()
            seen[0] += 1
            if seen[0] == n:
                ready.wait(30)
                box[0].kill()
                return "cut-after"
            return None

        proxy.on_command = command
        j = job_of(n)
        box.append(j.start())
        ready.set()
        box[0].process.wait(60)
        j.close()
        proxy.on_command = lambda *_, watch=watch: watch.look()
        r.delete("coordkeep:lease:escalate-dead")
        again = j.json()
        assert again.exit == 0, again
        proxy.on_command = None
        watch.check()
        finished(state, r, new, items)
        assert set(state.spawns()) == {new}, n


def test_the_replacement_starts_while_a_killed_run_is_being_finished(
        server, proxy, tmp_path, state, r):
    """It takes its spawn request, works, and deletes what is done; nothing comes back."""
    def job_of(n):
        return Job("escalate-dead", proxy.url, tmp_path / str(n), BRITTLE)

    total = count_commands(proxy, job_of, state, r)
    hits = 0
    for n in range(1, total + 1):
        new, items = set_up(state, r)
        watch = Watch(state, "dead", items)
        seen = [0]

        def command(_, words, n=n, watch=watch, seen=seen):
            watch.look()
            seen[0] += 1
            return "cut-after" if seen[0] == n else None

        proxy.on_command = command
        job_of(n).run()
        proxy.on_command = lambda *_, watch=watch: watch.look()
        r.delete("coordkeep:lease:escalate-dead")
        if state.spawns():
            hits += 1
            r.delete(f"coordinator:spawn:{new}")
            watch.taken = True
            state.heartbeat(new)
            r.delete(f"coordinator:work:s:{new}:w0")
            watch.finished.add("w0")
        again = job_of(n).json()
        proxy.on_command = None
        assert again.exit == 0, again
        watch.check()
        if watch.taken:
            assert set(state.works()) == {f"coordinator:work:s:{new}:{i}" for i in items[1:]}
            assert not state.spawns() and state.record("dead")["status"] == "complete"
    assert hits > 2


def test_cut_and_mended_within_one_run(server, tmp_path, state, r):
    """With retries a run gets over a cut at any command by itself."""
    with Proxy(server) as proxy:
        def job_of(n):
            return Job("escalate-dead", proxy.url, tmp_path / str(n), QUICK)

        total = count_commands(proxy, job_of, state, r)
        for n in range(1, total + 1):
            new, items = set_up(state, r)
            r.set("blocking:warning:dead", 3, ex=300)
            seen = [0]

            def command(_, words, n=n, seen=seen):
                seen[0] += 1
                return "cut-after" if seen[0] == n else None

            proxy.on_command = command
            done = job_of(n).json()
            proxy.on_command = None
            assert done.exit == 0, (n, done)
            finished(state, r, new, items)
            # the server's clock was read, too
            assert abs(state.record("dead")["completedAt"] - state.now()) < 60_000, n
            assert set(state.spawns()) == {new}


class Hosts:
    """Several hosts on one server. Each is told that it has the lease: correctness does not
    rest on it."""

    def __init__(self, server, directory, n):
        self.proxies = [Proxy(server).__enter__() for _ in range(n)]
        for p in self.proxies:
            p.on_command = self.lie
        self.jobs = [Job("escalate-dead", p.url, directory / f"host{i}", QUICK)
                     for i, p in enumerate(self.proxies)]

    @staticmethod
    def lie(_, words):
        if any(w.startswith(b"coordkeep:lease") for w in words):
            return b"+OK\r\n" if words[0].upper() == b"SET" else b":1\r\n"
        return None

    def run(self):
        runs = [j.start("--format", "json") for j in self.jobs]
        return [x.wait().parse() for x in runs]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for j in self.jobs:
            j.close()
        for p in self.proxies:
            p.__exit__()


@pytest.mark.parametrize("round_", range(5))
def test_two_hosts_at_the_same_second(server, tmp_path, state, r, round_):
    new, items = set_up(state, r, n=300, warnings=3)
    watch = Watch(state, "dead", items)
    stop = threading.Event()

    def keep_looking():
        own = State(server.client())
        while not stop.is_set():
            # names only, in one step: an exact picture of one instant
            keys = [k.decode().rsplit(":", 1)[1] for k in own.r.keys("coordinator:work:*")]
            if len(keys) != len(items) or len(set(keys)) != len(items):
                watch.wrong.append(sorted(keys))

    looker = threading.Thread(target=keep_looking)
    looker.start()
    with Hosts(server, tmp_path, 3) as hosts:
        done = hosts.run()
        stop.set()
        looker.join()
        watch.check()
        assert all(d.exit == 0 for d in done), done
        finished(state, r, new, items)
        assert set(state.spawns()) == {new}
        assert all(d.exit == 0 for d in hosts.run())
        assert set(state.spawns()) == {new}


def test_two_hosts_warn_once(server, tmp_path, state, r):
    for round_ in range(5):
        set_up(state, r, warnings=1)
        r.pexpire("blocking:warning:dead", 300_000 - 31_000)
        with Hosts(server, tmp_path / str(round_), 3) as hosts:
            for j in hosts.jobs:
                j.config["escalate-dead"] = {}
            done = hosts.run()
        assert all(d.exit == 0 for d in done), done
        assert r.get("blocking:warning:dead") == b"2"
        assert sum(d.count("warnings") for d in done) == 1


def test_two_hosts_and_nobody_in_the_roster(server, tmp_path, state, r):
    """Escalated by hand, met for the first time by both: first sights differ."""
    for round_ in range(10):
        r.flushall()
        for i in range(50):
            state.work("dead", f"w{i}")
        r.set("blocking:warning:dead", 3, ex=300)
        with Hosts(server, tmp_path / str(round_), 2) as hosts:
            done = hosts.run()
            assert all(d.exit == 0 for d in done), done
            assert len(state.spawns()) == 1 and len(state.works()) == 50
            assert len({k.split(":")[3] for k in state.works()}) == 1
            assert all(d.exit == 0 for d in hosts.run())
        assert len(state.spawns()) == 1


def test_a_run_that_is_started_while_one_is_running(job, proxy, state, r):
    new, items = set_up(state, r, warnings=3)
    escalate = job("escalate-dead", QUICK, url=proxy.url)
    inside, go_on = threading.Event(), threading.Event()

    def command(_, words):
        if words[0].upper() == b"EVALSHA" and len(words) == 17 and not inside.is_set():
            inside.set()
            go_on.wait(60)

    proxy.on_command = command
    first = escalate.start("--format", "json")
    assert inside.wait(60)
    other = job("escalate-dead", QUICK).run()
    assert other.exit == 75, other
    go_on.set()
    assert first.wait().exit == 0
    finished(state, r, new, items)


@pytest.mark.parametrize("error, code", [
    (b"-OOM command not allowed when used memory > 'maxmemory'.\r\n", 69),
    (b"-NOPERM this user has no permissions\r\n", 77),
    (b"-ERR something else\r\n", 2),
])
def test_an_error_while_moving_is_not_success(job, proxy, state, r, error, code):
    new, items = set_up(state, r, warnings=3)
    escalate = job("escalate-dead", QUICK, url=proxy.url)
    proxy.on_command = lambda _, words: (
        error if words[0].upper() == b"EVALSHA" and len(words) == 17 else None)
    done = escalate.json()
    assert done.exit == code, done
    assert not state.spawns() and len(state.works()) == len(items)
    assert state.record("dead")["status"] == "in_progress"
    proxy.on_command = None
    assert escalate.json().exit == 0
    finished(state, r, new, items)


def test_a_record_that_cannot_be_replaced_now_is_replaced_later(job, proxy, state, r):
    """A second death, and an error at its first step: it is not taken for the first one."""
    incarnation = state.silent("dead")
    r.set("blocking:warning:dead", 3)
    r.set("coordinator:escalation:dead", json.dumps(
        {"status": "complete", "incarnation": 5, "newCoordinatorId": "r-old",
         "timestamp": state.now() - 7 * 60_000}))
    escalate = job("escalate-dead", QUICK, url=proxy.url)
    failed = []

    def command(_, words):
        if words[0].upper() == b"EVALSHA" and words[3] == b"coordinator:escalation:dead":
            failed.append(1)
            return b"-ERR no\r\n"
        return None

    proxy.on_command = command
    assert escalate.json().exit == 2 and failed
    proxy.on_command = None
    assert not state.spawns() and state.state("dead") == "suspect"
    assert escalate.json().exit == 0
    assert set(state.spawns()) == {successor("dead", incarnation)}


def test_time_is_up_while_moving(job, proxy, state, r):
    """SIGTERM between batches: 75, and the next run goes on."""
    new, items = set_up(state, r, n=200, warnings=3)
    escalate = job("escalate-dead", QUICK, url=proxy.url)
    box, ready = [], threading.Event()

    def command(_, words):
        if words[0].upper() == b"EVALSHA" and len(words) == 17 and not ready.is_set():
            wait_for(lambda: box, what="the run")
            box[0].signal()
            ready.set()

    proxy.on_command = command
    box.append(escalate.start("--format", "json"))
    done = box[0].wait()
    assert done.exit == 75, done
    assert not state.spawns()
    assert escalate.json().exit == 0
    finished(state, r, new, items)
    assert json.loads(done.stdout)["exit"] == 75
