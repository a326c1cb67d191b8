"""conf/redis-acl.conf: with it the jobs do all that they do, and nothing in it is spare.

Each way to run a job is run as a user without limits first, under MONITOR, then as the
user of the file. Then each permission in turn is taken away, and the ways that use it are
run until one is refused.
"""

import fnmatch
import json
import re
import subprocess

import pytest
import redis

from escalating import MINUTE, State
from harness import Job, Monitor, RedisServer, root_dir

FILE = root_dir() / "conf" / "redis-acl.conf"
PASSWORD = "of-the-test"
# The jobs do without these, as the file says.
COMFORT = {"+role", "+dbsize", "+client|setname"}


def users(marker=""):
    """{name: [permission]} of the file; marker="#6 " for the lines of Redis 6."""
    found = {}
    for line in FILE.read_text().splitlines():
        if line.startswith(f"{marker}user "):
            name, *rest = line[len(marker):].split()[1:]
            assert rest[0] == "on" and name not in found
            found[name] = rest[1:]
    return found


# The ways. Each starts from an empty server: prepare() fills it as a user without limits
# and returns the words of the run, as the user to be tested.

class Way:
    def __init__(self, job, *line, prepare=None, config=None, db=0):
        self.job, self.line, self.prepare = job, line, prepare
        self.config, self.db = config or {}, db

    def __repr__(self):
        return f"{self.job} {' '.join(self.line)} ({getattr(self.prepare, '__name__', '-')})"


def everyones(r):
    """Other people's keys, which no user may read, and coordkeep's, which some may."""
    for key in ("session:1", "coordinator:else", "circuit:else", "swarm:s"):
        r.set(key, "x")


def fleet(ctx):
    s, r = ctx.state, ctx.r
    s.heartbeat("alive")
    r.set("blocking:signal:alive", json.dumps({"receiverId": "alive", "timestamp": s.now()}),
          ex=86400)
    r.set("coordinator:activity:alive", json.dumps({"lastActivity": s.now()}), ex=600)
    r.set("circuit:breaker:status", "closed", ex=300)
    s.work("alive", "w0")


def stale(ctx):
    """Two dead ones with all that there can be, and records of nobody."""
    fleet(ctx)
    s, r = ctx.state, ctx.r
    for ident in ("dead", "gone"):
        s.heartbeat(ident, age=20 * MINUTE, ttl=None)
        old = s.now() - 20 * MINUTE
        r.set(f"blocking:signal:{ident}", json.dumps({"receiverId": ident, "timestamp": old}))
        r.set(f"blocking:ack:{ident}:m:1", json.dumps(
            {"coordinatorId": ident, "signalId": "m:1", "timestamp": old}))
        r.hset(f"blocking:ack:{ident}", "f", "v")
        r.set(f"blocking:state:{ident}", "x")
        r.set(f"blocking:warning:{ident}", 2)
        r.set(f"blocking:idempotency:{ident}:alive:wake:1:99", 1)
        r.set(f"coordinator:activity:{ident}", json.dumps({"lastActivity": old}))


def undo(ctx):
    stale(ctx)
    reap = ctx.unlimited("reap-stale")
    assert reap.run().exit == 0
    return ["--undo", reap.journals()[-1]]


def orphans(ctx):
    """The state that two runs, an orphan_after apart, leave and find."""
    s, r = ctx.state, ctx.r
    fleet(ctx)
    r.set("blocking:signal:orphan", json.dumps({"timestamp": s.now() - 3600_000}))
    ctx.unlimited("reap-stale").run()
    for field, value in r.hgetall("coordkeep:orphans").items():
        then = re.sub(rb"\d{13}", lambda m: b"%d" % (int(m[0]) - 3600_000), value)
        assert then != value
        r.hset("coordkeep:orphans", field, then)


def dying(ctx):
    """Known for long, silent for five minutes, with work."""
    fleet(ctx)
    s, r = ctx.state, ctx.r
    s.alive("alive")
    s.silent("dead")
    s.work("dead", "w1")
    r.set("coordinator:work:s:dead:w2", "raw", ex=60)
    s.roster("left", first=MINUTE, life=MINUTE, seen=MINUTE, expiry=-30_000, heartbeat=b"x")


def last_warning(ctx):
    dying(ctx)
    ctx.r.set("blocking:warning:dead", 2, px=290_000)


