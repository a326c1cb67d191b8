"""All that run by themselves at once, two of each, while coordinators live, crash, hang and come
back, keys lose their TTL and leases vanish. A checker looks on all the while."""

import json
import os
import random
import threading
import time

import pytest

from harness import wait_for

DEAD_AFTER_MS = 4000
JOBS = ("escalate-dead", "reap-stale", "ttl-fixer", "clock-audit")
CONFIG = {
    "liveness": {"confirm": "500ms", "heartbeat_ttl_max": "10s"},
    "escalate-dead": {"dead_after": "4s", "warning_interval": "200ms", "spawn_timeout": "1m"},
    "reap-stale": {"stale_after": "6s"},
    "ttl": {"heartbeat": "3s"},
}
CHAOS_SECONDS = 20
# One instant of the server: its time, all work, the heartbeats and the keys asked for.
LOOK = """
local work = {}
for _, key in ipairs(redis.call('KEYS', 'coordinator:work:*')) do
  work[#work + 1] = {key, redis.call('GET', key)}
end
local beats, there = {}, {}
for i, key in ipairs(KEYS) do
  beats[i] = redis.call('GET', key) or ''
end
for i, key in ipairs(ARGV) do
  there[i] = redis.call('EXISTS', key)
end
return {redis.call('TIME'), work, beats, there}
"""


class Life:
    """One process of a coordinator, from after its first beat until it is to be ended."""

    def __init__(self, ident):
        self.id, self.beat, self.changed = ident, None, None
        # what only the jobs could take away
        self.keys = [f"blocking:state:{ident}", f"blocking:ack:{ident}:{time.monotonic_ns()}",
                     f"blocking:idempotency:{ident}:nobody:wake:1:{time.monotonic_ns()}"]


class Checker(threading.Thread):
    def __init__(self, server, works):
        super().__init__(daemon=True)
        self.r, self.works = server.client(), works
        self.lives = {}      # id -> Life of those that live; replaced, never changed
        self.wrong, self.looks, self.checked = [], 0, 0
        self.ending = False
        self.last = None   # the time of the last look

    def run(self):
        while not self.ending and len(self.wrong) < 20:
            try:
                self.look()
            except Exception as e:
                self.wrong.append(f"the checker itself: {e!r}")
                return
            time.sleep(0.02)

    def look(self):
        lives = list(self.lives.values())
        keys = [k for life in lives for k in life.keys]
        (s, us), work, beats, there = self.r.eval(
            LOOK, len(lives), *[f"blocking:heartbeat:{x.id}" for x in lives], *keys)
        now = int(s) * 1000 + int(us) // 1000
        self.looks += 1
        self.look_at_work(work)
        present = dict(zip(keys, there))
        for life, beat in zip(lives, beats):
            if beat and beat != life.beat:
                life.beat, life.changed = beat, now
            life.changed = life.changed or now
            # on a loaded machine a process can stand still for so long that it counts as dead
            if (self.last and now - self.last > 1000) or now - life.changed > DEAD_AFTER_MS / 2:
                self.lives.pop(life.id, None)
            if self.lives.get(life.id) is not life:
                continue
            self.checked += 1
            gone = [k for k in life.keys if not present[k]]
            if gone or not beat:
                self.wrong.append(f"at {now} {life.id} lives and has lost "
                                  f"{gone or 'its heartbeat'}, last {life.beat} at {life.changed}")
        self.last = now

    def look_at_work(self, work):
        seen = {}
        for key, value in work:
            item = json.loads(value)
            seen.setdefault(item["workId"], []).append(key.decode())
            if item["data"] != self.works[item["workId"]]:
                self.wrong.append(f"{key!r} has other data: {value!r}")
            if item["assignedTo"] != key.decode().split(":")[3]:
                self.wrong.append(f"{key!r} is not its owner's: {value!r}")
        for work_id in self.works:
            if len(seen.get(work_id, [])) != 1:
                self.wrong.append(f"{work_id} is {seen.get(work_id, 'lost')}")


class Loop(threading.Thread):
    """A job, again and again, as cron would have it."""

    def __init__(self, job):
        super().__init__(daemon=True)
        self.job, self.exits, self.codes, self.wrong = job, {}, set(), []
        self.done = []   # what it changed, with the time
        self.ending = False

    def run(self):
        while not self.ending and not self.wrong:
            try:
                done = self.job.json()
            except AssertionError as e:
                self.wrong.append(str(e))
                return
            self.exits[done.exit] = self.exits.get(done.exit, 0) + 1
            self.codes.update(done.finding_codes())
            self.done += [f"{done.json['started']} {self.job.name} {done.json['run']}: "
                          f"{a['action']} {a.get('key')} {a['text']}" for a in done.actions()]
            if done.exit not in (0, 1, 75):
                self.wrong.append(str(done))
            time.sleep(0.3)


