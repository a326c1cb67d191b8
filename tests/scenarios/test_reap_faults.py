"""No false success: what the server refuses shows in the exit code and by name."""

import pytest

from harness import differences, names, snapshot

FAST = {"liveness": {"confirm": "0s"}}
OLD = 11 * 60 * 1000


def dead(r, heartbeat, n=3):
    for i in range(n):
        heartbeat(f"c{i}", age_ms=OLD, ttl=None)
        r.set(f"blocking:state:c{i}", "s")


def user(r, *rules):
    r.acl_setuser("limited", enabled=True, reset=True, passwords=["+pw"])
    r.execute_command("ACL", "SETUSER", "limited", "~*", "&*", "+@all", *rules)


@pytest.mark.parametrize("rule", ["-evalsha", "-dump", "-scan", "-unlink", "-memory", "-hscan"])
def test_a_permission_that_lacks(server, r, job, heartbeat, rule):
    dead(r, heartbeat)
    for i in range(3):  # not a string, so that DUMP and MEMORY USAGE are needed
        r.rpush(f"coordinator:activity:c{i}", "x")
        r.delete(f"blocking:state:c{i}")
    before = snapshot(r)
    user(r, rule)
    url = server.url.replace("unix://", "unix://limited:pw@")
    done = job("reap-stale", FAST, url=url).run()
    assert done.exit == 77, done
    assert "NOPERM" in done.stderr or "can't run this command" in done.stderr, done
    assert differences(before, snapshot(r)) == []


def test_without_scripts_the_next_run_says_the_same(server, r, job, heartbeat):
    """The lease is released all the same, so that it is 77 and not 75."""
    dead(r, heartbeat)
    user(r, "-eval", "-evalsha")
    reap = job("reap-stale", FAST, url=server.url.replace("unix://", "unix://limited:pw@"))
    assert [reap.run().exit for _ in range(2)] == [77, 77]
    assert r.exists("coordkeep:lease:reap-stale") == 0


def test_a_read_only_replica(r, job, heartbeat):
    dead(r, heartbeat)
    before = snapshot(r)
    r.replicaof("127.0.0.1", "1")
    done = job("reap-stale", FAST).run()
    r.execute_command("REPLICAOF", "NO", "ONE")
    assert done.exit == 69 and "replica" in done.stderr, done
    assert differences(before, snapshot(r)) == []


def test_out_of_memory(r, job, heartbeat):
    dead(r, heartbeat)
    before = snapshot(r)
    r.config_set("maxmemory", 1)
    done = job("reap-stale", FAST).run()
    r.config_set("maxmemory", 0)
    assert done.exit == 69 and "out of memory" in done.stderr, done
    assert differences(before, snapshot(r)) == []


def test_a_key_that_cannot_be_deleted_is_named(r, job, proxy, heartbeat):
    dead(r, heartbeat)

    def on_command(number, words):
        if words[0].upper() == b"EVALSHA" and b"blocking:state:c1" in words:
            return b"-ERR something of its own\r\n"
        return None

    proxy.on_command = on_command
    done = job("reap-stale", FAST, url=proxy.url).json()
    assert done.exit == 2 and done.count("failed") == 1, done
    assert "blocking:state:c1" in done.stderr
    assert done.count("coordinators-reaped") == 2, done
    # Its heartbeat stays, so that the next run takes it up again.
    assert names(r) == ["blocking:heartbeat:c1", "blocking:state:c1"]


