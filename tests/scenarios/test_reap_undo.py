"""Nothing is lost: the journal is on disk before a key goes, and brings everything back."""

import json
import os
import subprocess

import pytest

from harness import Monitor, differences, names, snapshot, wait_for

FAST = {"liveness": {"confirm": "0s"}}
OLD = 11 * 60 * 1000


def broken(r, heartbeat, now_ms, n=5):
    """n dead coordinators with all kinds of keys; returns the state without warnings."""
    for i in range(n):
        heartbeat(f"c{i}", age_ms=OLD, ttl=None)
        r.set(f"blocking:state:c{i}", os.urandom(50), ex=3600)
        r.set(f"blocking:signal:c{i}", json.dumps({"timestamp": now_ms() - OLD}), ex=86400)
        r.hset(f"blocking:ack:c{i}", mapping={b"\xff\x00": b"\x00\n"})
    return snapshot(r)


def test_undo_restores_byte_for_byte_with_ttls(r, job, heartbeat, now_ms):
    before = broken(r, heartbeat, now_ms)
    r.set("blocking:warning:c0", 2, ex=300)
    reap = job("reap-stale", FAST)
    assert reap.json().count("keys-deleted") == 21
    assert snapshot(r) == {}
    (journal,) = reap.journals()
    assert journal.stat().st_mode & 0o777 == 0o600
    assert reap.run("--undo", journal, "-n").exit == 0
    assert snapshot(r) == {}
    undone = reap.json("--undo", journal)
    assert undone.exit == 0 and undone.count("keys-restored") == 20, undone
    assert undone.count("warnings-not-restored") == 1
    assert differences(before, snapshot(r), slack_ms=50) == []

    twice = reap.json("--undo", journal)
    assert twice.exit == 0 and twice.count("keys-there-already") == 20, twice
    assert differences(before, snapshot(r), slack_ms=50) == []

    # The next scheduled run does not take them again.
    again = reap.json()
    assert again.count("keys-deleted") == 0 and again.count("coordinators-on-hold") == 5, again
    assert differences(before, snapshot(r), slack_ms=50) == []


def test_undo_never_overwrites(r, job, heartbeat, now_ms):
    broken(r, heartbeat, now_ms, n=1)
    reap = job("reap-stale", FAST)
    reap.run()
    r.set("blocking:state:c0", "newer")
    undone = reap.json("--undo", reap.journals()[0])
    assert undone.count("keys-there-already") == 1 and undone.count("keys-restored") == 3, undone
    assert r.get("blocking:state:c0") == b"newer"


@pytest.mark.parametrize("victim", ["MEMORY", "DUMP", "EVALSHA"])
@pytest.mark.parametrize("when", [0, 3])
def test_killed_at_any_point(server, r, job, proxy, heartbeat, now_ms, victim, when):
    """kill -9 in the middle: what is gone is in the journal, and a run ends the work."""
    before = broken(r, heartbeat, now_ms)
    reap = job("reap-stale", FAST, url=proxy.url)
    state = {"seen": 0, "run": None}

    def on_command(number, words):
        if words[0].upper() == victim.encode() and state["run"] is not None:
            state["seen"] += 1
            if state["seen"] > when:
                state["run"].kill()
                return "cut-after"
        return None

    proxy.on_command = on_command
    run = reap.start()
    state["run"] = run
    run.process.wait(60)
    proxy.on_command = None
    run.close()
    gone = set(before) - set(snapshot(r))
    r.delete("coordkeep:lease:reap-stale")  # a killed run leaves it to its TTL
    for journal in reap.journals():
        undone = reap.json("--undo", journal)
        assert undone.exit == 0, undone
    assert differences(before, snapshot(r), slack_ms=50) == [], f"gone before: {gone}"
    r.delete("coordkeep:hold")
    assert reap.run().exit == 0
    assert snapshot(r) == {}


