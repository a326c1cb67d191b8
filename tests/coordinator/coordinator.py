#!/usr/bin/python3
"""A coordinator, as real as a test needs it: one process that heartbeats, owns work,
sends signals, verifies those that it gets and answers with signed acks.

It reads its secrets from an environment file when it starts and carries them in its own
environment (it executes itself with them), as systemd's EnvironmentFile= does.

    SIGTERM  clean shutdown: its heartbeat and signal are deleted
    SIGHUP   reload: reads the environment file again, same process id
    SIGKILL  a crash           SIGSTOP  a hang

A line on stdin changes it while it runs: "offset MS", "interval SECONDS", "field NAME",
"mute" (stop heartbeating, go on with the rest), "unmute", "work ID", "send RECEIVER".
"""

import argparse
import hashlib
import hmac
import json
import os
import select
import shlex
import signal
import socket
import sys
import time

import redis

SECRETS = ("BLOCKING_COORDINATION_SECRET", "BLOCKING_COORDINATION_SECRET_NEW")
READY = "COORDINATOR_ENVIRONMENT_READ"
COUNTS = "COORDINATOR_COUNTS"


def parse_arguments(argv):
    p = argparse.ArgumentParser(description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--socket", required=True, help="unix socket of Redis")
    p.add_argument("--db", type=int, default=0)
    p.add_argument("--id", required=True)
    p.add_argument("--interval", type=float, default=0.3, help="seconds between heartbeats")
    p.add_argument("--ttl", type=int, default=90, help="of the heartbeat; 0 = none (a bug to test)")
    p.add_argument("--offset-ms", type=int, default=0, help="how far its clock is ahead")
    p.add_argument("--field", default="timestamp", choices=("timestamp", "lastHeartbeat", "ts"))
    p.add_argument("--seconds", action="store_true", help="stamp seconds, not milliseconds")
    p.add_argument("--bare", action="store_true", help="a heartbeat with the time and nothing else")
    p.add_argument("--activity", action="store_true", help="keep an activity record too")
    p.add_argument("--swarm", default="swarm-1")
    p.add_argument("--work", action="append", default=[], metavar="ID")
    p.add_argument("--peer", action="append", default=[], metavar="ID", help="signal it regularly")
    p.add_argument("--signal-interval", type=float, default=0.5)
    p.add_argument("--ack-ttl", type=int, default=3600)
    p.add_argument("--env-file", help="read the secrets from it")
    p.add_argument("--one-secret", action="store_true", help="does not read the second secret")
    p.add_argument("--status", help="file for counts, replaced whole at each beat")
    return p.parse_args(argv)


def read_environment_file(path):
    """NAME=VALUE lines, quotes and comments as systemd.exec(5) has them."""
    found = {}
    with open(path, encoding="utf-8") as f:
        for line in f:
            line = line.strip()
            if not line or line[0] in "#;" or "=" not in line:
                continue
            name, value = line.split("=", 1)
            value = value.strip()
            if value[:1] in ("'", '"') and value[-1:] == value[:1] and len(value) > 1:
                value = value[1:-1]
            found[name.strip()] = value
    return found


def execute_with_environment(path):
    env = {k: v for k, v in os.environ.items() if k not in SECRETS}
    env.update(read_environment_file(path))
    env[READY] = "1"
    # One that comes meanwhile waits until there is a handler again: it would end us.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])
    os.execve(sys.executable, [sys.executable, *sys.argv], env)


def sign(secret, *parts):
    return hmac.new(secret.encode(), ":".join(map(str, parts)).encode(),
                    hashlib.sha256).hexdigest()


class Coordinator:
    def __init__(self, options):
        self.o = options
        self.id = options.id
        self.r = redis.Redis(unix_socket_path=options.socket, db=options.db)
        self.loaded = time.monotonic_ns()
        self.sequence = 0
        self.muted = False
        self.ending = self.reloading = False
        self.outstanding = {}
        self.counts = {"heartbeats": 0, "signals_sent": 0, "signals_accepted": 0,
                       "signals_rejected": 0, "acks_verified": 0, "acks_rejected": 0}
        # a reload goes on counting: what was rejected before it is not forgotten
        self.counts.update(json.loads(os.environ.get(COUNTS, "{}")))
        self.secret = os.environ.get(SECRETS[0], "")
        self.accepted = [self.secret]
        if not options.one_secret and os.environ.get(SECRETS[1]):
            self.accepted.append(os.environ[SECRETS[1]])
        self.work = list(options.work)

    def now(self):
        ms = time.time_ns() // 1_000_000 + self.o.offset_ms
        return ms // 1000 if self.o.seconds else ms

    def verifies(self, signature, *parts):
        return isinstance(signature, str) and any(
            hmac.compare_digest(signature, sign(s, *parts)) for s in self.accepted if s)

    # What it writes

    def beat(self):
        self.sequence += 1
        value = {self.o.field: self.now()}
        if not self.o.bare:
            value = {"coordinatorId": self.id, **value, "iteration": 1 + self.sequence // 100,
                     "phase": "loop3", "sequence": self.sequence, "status": "active",
                     "pid": os.getpid(), "hostname": socket.gethostname(),
                     "metadata": {"timestamp": 1}}
        if not self.muted:
            self.r.set(f"blocking:heartbeat:{self.id}", json.dumps(value), ex=self.o.ttl or None)
            self.counts["heartbeats"] += 1
        if self.o.activity:
            self.r.set(f"coordinator:activity:{self.id}", json.dumps(
                {"coordinatorId": self.id, "lastActivity": self.now(), "iteration": 1,
                 "phase": "loop3"}), ex=600)

    def work_key(self, work_id):
        return f"coordinator:work:{self.o.swarm}:{self.id}:{work_id}"

    def start_work(self, work_id):
        self.r.set(self.work_key(work_id), json.dumps(
            {"workId": work_id, "assignedTo": self.id, "status": "in_progress",
             "data": {"task": f"task of {work_id}", "big": 9007199254740993},
             "startedAt": self.now()}), ex=3600, nx=True)

    def adopt_work(self):
        """Take up what was handed on to this id."""
        prefix = f"coordinator:work:{self.o.swarm}:{self.id}:"
        for key in self.r.scan_iter(match=prefix.replace("[", r"\[") + "*", count=1000):
            item = json.loads(self.r.get(key) or b"{}")
            if item.get("assignedTo") == self.id and item["workId"] not in self.work:
                self.work.append(item["workId"])
                item["status"] = "in_progress"
                self.r.set(key, json.dumps(item), ex=3600, xx=True)

    def send(self, receiver):
        stamp = self.now()
        message = f"{self.id}-{stamp}-{self.counts['signals_sent']}"
        value = {"senderId": self.id, "receiverId": receiver, "type": "wake", "timestamp": stamp,
                 "iteration": 1, "messageId": message,
                 "signature": sign(self.secret, self.id, receiver, "wake", stamp)}
        # One signal at a time a receiver: what is there has not been taken yet.
        if self.r.set(f"blocking:signal:{receiver}", json.dumps(value), ex=86400, nx=True):
            self.r.set(f"blocking:idempotency:{self.id}:{receiver}:wake:1:{stamp}", 1, ex=86400)
            self.outstanding[message] = receiver
            self.counts["signals_sent"] += 1

    # What it reads

    def take_signal(self):
        key = f"blocking:signal:{self.id}"
        raw = self.r.get(key)
        if raw is None:
            return
        try:
            s = json.loads(raw)
            good = s["receiverId"] == self.id and self.verifies(
                s.get("signature"), s["senderId"], s["receiverId"], s["type"], s["timestamp"])
        except (ValueError, KeyError, TypeError):
            good = False
        if not good:
            self.counts["signals_rejected"] += 1
        else:
            self.counts["signals_accepted"] += 1
            signal_id, stamp = s.get("messageId", s["timestamp"]), self.now()
            ack = {"coordinatorId": self.id, "signalId": signal_id, "timestamp": stamp,
                   "iteration": 1, "status": "received",
                   "signature": sign(self.secret, self.id, signal_id, stamp, 1)}
            self.r.set(f"blocking:ack:{self.id}:{signal_id}", json.dumps(ack), ex=self.o.ack_ttl)
        if self.r.get(key) == raw:
            self.r.delete(key)

    def take_acks(self):
        for signal_id, receiver in list(self.outstanding.items()):
            raw = self.r.get(f"blocking:ack:{receiver}:{signal_id}")
            if raw is None:
                continue
            a = json.loads(raw)
            good = self.verifies(a.get("signature"), a["coordinatorId"], a["signalId"],
                                 a["timestamp"], a["iteration"])
            self.counts["acks_verified" if good else "acks_rejected"] += 1
            del self.outstanding[signal_id]

    # Its life

    def write_status(self):
        if not self.o.status:
            return
        new = f"{self.o.status}.new"
        with open(new, "w", encoding="utf-8") as f:
            json.dump({"pid": os.getpid(), "id": self.id, "work": self.work,
                       "loaded": self.loaded, "muted": self.muted, **self.counts}, f)
        os.replace(new, self.o.status)

    def obey(self, line):
        words = shlex.split(line)
        if words[:1] == ["offset"]:
            self.o.offset_ms = int(words[1])
        elif words[:1] == ["interval"]:
            self.o.interval = float(words[1])
        elif words[:1] == ["field"]:
            self.o.field = words[1]
        elif words in (["mute"], ["unmute"]):
            self.muted = words == ["mute"]
        elif words[:1] == ["work"]:
            self.work.append(words[1])
            self.start_work(words[1])
        elif words[:1] == ["send"]:
            self.send(words[1])

    def shut_down(self):
        self.r.delete(f"blocking:heartbeat:{self.id}", f"blocking:signal:{self.id}")

    def live(self):
        next_beat = next_send = 0.0
        stdin_open, pending = True, b""
        started = False
        while not self.ending and not self.reloading:
            try:
                if not started:
                    self.adopt_work()
                    for work_id in self.work:
                        self.start_work(work_id)
                    started = True
                now = time.monotonic()
                if now >= next_beat:
                    self.beat()
                    next_beat = now + self.o.interval
                self.take_signal()
                self.take_acks()
                if self.o.peer and now >= next_send:
                    for peer in self.o.peer:
                        self.send(peer)
                    next_send = now + self.o.signal_interval
                self.write_status()
            except redis.RedisError as e:
                print(f"{self.id}: {e}", file=sys.stderr, flush=True)
            pause = max(0.01, min(0.1, self.o.interval / 3))
            if stdin_open and select.select([0], [], [], pause)[0]:
                got = os.read(0, 4096)
                stdin_open, pending = bool(got), pending + got
                *lines, pending = pending.split(b"\n")
                for line in lines:
                    self.obey(line.decode())
            elif not stdin_open:
                time.sleep(pause)


def main():
    options = parse_arguments(sys.argv[1:])
    if options.env_file and os.environ.get(READY) != "1":
        execute_with_environment(options.env_file)
    coordinator = Coordinator(options)

    def end(*_):
        coordinator.ending = True

    def reload(*_):
        coordinator.reloading = True

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGHUP, reload)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGHUP])
    coordinator.live()
    if coordinator.reloading and options.env_file:
        os.environ[COUNTS] = json.dumps(coordinator.counts)
        execute_with_environment(options.env_file)
    coordinator.shut_down()


if __name__ == "__main__":
    main()