REFUSED = {
    "written": ("blocking:state:c1", ["%R~blocking:state:c1"]),
    "read": ("blocking:state:c1", []),
    "read, an activity": ("coordinator:activity:c1", ["~blocking:state:c1"]),
    "read, an orphan": ("blocking:state:o1", ["~blocking:state:c1"]),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_key_that_this_user_may_not_have_keeps_its_owner_only(server, r, job, heartbeat, what):
    """Redis refuses a script for one of its keys; all others are finished, run after run."""
    key, rules = REFUSED[what]
    dead(r, heartbeat)
    r.set(key, "s")
    owner = key[-2:]
    r.execute_command("ACL", "SETUSER", "limited", "reset", "on", ">pw", "&*", "+@all", "~coordkeep:*",
                      "~blocking:heartbeat:*", "~blocking:state:c[02]", "~coordinator:activity:c[02]",
                      "~blocking:state:o[02]", *rules)
    if "activity" not in what:
        r.execute_command("ACL", "SETUSER", "limited", "~coordinator:activity:c1")
    reap = job("reap-stale", FAST, url=server.url.replace("unix://", "unix://limited:pw@"))
    done = reap.json()
    assert done.exit == 77 and "NOPERM" in done.stderr, done
    left = {key} | ({"blocking:heartbeat:c1", "blocking:state:c1"} if owner == "c1" else set())
    assert set(names(r, "[bc]*:*:*")) == left, done
    assert key in done.stderr or owner in done.stderr, done
    assert done.count("coordinators-reaped") == (3 if owner == "o1" else 2), done
    assert len(reap.journals()) == 1 and done.count("failed") == 1, done
    again = reap.run()
    assert again.exit == 77 and "Undo with" not in again.stdout, again
    assert len(reap.journals()) == 1, "nothing was deleted, so nothing can be undone"


def test_the_server_goes_away_in_mid_run(server, r, job, proxy, heartbeat):
    dead(r, heartbeat, n=50)

    def on_command(number, words):
        if words[0].upper() == b"EVALSHA" and b"blocking:state:c7" in words:
            proxy.refuse = True
            return "cut-before"
        return None

    proxy.on_command = on_command
    reap = job("reap-stale", FAST, url=proxy.url)
    done = reap.json()
    assert done.exit == 69, done
    # Nobody can tell from here that it never came.
    assert done.count("unknown") > 0 and "replies were lost" in done.stderr, done
    proxy.refuse, proxy.on_command = False, None
    r.delete("coordkeep:lease:reap-stale")
    assert reap.run().exit == 0
    assert snapshot(r) == {}


def test_a_lost_reply_is_unknown_not_success(r, job, proxy, heartbeat):
    dead(r, heartbeat, n=1)
    cut = []

    def on_command(number, words):
        if words[0].upper() == b"EVALSHA" and b"blocking:state:c0" in words and not cut:
            cut.append(1)
            return "cut-after"
        return None

    proxy.on_command = on_command
    done = job("reap-stale", FAST, url=proxy.url).json()
    assert done.exit == 2 and "unknown" in done.stderr, done
    assert done.count("keys-deleted") == 0, done
    assert done.count("unknown") == 1 and done.count("failed") == 0, done


def test_lost_replies_are_told_apart_from_commands_that_were_not_sent(r, job, proxy, heartbeat):
    """The reason names the deletions, and not what failed last."""
    dead(r, heartbeat, n=200)

    def on_command(number, words):
        if words[0].upper() == b"EVALSHA" and any(w.startswith(b"blocking:state:") for w in words):
            proxy.refuse = True
            return "cut-after"
        return None

    proxy.on_command = on_command
    reap = job("reap-stale", {**FAST, "redis": {"retries": 2, "backoff": "10ms"}}, url=proxy.url)
    done = reap.run()
    gone = 200 - len(names(r, "blocking:state:*"))
    assert done.exit == 69 and gone == 16, done
    reason = done.stdout.splitlines()
    assert any("the outcome of" in x and "deletions is unknown" in x for x in reason), done
    # Some calls were under way; of them the first was carried out.
    unknown = done.stderr.count("event=delete-unknown")
    assert 16 <= unknown < 200 and f"{unknown} of unknown outcome" in done.stdout, done


def test_a_pause_and_another_run(r, job, heartbeat):
    dead(r, heartbeat)
    before = snapshot(r)
    reap = job("reap-stale", FAST)
    assert reap.run("--pause", "10m", "--reason", "an incident").exit == 0
    done = reap.run()
    assert done.exit == 75 and "an incident" in done.stderr, done
    assert differences(before, snapshot(r)) == []
    assert reap.run("--resume").exit == 0
    r.set("coordkeep:lease:reap-stale", "other", ex=60)
    done = reap.run()
    assert done.exit == 75 and "lease" in done.stderr, done
    assert differences(before, snapshot(r)) == []
    r.delete("coordkeep:lease:reap-stale")
    assert reap.run().exit == 0


def test_what_is_not_known_is_no_success(r, job, proxy, heartbeat):
    """All of it goes in one call, whose reply is lost."""
    heartbeat("c0", age_ms=OLD, ttl=None)
    r.set("blocking:state:c0", "x")

    def cut(_, words):
        return "cut-after" if words[0].upper() == b"EVALSHA" and b"blocking:state:c0" in words else None

    proxy.on_command = cut
    done = job("reap-stale", {**FAST, "redis": {"retries": 1}}, url=proxy.url).run()
    assert done.exit != 0 and not r.exists("blocking:state:c0"), done
    assert "No stale keys" not in done.stdout and "Cleanup complete" not in done.stdout, done


def test_a_heartbeat_that_goes_meanwhile_is_gone(r, job, proxy, heartbeat):
    heartbeat("c0", age_ms=OLD, ttl=None)
    r.set("blocking:state:c0", "x")

    def go(_, words):
        if words[0].upper() == b"EVALSHA" and b"blocking:state:c0" in words:
            r.delete("blocking:heartbeat:c0")

    proxy.on_command = go
    done = job("reap-stale", FAST, url=proxy.url).run()
    assert done.exit == 0 and "Cleaned up 1 stale coordinators (1 keys)" in done.stdout, done
    assert "not cleaned up whole" not in done.stdout and names(r) == [], done
