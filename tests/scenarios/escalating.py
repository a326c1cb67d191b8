"""States that escalate-dead meets, written directly, so that no test waits for minutes."""

import hashlib
import json

# Runs follow one another at once: each counts.
QUICK = {"escalate-dead": {"warning_interval": "0s"}, "liveness": {"confirm": "200ms"}}
MINUTE = 60_000


def fnv(value):
    h = 0xcbf29ce484222325
    for b in value:
        h = (h ^ b) * 0x100000001b3 % 2**64
    return h or 1


def successor(ident, incarnation):
    if isinstance(ident, str):
        ident = ident.encode()
    return "r-" + hashlib.sha256(ident + b"\0" + str(incarnation).encode()).hexdigest()[:32]


class State:
    """state.silent("coord-1") is a coordinator that wrote heartbeats and stopped."""

    def __init__(self, r):
        self.r = r

    def now(self):
        seconds, micro = self.r.time()
        return seconds * 1000 + micro // 1000

    def roster(self, ident, state="known", *, first=None, life=None, seen=None, expiry=None,
               since=None, incarnation=0, heartbeat=b"", sight=None):
        """Put an entry into the roster; times are ms ago, None = never."""
        now = self.now()

        def at(ago):
            return 0 if ago is None else now - ago

        entry = ["v1", at(sight if sight is not None else MINUTE), at(since or first), state,
                 incarnation, f"{fnv(heartbeat) if heartbeat else 0:016x}", at(expiry),
                 f"{0:016x}", at(first), at(life), at(seen)]
        self.r.hset("coordkeep:roster", ident, " ".join(map(str, entry)))

    def silent(self, ident, ago=5 * MINUTE, **more):
        """Known to the roster, silent and without a heartbeat since `ago`. Returns the incarnation."""
        self.roster(ident, first=60 * MINUTE, life=ago, seen=ago, expiry=ago - 90_000, **more)
        return int(self.r.hget("coordkeep:roster", ident).split()[9])

    def alive(self, ident, **more):
        """Known to the roster, and its heartbeat changes."""
        self.roster(ident, first=60 * MINUTE, life=MINUTE, seen=MINUTE, expiry=-30_000,
                    heartbeat=b"before")
        self.heartbeat(ident, **more)

    def heartbeat(self, ident, age=0, ttl=90, **fields):
        self.r.set(f"blocking:heartbeat:{ident}", json.dumps(
            {"coordinatorId": ident, "timestamp": self.now() - age, "iteration": 1, **fields}),
            ex=ttl)

    def work(self, ident, work_id, swarm="s", ttl=3600, **fields):
        """A work item; its key."""
        key = f"coordinator:work:{swarm}:{ident}:{work_id}"
        self.r.set(key, json.dumps({"workId": work_id, "assignedTo": ident,
                                    "status": "in_progress", "data": {"n": 1}, **fields}), ex=ttl)
        return key

    def record(self, ident):
        raw = self.r.get(f"coordinator:escalation:{ident}")
        return None if raw is None else json.loads(raw)

    def spawns(self):
        """{newId: request} of all spawn requests."""
        return {k.decode().split(":", 2)[2]: json.loads(self.r.get(k))
                for k in self.r.scan_iter("coordinator:spawn:*")}

    def works(self):
        """{key: bytes} of all work."""
        return {k.decode("utf-8", "backslashreplace"): self.r.get(k)
                for k in self.r.scan_iter("coordinator:work:*", count=1000)}

    def entry(self, ident):
        raw = self.r.hget("coordkeep:roster", ident)
        return None if raw is None else raw.decode().split()

    def state(self, ident):
        entry = self.entry(ident)
        return None if entry is None else entry[3]


def to_the_end(job, times=3):
    """Run until the warnings are all given; the last run."""
    for _ in range(times):
        done = job.json()
        assert done.exit == 0, done
    return done
