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


def test_a_key_that_this_user_may_not_write_does_not_keep_others(server, r, job, heartbeat):
    """Redis refuses a script for one of its keys; the others of that call go all the same."""
    dead(r, heartbeat)
    r.execute_command("ACL", "SETUSER", "limited", "reset", "on", ">pw", "&*", "+@all", "%R~*",
                      "~blocking:heartbeat:*", "~coordkeep:*", "~blocking:state:c[02]")
    url = server.url.replace("unix://", "unix://limited:pw@")
    done = job("reap-stale", FAST, url=url).run()
    assert done.exit == 77 and "NOPERM" in done.stderr, done
    assert "key=\"blocking:state:c1\"" in done.stderr or "key=blocking:state:c1" in done.stderr, done
    assert not r.exists("blocking:state:c0") and not r.exists("blocking:state:c2")
    assert r.exists("blocking:state:c1") and r.exists("blocking:heartbeat:c1")


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
    assert done.count("failed") > 0, done
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
    assert done.exit in (2, 69) and "unknown" in done.stderr, done
    assert done.count("keys-deleted") == 0, done


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