def recovered(ctx):
    dying(ctx)
    ctx.unlimited("escalate-dead").run()
    ctx.state.heartbeat("dead")


def escalated(ctx):
    dying(ctx)
    assert ctx.unlimited("escalate-dead").run("--coordinator", "dead", "--force").exit == 0


def endless(ctx):
    fleet(ctx)
    s, r = ctx.state, ctx.r
    for key in ("signal:a", "ack:a:s", "warning:a", "state:a", "retry:s:1", "retry:failed:s",
                "idempotency:a:b:wake:1:99", "else"):
        r.set(f"blocking:{key}", "x")
    s.heartbeat("a", ttl=None)
    for key in ("activity:a", "work:s:a:w", "escalation:a", "spawn:a", "circuit:a"):
        r.set(f"coordinator:{key}", "x")
    r.set("circuit:breaker:status", "open")


def long_lived(ctx):
    endless(ctx)
    ctx.r.set("blocking:signal:b", "x", ex=7 * 86400)


def cut_short(ctx):
    """A cursor of a run whose time was up."""
    endless(ctx)
    pipe = ctx.r.pipeline(transaction=False)
    for i in range(800):
        pipe.set(f"blocking:state:{i}", "x", ex=60)
    pipe.execute()


def other_host(ctx):
    fleet(ctx)
    ctx.unlimited("clock-audit", {"clock-audit": {"host": "other"}}).run()


def paused(ctx):
    assert ctx.unlimited("ttl-fixer").run("--pause", "1h").exit == 0


def rotating(ctx, name="host-1", hosts="host-1"):
    """A host with a secret, as the words that tell the job of it."""
    here = ctx.here / name
    here.mkdir(parents=True)
    for file, text in (("env", "BLOCKING_COORDINATION_SECRET=" + "s" * 40), ("key", "k" * 64)):
        (here / file).write_text(text + "\n")
        (here / file).chmod(0o600)
    (here / "state").mkdir(mode=0o700)
    options = {"secrets.env_file": here / "env"}
    options.update({f"secret-rotate-phase.{k}": v for k, v in {
        "host": name, "hosts": hosts, "coordinators_accept_other": "yes", "soak": "0s",
        "drain": "0s", "master_key_file": here / "key", "state_dir": here / "state",
        "check_command": "true", "reload_command": "", "restart_command": ""}.items()})
    return [word for k, v in options.items() for word in ("--set", f"{k}={v}")]


def two_hosts(ctx):
    hosts = [rotating(ctx, name, "host-1 host-2") for name in ("host-1", "host-2")]
    job = ctx.unlimited("secret-rotate-phase")
    assert [job.run(*words).exit for words in hosts] == [0, 0]
    assert job.run("--start", *hosts[0]).exit == 0
    ctx.state.heartbeat("alive")
    return hosts[0]


def draining(ctx):
    words = rotating(ctx)
    job = ctx.unlimited("secret-rotate-phase")
    assert job.run("--start", *words).exit == 0
    while ctx.r.hget("coordkeep:rotation", "phase") != b"drain":
        assert job.run(*words).exit == 0
    for key in ("signal:a", "ack:a:s", "retry:s:1"):
        ctx.r.set(f"blocking:{key}", "x")
    return words


def put_back(ctx):
    words = draining(ctx)
    ctx.r.delete("coordkeep:rotation")
    return words


def rotation_paused(ctx):
    assert ctx.unlimited("secret-rotate-phase").run("--pause", "1h").exit == 0
    return rotating(ctx)


