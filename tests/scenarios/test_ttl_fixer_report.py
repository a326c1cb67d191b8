"""--report tells what is there and changes nothing."""

import pytest

from harness import Monitor, differences, snapshot

H = 3600
WRITES = {"SET", "DEL", "EXPIRE", "PEXPIRE", "EVAL", "EVALSHA", "UNLINK", "HSET"}


def family(done, name):
    return next(f for f in done.json["report"]["families"] if f["family"] == name)


@pytest.mark.parametrize("mode", ["gentle", "fast"])
def test_the_table(server, r, job, mode):
    for i in range(101):
        r.set(f"blocking:signal:c{i}", "x" * 100, ex=1000 + i)
    for i in range(7):
        r.set(f"blocking:state:c{i}", "x")
    r.set("session:a", "x")
    r.set("cache:a", "x", ex=50)
    r.set("coordkeep:x", "x")
    before = snapshot(r, without=())
    fixer = job("ttl-fixer", {"scan": {"mode": mode}, "ttl": {"pattern.caches": "cache:* 1m"}})
    with Monitor(server) as seen:
        done = fixer.json("--report")
    assert done.exit == 0 and done.json["complete"], done
    assert not seen.names() & WRITES, seen.names()
    assert differences(before, snapshot(r, without=())) == []

    signal = family(done, "signal")
    assert (signal["keys"], signal["without_ttl"]) == (101, 0)
    ttl = signal["ttl_ms"]
    assert 930_000 < ttl["min"] <= 1_000_000 and 1_030_000 < ttl["max"] <= 1_100_000
    # all of them are a little older by now
    assert abs(ttl["median"] - (ttl["min"] + ttl["max"]) / 2) < 0.02 * ttl["median"]
    each = sum(r.memory_usage(f"blocking:signal:c{i}") for i in range(101))
    assert abs(signal["memory"]["bytes"] - each) < 0.05 * each
    assert 32 <= signal["memory"]["sampled"] <= 101
    state = family(done, "state")
    assert (state["keys"], state["without_ttl"]) == (7, 7) and "ttl_ms" not in state
    assert family(done, "pattern.caches")["keys"] == 1 and family(done, "ours")["keys"] == 1
    assert [f["family"] for f in done.json["report"]["families"]] == [
        "signal", "state", "ours", "pattern.caches"]

    text = fixer.run("--report")
    lines = text.stdout.splitlines()
    assert lines[0].split() == ["FAMILY", "KEYS", "NO", "TTL", "TTL", "MIN", "MEDIAN", "MAX", "MEMORY"]
    assert lines[1].split()[:3] == ["signal", "101", "0"], text
    assert lines[2].split()[:6] == ["state", "7", "7", "-", "-", "-"], text
    assert "No coordinator owns more than 1000 keys" in text.stdout


def test_who_does_not_clean_up(r, job):
    pipe = r.pipeline(transaction=False)
    for i in range(1200):
        pipe.set(f"blocking:ack:leaky:sig:{i}", "x", ex=H)
    for i in range(990):
        pipe.set(f"blocking:ack:busy:sig:{i}", "x", ex=H)
    for i in range(1001):
        pipe.set(f"blocking:idempotency:sender:receiver{i % 9}:wake:{i}:99", "1", ex=H)
    pipe.execute()
    done = job("ttl-fixer").json("--report")
    assert done.exit == 1, done
    assert [(f["key"], f["severity"]) for f in done.findings("many-keys")] == [
        ("leaky", "warning"), ("sender", "warning")], done
    assert [c["id"] for c in done.json["report"]["coordinators"]] == ["leaky", "sender"]
    assert all(c["keys"] <= 1200 + 30 for c in done.json["report"]["coordinators"])


def test_an_empty_server(r, job):
    done = job("ttl-fixer").run("--report")
    assert done.exit == 0 and len(done.stdout.splitlines()) == 3, done


def test_without_the_permission_for_memory(server, r, job):
    r.set("blocking:signal:a", "x")
    r.execute_command("ACL", "SETUSER", "limited", "reset", "on", ">pw", "~*", "&*", "+@all",
                      "-memory")
    fixer = job("ttl-fixer", url=server.url.replace("unix://", "unix://limited:pw@"))
    done = fixer.run("--report")
    assert done.exit == 0 and "was refused" in done.stdout, done
    assert done.stdout.splitlines()[1].split() == ["signal", "1", "1", "-", "-", "-", "-"], done


def test_a_pass_without_memory_for_the_keyspace(r, job):
    """Many ids: the report holds a bounded number of them."""
    pipe = r.pipeline(transaction=False)
    for i in range(40_000):
        pipe.set(f"blocking:state:coordinator-number-{i}", "x", ex=H)
    for i in range(3000):
        pipe.set(f"blocking:ack:leaky:sig:{i}", "x", ex=H)
    pipe.execute()
    done = job("ttl-fixer", {"scan": {"mode": "fast"}}).json("--report")
    assert done.exit == 1, done
    (leaky,) = done.json["report"]["coordinators"]
    assert leaky["id"] == "leaky" and leaky["keys"] <= 3050 and leaky["keys_at_most"] >= 3000


def test_a_report_whose_time_is_up_is_partial(r, job):
    pipe = r.pipeline(transaction=False)
    for i in range(3000):
        pipe.set(f"blocking:signal:{i}", "x")
    pipe.execute()
    slow = {"scan": {"max_keys_per_second": 500}}
    done = job("ttl-fixer", slow).run("--report", "--max-runtime", "1s")
    assert done.exit == 75 and done.stdout.startswith("Partial: "), done
    assert "next run" not in done.stdout + done.stderr and "No coordinator" not in done.stdout, done
    assert not job("ttl-fixer").run("--report").stdout.startswith("Partial")
