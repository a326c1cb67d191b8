"""The whole keyspace as plain values, to prove what changed and what did not."""

import fnmatch
from collections import namedtuple

# expiry: absolute, in ms on Redis's clock; None = no TTL.
Key = namedtuple("Key", "type value expiry")


def _value(r, kind, key):
    if kind == b"string":
        return r.get(key)
    if kind == b"hash":
        return tuple(sorted(r.hgetall(key).items()))
    if kind == b"list":
        return tuple(r.lrange(key, 0, -1))
    if kind == b"set":
        return tuple(sorted(r.smembers(key)))
    if kind == b"zset":
        return tuple(sorted(r.zrange(key, 0, -1, withscores=True)))
    return r.dump(key)


def _expiry(r, key):
    try:
        at = r.execute_command("PEXPIRETIME", key)
        return None if at == -1 else at
    except Exception:  # before Redis 7.0
        seconds, micro = r.time()
        left = r.pttl(key)
        # rounded, since two reads are never at the same instant
        return None if left == -1 else round((seconds * 1000 + micro // 1000 + left) / 100) * 100


def snapshot(r, match="*", without=("coordkeep:*",)):
    """{key: Key} of every key, without the jobs' own memory unless without=()."""
    taken = {}
    for key in r.scan_iter(count=1000):
        name = key.decode("utf-8", "backslashreplace")
        if not fnmatch.fnmatchcase(name, match):
            continue
        if any(fnmatch.fnmatchcase(name, w) for w in without):
            continue
        kind = r.type(key)
        value = _value(r, kind, key)
        if kind != b"none" and value is not None:
            taken[key] = Key(kind, value, _expiry(r, key))
    return taken


def differences(before, after, slack_ms=0):
    """What differs, a sentence a key; [] when the snapshots are the same. Expiries
    within `slack_ms` of each other count as the same."""
    said = []
    for key in sorted(before.keys() | after.keys()):
        b, a = before.get(key), after.get(key)
        if b is None:
            said.append(f"{key!r} is new: {a.value!r}")
        elif a is None:
            said.append(f"{key!r} is gone")
        elif (b.type, b.value) != (a.type, a.value):
            said.append(f"{key!r} was {b.value!r}, is {a.value!r}")
        elif b.expiry != a.expiry and (
                None in (b.expiry, a.expiry) or abs(b.expiry - a.expiry) > slack_ms):
            said.append(f"{key!r} expired at {b.expiry}, expires at {a.expiry}")
    return said


def names(r, match="*", without=("coordkeep:*",)):
    """The sorted names of the keys, as text; bytes that are not UTF-8 as \\xHH."""
    return sorted(k.decode("utf-8", "backslashreplace") for k in snapshot(r, match, without))
