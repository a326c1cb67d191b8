"""The lease: one holder at a time, renewed and released by its holder alone."""

import time

from harness import Proxy, RedisServer, peer, probe, wait_for

UNAVAILABLE, TEMPFAIL, NOPERM = 69, 75, 77
KEY = "coordkeep:lease:test"


def test_taken_kept_released(server, r):
    p = probe.start(server, "take", KEY, 60000, 0, ",", "sync", ",", "keep", ",", "release")
    p.await_sync()
    token = r.get(KEY)
    assert len(token) == 32 and int(token, 16) and 0 < r.pttl(KEY) <= 60000
    p.go_on()
    done = p.wait()
    assert done.exit == 0 and done.lines == ["held", "sync", "held", "released"], done
    assert r.exists(KEY) == 0
    # another run has another token
    p = probe.start(server, "take", KEY, 60000, 0, ",", "sync")
    p.await_sync()
    assert r.get(KEY) != token
    p.go_on()
    assert p.wait().exit == 0


def test_of_somebody_else(server, r):
    r.set(KEY, "another", px=60000)
    done = probe.run(server, "take", KEY, 60000, 0)
    assert done.exit == TEMPFAIL and done.lines == ["busy"], done
    assert KEY in done.err and "another run holds the lease" in done.err, done
    assert r.get(KEY) == b"another"
    # no lease at all: what has no TTL no run left, and it would be waited for in vain
    r.delete(KEY)
    r.hset(KEY, "a", "b")
    done = probe.run(server, "take", KEY, 60000, 0)
    assert done.lines == ["error"] and "no TTL" in done.err, done
    assert r.hgetall(KEY) == {b"a": b"b"}


def test_waited_for(server, r):
    r.set(KEY, "another", px=100000)
    p = probe.start(server, "take", KEY, 60000, 100000, ",", "release")
    wait_for(lambda: r.info("commandstats").get("cmdstat_set", {"calls": 0})["calls"] >= 3)
    r.delete(KEY)
    done = p.wait()
    assert done.exit == 0 and done.lines == ["held", "released"], done


def test_waited_for_in_vain(server, r):
    r.set(KEY, "another", px=100000)
    done = probe.run(server, "take", KEY, 60000, 700)
    assert done.exit == TEMPFAIL and done.lines == ["busy"] and 0.7 <= done.seconds < 60, done


def test_sigterm_ends_the_wait(server, r):
    r.set(KEY, "another", px=100000)
    p = probe.start(server, "take", KEY, 60000, 100000)
    wait_for(lambda: r.info("commandstats").get("cmdstat_set", {"calls": 0})["calls"] >= 2)
    p.signal()
    done = p.wait()
    assert done.exit == TEMPFAIL and "asked to end" in done.err and done.seconds < 60, done


def test_an_expired_one_is_free(server, r):
    r.set(KEY, "another", px=50)
    done = probe.run(server, "take", KEY, 60000, 60000, ",", "release")
    assert done.exit == 0, done


def test_renewed_after_a_third(server, r):
    p = probe.start(server, "take", KEY, 15000, 0, ",", "keep", ",", "sync", ",", "keep", ",",
                    "sync", ",", "release")
    p.await_sync(1)
    # the first keep came too soon to renew anything: the TTL only falls
    assert r.info("commandstats").get("cmdstat_eval", {"calls": 0})["calls"] == 0
    wait_for(lambda: r.pttl(KEY) < 9900)
    p.go_on()
    p.await_sync(2)
    assert r.pttl(KEY) > 10000
    p.go_on()
    assert p.wait().exit == 0 and r.exists(KEY) == 0


def test_lost(server, r):
    for what in ("gone", "taken"):
        p = probe.start(server, "take", KEY, 600, 0, ",", "sync", ",", "keep")
        p.await_sync()
        if what == "gone":
            r.delete(KEY)
        else:
            r.set(KEY, "another", px=60000)
        time.sleep(0.25)  # a third of its TTL
        p.go_on()
        done = p.wait()
        assert done.exit == TEMPFAIL and done.lines[-1] == "busy", done
        assert "the lease was lost" in done.err, done
        assert r.get(KEY) == (None if what == "gone" else b"another")


def test_released_only_by_its_holder(server, r):
    p = probe.start(server, "take", KEY, 60000, 0, ",", "sync", ",", "release")
    p.await_sync()
    r.set(KEY, "another")
    p.go_on()
    assert p.wait().exit == 0
    assert r.get(KEY) == b"another" and r.ttl(KEY) == -1


def test_a_taking_whose_reply_is_lost(server, r):
    """SET ran, its reply did not come: sent again it finds our own token."""
    with Proxy(server) as proxy:
        proxy.on_command = lambda _, words: (
            "cut-after" if words[0] == b"SET" and proxy.seen.count("SET") == 1 else None)
        done = probe.run(proxy, "take", KEY, 60000, 0, ",", "release")
    assert done.exit == 0 and done.lines == ["held", "released"], done
    assert proxy.seen.count("SET") == 2 and r.exists(KEY) == 0


def test_no_memory():
    with RedisServer(config={"maxmemory": "1"}) as server:
        done = probe.run(server, "take", KEY, 60000, 0)
        assert done.exit == UNAVAILABLE and done.lines == ["oom"], done
        assert f"SET {KEY}: OOM" in done.err, done


def test_renewed_and_released_without_memory(server, r):
    """The way out of a full server must not be barred by its being full."""
    p = probe.start(server, "take", KEY, 600, 0, ",", "sync", ",", "keep", ",", "release")
    p.await_sync()
    r.persist(KEY)
    r.config_set("maxmemory", 1)
    time.sleep(0.25)  # a third of its TTL
    p.go_on()
    done = p.wait()
    assert done.exit == 0 and done.lines[-2:] == ["held", "released"], done
    assert r.exists(KEY) == 0


def test_refused(server, r):
    r.execute_command("ACL", "SETUSER", "keeper", "on", ">pw", "~blocking:*", "+@all")
    done = probe.run(server, "--user=keeper", "take", KEY, 60000, 0, password="pw")
    assert done.exit == NOPERM and done.lines == ["error"], done
    assert f"SET {KEY}: NOPERM" in done.err, done


def test_an_answer_that_is_none():
    with peer.FakeRedis({"SET": b":1\r\n"}) as p:
        done = probe.run(p, "take", KEY, 60000, 0)
        assert done.exit == 2 and "unexpected reply: an integer" in done.err, done


def test_a_server_gone_before_the_release(server):
    """Its TTL ends the lease; the run does not wait for that."""
    p = probe.start(server, "--retries=100", "--backoff=10000", "--backoff-max=10000", "take", KEY,
                    60000, 0, ",", "sync", ",", "release")
    p.await_sync()
    server.kill()
    p.go_on()
    done = p.wait()
    assert done.exit == 0 and done.lines[-1] == "released" and done.seconds < 60, done