# a run lets nobody but root look at its memory
@pytest.mark.needs("root")
def test_the_journal_is_synced_before_the_first_deletion(server, r, job, heartbeat, now_ms, tmp_path):
    broken(r, heartbeat, now_ms, n=1)
    trace = tmp_path / "trace"
    done = job("reap-stale", FAST).run(
        prefix=("strace", "-f", "-s", "200", "-e", "trace=write,sendto,fsync,fdatasync,openat",
                "-o", trace), env={"ASAN_OPTIONS": "detect_leaks=0"})  # LSan does not work under ptrace
    assert done.exit == 0, done
    lines = trace.read_text(errors="replace").splitlines()
    deleting = [i for i, l in enumerate(lines) if "EVALSHA" in l and "blocking:" in l]
    synced = [i for i, l in enumerate(lines) if "sync(" in l]
    journalled = [i for i, l in enumerate(lines) if "write(" in l and "intent" in l]
    assert deleting and synced and journalled
    first = deleting[0]
    assert any(j < s < first for j in journalled for s in synced), "\n".join(lines[:first])


def test_no_journal_no_deletion(r, job, heartbeat, now_ms, tmp_path):
    before = broken(r, heartbeat, now_ms)
    blocked = tmp_path / "file"
    blocked.write_text("not a directory")
    done = job("reap-stale", {**FAST, "reap-stale": {"undo_dir": blocked / "undo"}}).run()
    assert done.exit == 73, done
    assert str(blocked) in done.stderr
    assert differences(before, snapshot(r)) == []


@pytest.mark.needs("mounts")
def test_a_full_disk_deletes_nothing(r, job, heartbeat, now_ms, tmp_path):
    mount = tmp_path / "small"
    mount.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", mount], check=True)
    try:
        (mount / "fill").write_bytes(b"x" * 60 * 1024)
        before = broken(r, heartbeat, now_ms, n=50)
        done = job("reap-stale", {**FAST, "reap-stale": {"undo_dir": mount}}).run()
        assert done.exit in (73, 74), done
        assert "No space left" in done.stderr, done
        assert differences(before, snapshot(r)) == []
    finally:
        subprocess.run(["umount", mount], check=True)


def test_undo_of_what_is_no_journal(r, job, tmp_path):
    reap = job("reap-stale", FAST)
    missing = reap.run("--undo", tmp_path / "none")
    assert missing.exit == 64, missing
    assert "none" in missing.stderr
    other = tmp_path / "other.jsonl"
    other.write_text("hello\n")
    garbage = reap.run("--undo", other)
    assert garbage.exit == 74 and "other.jsonl:1" in garbage.stderr, garbage


def test_undo_in_another_db(server, r, job, heartbeat, now_ms):
    broken(r, heartbeat, now_ms, n=1)
    reap = job("reap-stale", FAST)
    reap.run()
    refused = reap.run("--undo", reap.journals()[0], config={"redis": {"db": 3}})
    assert refused.exit == 64 and "db 0" in refused.stderr and "db 3" in refused.stderr, refused
    assert server.client(db=3).dbsize() == 0


def test_an_expiry_that_passed_meanwhile(r, job, heartbeat):
    heartbeat("c", age_ms=OLD, ttl=None)
    r.set("blocking:state:c", "s", px=1500)
    reap = job("reap-stale", FAST)
    assert reap.json().count("keys-deleted") == 2
    at = r.time()[0] + 2
    wait_for(lambda: r.time()[0] > at)
    undone = reap.json("--undo", reap.journals()[0])
    assert undone.count("keys-expired-meanwhile") == 1 and undone.count("keys-restored") == 1, undone
    assert names(r) == ["blocking:heartbeat:c"]


def test_the_server_is_held_by_a_few_keys_at_a_time(server, r, job, heartbeat, now_ms):
    """No KEYS, no HGETALL, no script over more than 16 keys, however many go."""
    for i in range(100):
        heartbeat(f"many-{i}", age_ms=OLD, ttl=None)
    broken(r, heartbeat, now_ms)
    with Monitor(server) as monitor:
        job("reap-stale", FAST).run()
    assert monitor.names().isdisjoint({"KEYS", "HGETALL", "FLUSHDB", "SMEMBERS"})
    keys = [int(args[1]) for name, args, _ in monitor.commands if name in ("EVALSHA", "EVAL")]
    assert max(keys) == 16 and not any("many" in k for k in names(r))