SLOW = {"scan": {"max_keys_per_second": 500}}
ORPHANS = {"reap-stale": {"orphans": "reap", "orphan_after": "30m"}}
WAYS = [
    Way("reap-stale", "-n", prepare=stale),
    Way("reap-stale", prepare=stale),
    Way("reap-stale", prepare=stale, db=3),
    Way("reap-stale", "--coordinator", "dead", prepare=stale),
    Way("reap-stale", "--all", "--yes", "--force", prepare=stale),
    Way("reap-stale", prepare=undo),
    Way("reap-stale", "-n", prepare=undo),
    Way("reap-stale", prepare=orphans, config=ORPHANS),
    Way("reap-stale", "--pause", "1h", "--reason", "test"),
    Way("reap-stale", "--resume", prepare=paused),
    Way("reap-stale", prepare=paused),
    Way("escalate-dead", "-n", prepare=dying),
    Way("escalate-dead", prepare=dying),
    Way("escalate-dead", prepare=last_warning),
    Way("escalate-dead", prepare=recovered),
    Way("escalate-dead", prepare=escalated),
    Way("escalate-dead", prepare=stale),
    Way("escalate-dead", "--coordinator", "dead", "--force", prepare=dying),
    Way("escalate-dead", "--cancel", "dead", prepare=escalated),
    Way("escalate-dead", "--list", prepare=escalated),
    Way("escalate-dead", "--explain", "dead", prepare=escalated),
    Way("escalate-dead", "--explain", "dead", prepare=dying),
    Way("escalate-dead", "--pause", "1h"),
    Way("ttl-fixer", "-n", prepare=endless),
    Way("ttl-fixer", prepare=endless),
    Way("ttl-fixer", "--report", prepare=endless),
    Way("ttl-fixer", "--pressure", "--force", "-n", prepare=long_lived),
    Way("ttl-fixer", "--pressure", "--force", prepare=long_lived),
    Way("ttl-fixer", "--max-runtime", "1s", prepare=cut_short, config=SLOW),
    Way("ttl-fixer", "--resume", prepare=paused),
    Way("clock-audit", "-n", prepare=fleet),
    Way("clock-audit", prepare=fleet),
    Way("clock-audit", "-v", prepare=other_host),
    Way("secret-rotate-phase", prepare=rotating),
    Way("secret-rotate-phase", prepare=rotating, db=3),
    Way("secret-rotate-phase", "--start", prepare=rotating),
    Way("secret-rotate-phase", prepare=draining),
    Way("secret-rotate-phase", prepare=put_back),
    Way("secret-rotate-phase", "--status", prepare=draining),
    Way("secret-rotate-phase", "--catch-up", prepare=draining),
    Way("secret-rotate-phase", "--skip-drain", "--yes", prepare=draining),
    Way("secret-rotate-phase", "--abort", prepare=two_hosts),
    Way("secret-rotate-phase", "--turn", "host-2", prepare=two_hosts),
    Way("secret-rotate-phase", "--exclude-host", "host-2", prepare=two_hosts),
    Way("secret-rotate-phase", "--pause", "1h"),
    Way("secret-rotate-phase", prepare=rotation_paused),
    Way("secret-rotate-phase", "--resume", prepare=rotation_paused),
]


class Context:
    """A server on which ways are run."""

    def __init__(self, server, directory):
        self.server, self.directory = server, directory
        self.runs = 0

    def unlimited(self, job, config=None):
        return self._job(job, self.server.url, config)

    def _job(self, job, url, config):
        base = {"liveness": {"confirm": "0s"}, "escalate-dead": {"warning_interval": "0s"}}
        return Job(job, f"{url}?db={self.db}" if self.db else url, self.here,
                   Job._merge(base, config))

    def run(self, way, user=None, record=False):
        """One way, as `user`; the run, and the commands if they are to be recorded."""
        self.runs += 1
        self.here, self.db = self.directory / str(self.runs), way.db
        self.r = self.server.client(db=way.db)
        self.r.flushall()
        self.r.script_flush()
        self.state = State(self.r)
        everyones(self.r)
        if way.job != "secret-rotate-phase":
            self.r.hset("coordkeep:rotation", "epoch", 1)
            self.r.hset("coordkeep:rotation:reports", "h", "{}")
        more = (way.prepare(self) if way.prepare else None) or []
        self.r.script_flush()
        auth = "" if user is None else f"{user}:{PASSWORD}@"
        job = self._job(way.job, self.server.url.replace("unix://", f"unix://{auth}"), way.config)
        if not record:
            return job.json(*way.line, *more), None
        with Monitor(self.server) as seen:
            done = job.json(*way.line, *more)
        return done, seen.commands


def load(r, name, permissions):
    r.execute_command("ACL", "SETUSER", name, "reset", "on", f">{PASSWORD}", *permissions)


def same(limited, unlimited):
    """Did it do what a user without limits does?"""
    return limited.exit == unlimited.exit \
        and limited.json["counts"] == unlimited.json["counts"] \
        and limited.finding_codes() == unlimited.finding_codes()


def ways_of(user):
    return [w for w in WAYS if (w.job == "secret-rotate-phase") == (user == "coordkeep-rotate")]


