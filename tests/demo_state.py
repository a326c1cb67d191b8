#!/usr/bin/python3
"""The broken fleet of the demo: `demo_state.py SOCKET fill`, and what is in Redis: `... show`,
`... others` (a digest of every key that is not the jobs' business)."""

import hashlib
import json
import sys

import redis

r = redis.Redis(unix_socket_path=sys.argv[1], decode_responses=True)
MINUTE, HOUR = 60_000, 3_600_000


def now():
    seconds, micro = r.time()
    return seconds * 1000 + micro // 1000


def put(key, value, ttl=None):
    r.set(key, value if isinstance(value, str) else json.dumps(value), ex=ttl)


def signal_to(receiver, sender, age, ttl=86400, message="m-1"):
    stamp = now() - age
    put(f"blocking:signal:{receiver}",
        {"senderId": sender, "receiverId": receiver, "type": "wake", "timestamp": stamp,
         "messageId": message, "signature": "0" * 64}, ttl)
    put(f"blocking:idempotency:{sender}:{receiver}:wake:1:{stamp}", "1", ttl)


def fill():
    # Crashed long ago; whoever wrote their heartbeats forgot the TTL, so they stay for ever.
    for number, (ident, age) in enumerate((("coord-4", 47 * MINUTE), ("coord-5", 26 * HOUR),
                                           ("coord-10", 3 * HOUR))):
        put(f"blocking:heartbeat:{ident}",
            {"coordinatorId": ident, "timestamp": now() - age, "iteration": 12, "phase": "loop3",
             "status": "active"})
        signal_to(ident, "coord-1", age, ttl=None if number else 86400)
        put(f"blocking:ack:{ident}:m-{number}", {"coordinatorId": ident, "signalId": f"m-{number}",
                                                 "timestamp": now() - age, "iteration": 1}, 3600)
        put(f"blocking:state:{ident}", "opaque", 3600)
        put(f"coordinator:activity:{ident}", {"coordinatorId": ident, "lastActivity": now() - age,
                                              "iteration": 12, "phase": "loop3"})
    # Died with work in hand; its heartbeat has expired, as it should.
    for item in ("parse-logs", "build-index"):
        put(f"coordinator:work:swarm-1:coord-7:{item}",
            {"workId": item, "assignedTo": "coord-7", "status": "in_progress",
             "data": {"shard": 9007199254740993}, "startedAt": now() - 20 * MINUTE}, 1500)
    put("coordinator:activity:coord-7", {"coordinatorId": "coord-7", "iteration": 3,
                                         "lastActivity": now() - 8 * MINUTE, "phase": "loop3"}, 120)
    # Keys that live for ever, though their owners are well.
    put("blocking:ack:coord-1:m-77", {"coordinatorId": "coord-1", "signalId": "m-77",
                                      "timestamp": now(), "iteration": 1})
    put("blocking:lock:deploy", "coord-2")
    put("coordinator:spawn:coord-8", {"newCoordinatorId": "coord-8", "status": "done"})
    # Nobody's business here.
    put("session:42", "a visitor")
    put("app:config", '{"theme": "dark"}')
    put("cache:coord-4", "not a coordinator's", 7200)
    r.hset("users:1", mapping={"name": "Ada", "plan": "pro"})


def age_of(value):
    try:
        record = json.loads(value)
        stamp = next(record[f] for f in ("timestamp", "lastHeartbeat", "ts") if f in record)
    except (ValueError, StopIteration, TypeError):
        return "?"
    seconds = (now() - stamp) // 1000
    return (f"{seconds} s" if seconds < 120 else f"{seconds // 60} min" if seconds < 7200
            else f"{seconds // 3600} h")


def show():
    print(f"  {'heartbeat of':<14} {'stamped':>8} ago  TTL")
    for key in sorted(r.scan_iter(match="blocking:heartbeat:*")):
        ttl = r.ttl(key)
        print(f"  {key.split(':', 2)[2]:<14} {age_of(r.get(key)):>12}  {'none' if ttl == -1 else ttl}")
    for key in sorted(r.scan_iter(match="coordinator:work:*")):
        print(f"  work {key.split(':', 2)[2]}")
    keys = [k for p in ("blocking:*", "coordinator:*") for k in r.scan_iter(match=p)]
    bare = sum(r.ttl(k) == -1 for k in keys)
    print(f"  {len(keys)} coordination keys, {bare} of them without a TTL")


def others():
    digest = hashlib.sha256()
    for key in sorted(r.scan_iter()):
        if not key.startswith(("blocking:", "coordinator:", "coordkeep:")):
            value = r.hgetall(key) if r.type(key) == "hash" else r.get(key)
            digest.update(repr((key, value, r.execute_command("PEXPIRETIME", key))).encode())
    print(digest.hexdigest())


{"fill": fill, "show": show, "others": others}[sys.argv[2]]()