class Chaos:
    def __init__(self, r, fleet, checker, rng):
        self.r, self.fleet, self.checker, self.rng = r, fleet, checker, rng
        self.members, self.down, self.hung = {}, {}, {}
        self.said = []

    def start(self, ident, **more):
        member = self.fleet.start(ident, interval=0.2, ttl=3, activity=self.rng.random() < 0.5,
                                  peer=self.rng.sample(sorted(self.members), 1)
                                  if self.members else [], **more)
        self.members[ident] = member
        self.live(ident)

    def live(self, ident):
        life = Life(ident)
        for key in life.keys:
            self.r.set(key, self.rng.randbytes(8), ex=3600)
        self.checker.lives[ident] = life

    def leave(self, ident):
        self.checker.lives.pop(ident, None)
        return self.members.pop(ident)

    def replace(self):
        """The spawner."""
        for key in self.r.scan_iter("coordinator:spawn:*"):
            ident = key.decode().split(":", 2)[2]
            if ident not in self.members and ident not in self.down and ident not in self.hung:
                self.say("start", ident)
                self.start(ident)
            self.r.delete(key)

    def say(self, *words):
        self.said.append(" ".join(words))

    def end_one(self):
        """Not more than two at a time: many would be a mass loss."""
        if len(self.down) + len(self.hung) >= 2:
            return
        ident = self.rng.choice(sorted(self.members))
        how = self.rng.choice(("crash", "crash", "hang", "shut_down"))
        self.say(how, ident)
        member = self.leave(ident)
        getattr(member, how)()
        (self.hung if how == "hang" else self.down)[ident] = (time.monotonic(), member)

    def bring_back(self):
        for ident, (since, member) in sorted({**self.down, **self.hung}.items()):
            if time.monotonic() - since < self.rng.uniform(0.5, 12):
                continue
            hung = self.hung.pop(ident, None)
            self.down.pop(ident, None)
            self.say("wake" if hung else "restart", ident)
            if hung:
                member.wake()
                member.wait_for_beats(2)   # it can have been hung between a beat and saying so
                self.members[ident] = member
                self.live(ident)
            else:
                member.close()
                self.start(ident)

    def spoil(self):
        keys = [k for p in ("blocking:*", "coordinator:*") for k in self.r.scan_iter(p, count=500)]
        self.r.persist(self.rng.choice(sorted(keys)))
        for lease in self.r.scan_iter("coordkeep:lease:*"):
            if self.rng.random() < 0.3:
                self.r.delete(lease)


def without_ttl(r):
    return [k for p in ("blocking:*", "coordinator:*") for k in r.scan_iter(p, count=500)
            if r.ttl(k) == -1]


@pytest.mark.long
def test_everything_at_once(server, r, job, fleet, tmp_path):
    seed = int(os.environ.get("SEED", random.randrange(2**32)))
    print(f"SEED={seed}")
    rng = random.Random(seed)
    works = {f"w{i}": {"task": f"task of w{i}", "big": 9007199254740993} for i in range(24)}
    checker = Checker(server, works)
    chaos = Chaos(r, fleet, checker, rng)
    for i in range(8):
        chaos.start(f"c{i}", work=[f"w{j}" for j in range(i, 24, 8)])
    loops = [Loop(job(name, CONFIG, directory=tmp_path / f"host-{h}")) for h in "ab" for name in JOBS]
    checker.start()
    for loop in loops:
        loop.start()

    def fine():
        wrong = checker.wrong + [w for loop in loops for w in loop.wrong]
        done = sorted(x for loop in loops for x in loop.done)
        assert not wrong, "\n".join([f"SEED={seed}", *chaos.said, *done[-200:], *wrong])
        return True

    end = time.monotonic() + CHAOS_SECONDS
    while time.monotonic() < end and fine():
        rng.choice((chaos.end_one, chaos.bring_back, chaos.replace, chaos.spoil, chaos.spoil))()
        time.sleep(0.1)

    # Then they are left in peace: the hung are killed, the rest is the jobs' and the spawner's.
    for ident, (_, member) in chaos.hung.items():
        member.crash()
    chaos.hung.clear()

    def settled():
        fine()
        chaos.replace()
        owners = {k.decode().split(":")[3] for k in r.scan_iter("coordinator:work:*", count=500)}
        # who shut down cleanly keeps its work until it is started again
        for ident in (owners & set(chaos.down)) - set(chaos.members):
            since, member = chaos.down[ident]
            if member.process.returncode == 0:
                del chaos.down[ident]
                member.close()
                chaos.start(ident)
        return owners <= set(chaos.members) and not without_ttl(r)

    wait_for(settled, 180, every=0.3, what=lambda: f"SEED={seed}: {chaos.said}, work: "
             f"{[k for k in r.scan_iter('coordinator:work:*')]}, living: {set(chaos.members)}, "
             f"no TTL: {without_ttl(r)}")
    for loop in loops:
        loop.ending = True
    for loop in loops:
        loop.join(120)
    checker.ending = True
    checker.join(60)
    fine()
    for loop in loops:
        print(loop.job.name, loop.exits, sorted(loop.codes))
        assert not loop.is_alive() and loop.exits.get(0, 0) + loop.exits.get(1, 0) >= 3, loop.exits
    print(checker.looks, "looks,", checker.checked, "times a living one;", chaos.said)
    assert checker.checked >= 200 and checker.looks >= 50
    assert sum(x.startswith(("crash", "hang")) for x in chaos.said) >= 2