def uses(commands, permission):
    """Did a command that the server ran need it?"""
    kind, what = re.fullmatch(r"(\+|&|~|%R~)(.*)", permission).groups()
    if kind == "+":
        name, _, sub = what.upper().partition("|")
        return any(n == name and (not sub or a[0].upper() == sub) for n, a, _ in commands)
    if kind == "&":
        return any(n == "PUBLISH" and fnmatch.fnmatchcase(a[0], what) for n, a, _ in commands)
    return any(fnmatch.fnmatchcase(word, what) for _, a, _ in commands for word in a)


@pytest.fixture(scope="module")
def context(tmp_path_factory):
    with RedisServer(config={"acl-pubsub-default": "resetchannels"}) as server:
        yield Context(server, tmp_path_factory.mktemp("acl"))


@pytest.fixture(scope="module")
def unlimited(context):
    """{way: (the run, the commands)} of a user without limits."""
    return {way: context.run(way, record=True) for way in WAYS}


@pytest.mark.parametrize("user", list(users()))
def test_the_jobs_do_all_that_they_do(context, unlimited, user):
    load(context.server.client(), user, users()[user])
    for way in ways_of(user):
        done, _ = context.run(way, user)
        assert same(done, unlimited[way][0]), f"{way}\n{done}\nand as a user without limits\n" \
            f"{unlimited[way][0]}"


@pytest.mark.parametrize("user", list(users()))
def test_every_permission_is_needed(context, unlimited, user):
    permissions = users()[user]
    assert len(set(permissions)) == len(permissions)
    spare = []
    for taken in permissions:
        load(context.server.client(), user, [p for p in permissions if p != taken])
        using = [w for w in ways_of(user) if uses(unlimited[w][1], taken)]
        exits = []
        while using and 77 not in exits:
            exits.append(context.run(using.pop(0), user)[0].exit)
        if (77 in exits) == (taken in COMFORT):
            spare.append(f"without {taken} the runs that use it ended with {exits}")
    assert not spare, "\n".join(spare)


@pytest.mark.parametrize("user", list(users()))
def test_the_lines_for_redis_6(context, unlimited, user):
    """No words that it does not know, and as much of a command and of keys as above."""
    six, seven = users("#6 ")[user], users()[user]
    assert {p[0] for p in six} == {"~", "+"}
    assert [p for p in six if p[0] == "+"] == [p for p in seven if p[0] == "+"]
    r = context.server.client()
    r.config_set("acl-pubsub-default", "allchannels")   # as Redis 6 has it
    load(r, user, six)
    r.config_set("acl-pubsub-default", "resetchannels")
    for way in ways_of(user):
        done, _ = context.run(way, user)
        assert same(done, unlimited[way][0]), f"{way}\n{done}"


# How the file says that it is taken in.

def loaded(r):
    """{user: its flags} of those in the file."""
    return {u: set(r.acl_getuser(u)["flags"]) for u in users()}


def check_loaded(r):
    for user, flags in loaded(r).items():
        assert "on" in flags and not {"nopass", "allkeys", "allcommands", "allchannels"} & flags
        # no password, no way in
        with pytest.raises((redis.AuthenticationError, redis.ResponseError)):
            r.execute_command("AUTH", user, "")
        r.execute_command("ACL", "SETUSER", user, f">{PASSWORD}")
        assert r.execute_command("AUTH", user, PASSWORD)
        with pytest.raises(redis.ResponseError, match="NOPERM|no permissions"):
            r.execute_command("FLUSHALL")
        r.execute_command("AUTH", "default", "")


def test_as_an_include():
    with RedisServer(config={"include": str(FILE)}) as server, server.client() as r:
        check_loaded(r)


def test_as_an_acl_file(tmp_path):
    acl = tmp_path / "users.acl"
    acl.write_text("user default on nopass ~* &* +@all\n")
    command = f"grep '^user ' {FILE} >> {acl}"
    assert command.split(" /")[0] in FILE.read_text()
    subprocess.run(["/bin/sh", "-c", command], check=True)
    with RedisServer(config={"aclfile": str(acl)}) as server, server.client() as r:
        assert r.execute_command("ACL", "LOAD")
        check_loaded(r)


def test_on_a_running_server(server, r):
    command = "sed -n 's/^user /ACL SETUSER /p'"
    assert command in FILE.read_text()
    done = subprocess.run(["/bin/sh", "-c", f"{command} {FILE} | redis-cli -s {server.socket}"],
                          capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["OK"] * len(users()), done
    check_loaded(r)
