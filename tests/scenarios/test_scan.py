"""A pass over the keyspace sees every key, whatever happens on the way."""

import pytest

from harness import Monitor, Proxy, RedisServer, peer, probe

UNAVAILABLE, TEMPFAIL, PROTOCOL, NOPERM = 69, 75, 76, 77
MODES = ("gentle", "fast")


def populate(r, n):
    r.execute_command("DEBUG", "POPULATE", n, "blocking:heartbeat", 20)
    return {f"blocking:heartbeat:{i}" for i in range(n)}


@pytest.mark.parametrize("mode", MODES)
def test_every_key_is_seen(server, r, mode):
    expected = populate(r, 50000)
    done = probe.run(server, "scan", mode)
    assert done.exit == 0, done.err
    keys, said = done.keys(), done.fields()
    assert set(keys) == expected
    assert said["complete"] == "yes" and said["cursor"] == "0" and said["errors"] == "0"
    assert int(said["keys"]) == int(said["answered"]) == len(keys)


@pytest.mark.parametrize("mode", MODES)
def test_an_empty_database(server, mode):
    done = probe.run(server, "scan", mode)
    assert done.exit == 0 and done.fields()["complete"] == "yes", done


@pytest.mark.parametrize("mode", MODES)
def test_keys_that_stay_are_seen_while_others_come_and_go(server, r, mode):
    expected = populate(r, 5000)
    p = probe.start(server, "scan", mode, "count=50", "sync=20")
    p.await_sync()
    # the table grows and is rehashed twice under the pass
    r.execute_command("DEBUG", "POPULATE", 60000, "other", 4)
    for i in range(0, 60000, 2):
        r.delete(f"other:{i}")
    p.go_on()
    done = p.wait()
    assert done.exit == 0 and expected <= set(done.keys()), done.err


@pytest.mark.parametrize("mode", MODES)
def test_keys_are_bytes(server, r, mode):
    r.set(b"a\0b\r\n\xff", 1)
    r.set(b"", 1)
    r.set(b"x" * 70000, 1)
    done = probe.run(server, "scan", mode)
    assert done.exit == 0, done
    assert set(done.keys()) == {r"a\x00b\x0d\x0a\xff", "", "x" * 70000}


@pytest.mark.parametrize("mode", MODES)
def test_a_pass_goes_on_where_it_was_stopped(server, r, mode):
    expected, keys, cursor, runs = populate(r, 5000), [], "0", 0
    while cursor != "0" or runs == 0:
        done = probe.run(server, "scan", mode, "count=100", "stop=7", f"from={cursor}")
        assert done.exit == 0, done
        cursor, runs = done.fields()["cursor"], runs + 1
        assert done.fields()["complete"] == ("yes" if cursor == "0" else "no"), done
        keys += done.keys()
    assert set(keys) == expected and runs > 4
    assert len(keys) < 5000 * 1.1


@pytest.mark.parametrize("mode", MODES)
def test_the_page_function_can_end_it(server, r, mode):
    populate(r, 5000)
    done = probe.run(server, "scan", mode, "count=100", "end=3", ",", "call", "PING")
    assert done.exit == 0 and done.lines[-1] == "PONG", done
    assert "pages=3 complete=no" in done.lines[-2] and "cursor=0" not in done.lines[-2], done
    assert len(done.keys()) >= 300


@pytest.mark.parametrize("mode", MODES)
def test_only_what_matches(server, r, mode):
    populate(r, 3000)
    r.set("coordinator:work:s:a:1", 1)
    done = probe.run(server, "scan", mode, "match=coordinator:*")
    assert done.exit == 0 and done.keys() == ["coordinator:work:s:a:1"], done


def test_what_is_asked_of_the_server(server, r):
    populate(r, 3000)
    with Monitor(server) as seen:
        for words in (["gentle"], ["fast"], ["fast", "count=77"]):
            assert probe.run(server, "scan", *words).exit == 0
    counts = [a[a.index("COUNT") + 1] for name, a, _ in seen.commands if name == "SCAN"]
    assert counts.count("77") >= 30
    # the round trip over a unix socket is short: pages stay small (grown on a loaded machine)
    grown = [int(c) for c in counts if c != "77"]
    assert min(grown) >= 100 and max(grown) <= 1000
    assert "KEYS" not in seen.names()


def test_gentle_has_one_exchange_in_flight(server, r):
    """Between two SCANs stand exactly the commands of one page, the one before."""
    populate(r, 1000)
    with Monitor(server) as seen:
        assert probe.run(server, "scan", "gentle", "count=100").exit == 0
    names = [name for name, _, _ in seen.commands if name in ("SCAN", "PTTL")]
    runs = "".join("S" if n == "SCAN" else "p" for n in names).split("S")[1:]
    # SCAN (alone), then page + SCAN, page + SCAN, ..., and the last page
    assert runs[0] == "" or runs[0].startswith("p")
    assert sum(map(len, runs)) == names.count("PTTL") >= 1000
    # the last has what is left
    assert all(50 <= len(run) <= 250 for run in runs[:-1]), list(map(len, runs))


def test_fast_asks_before_it_works(server, r):
    populate(r, 1000)
    with Monitor(server) as seen:
        assert probe.run(server, "scan", "fast", "count=100").exit == 0
    names = [name for name, _, _ in seen.commands if name in ("SCAN", "PTTL")]
    assert names[:2] == ["SCAN", "SCAN"]


@pytest.mark.parametrize("mode", MODES)
def test_a_limit_of_keys_per_second(server, r, mode):
    populate(r, 1000)
    done = probe.run(server, "scan", mode, "rate=1000")
    assert done.exit == 0 and len(done.keys()) >= 1000, done
    # the first page goes at once, the others at 1000 a second
    assert 0.7 < done.seconds < 60, done.seconds


@pytest.mark.parametrize("mode", MODES)
def test_a_limit_is_of_keys_that_the_server_walks_over(server, r, mode):
    populate(r, 2000)
    done = probe.run(server, "scan", mode, "rate=1000", "match=no-such*")
    assert done.exit == 0 and done.keys() == [], done
    assert 0.7 < done.seconds < 60, done.seconds


def test_a_limit_does_not_keep_a_signal_waiting(server, r):
    populate(r, 1000)
    p = probe.start(server, "scan", "gentle", "rate=1", "count=10")
    p.await_text("key ")
    p.signal()
    done = p.wait()
    assert done.exit == 0 and done.fields()["complete"] == "no" and done.seconds < 60, done


@pytest.mark.parametrize("mode", MODES)
def test_scripts_flushed_in_mid_pass(server, r, mode):
    """NOSCRIPT is met with EVAL; the keys of the page are still there for the callback."""
    expected = populate(r, 20000)
    state = {"evalsha": 0}

    def flush(_, words):
        if words[0].upper() == b"EVALSHA":
            state["evalsha"] += 1
            if state["evalsha"] % 1500 == 0:
                r.script_flush()

    body = "assert(KEYS[1] == ARGV[1]); return redis.call('PTTL', KEYS[1])"
    with Proxy(server) as proxy:
        proxy.on_command = flush
        done = probe.run(proxy, "scan", mode, f"body={body}", timeout=300)
    assert done.exit == 0 and done.fields()["errors"] == "0", done.err
    assert set(done.keys()) == expected and state["evalsha"] >= 20000


@pytest.mark.parametrize("mode", MODES)
def test_connections_lost_in_mid_pass(server, r, mode):
    expected = populate(r, 5000)
    with Proxy(server) as proxy:
        proxy.cut_after(100, 500, 501, 1777)
        proxy.cut_before(300, 2500)
        done = probe.run(proxy, "--retries=5", "scan", mode, timeout=300)
    assert done.exit == 0 and done.fields()["errors"] == "0", done.err
    assert set(done.keys()) == expected and done.fields()["complete"] == "yes"
    assert done.err.count("attempt 2 of 5") >= 5, done.err


@pytest.mark.parametrize("mode", MODES)
def test_temporary_errors_in_mid_pass(server, r, mode):
    expected = populate(r, 2000)
    state = {"SCAN": 0, "PTTL": 0}

    def sometimes(_, words):
        name = words[0].decode().upper()
        if name in state:
            state[name] += 1
            if state[name] % (3 if name == "SCAN" else 97) == 0:
                return b"-LOADING Redis is loading the dataset in memory\r\n"
        return None

    with Proxy(server) as proxy:
        proxy.on_command = sometimes
        done = probe.run(proxy, "--backoff=1", "--retries=5", "scan", mode, timeout=300)
    assert done.exit == 0 and done.fields()["errors"] == "0", done.err
    assert set(done.keys()) == expected and done.fields()["complete"] == "yes"


@pytest.mark.parametrize("mode", MODES)
def test_a_server_restarted_in_mid_pass(server, r, mode):
    populate(r, 5000)
    p = probe.start(server, "--retries=100", "scan", mode, "count=100", "sync=10")
    p.await_sync()
    server.restart()
    p.go_on()
    done = p.wait()
    assert done.exit == TEMPFAIL and "another server answers than before" in done.err, done
    said = done.fields()
    assert said["complete"] == "no" and said["cursor"] == "0", done
    # every key of the pages that were handed out was answered, or told that it is not
    assert int(said["errors"]) > 0


@pytest.mark.parametrize("mode", MODES)
def test_a_server_gone_in_mid_pass(server, r, mode):
    populate(r, 5000)
    p = probe.start(server, "scan", mode, "count=100", "sync=10")
    p.await_sync()
    server.kill()
    p.go_on()
    done = p.wait()
    assert done.exit == UNAVAILABLE and "refused" in done.err, done
    assert int(done.fields()["errors"]) > 0, done


SHAPES = {
    "no array": (b"+OK\r\n", PROTOCOL, "no cursor and list"),
    "nil": (b"*-1\r\n", PROTOCOL, "no cursor and list"),
    "one element": (b"*1\r\n$1\r\n0\r\n", PROTOCOL, "no cursor and list"),
    "three elements": (b"*3\r\n$1\r\n0\r\n*0\r\n*0\r\n", PROTOCOL, "no cursor and list"),
    "a cursor that is no number": (b"*2\r\n$2\r\n-1\r\n*0\r\n", PROTOCOL, "no cursor and list"),
    "a cursor out of range": (b"*2\r\n$20\r\n18446744073709551616\r\n*0\r\n", PROTOCOL,
                              "no cursor and list"),
    "keys that are no array": (b"*2\r\n$1\r\n0\r\n$1\r\nk\r\n", PROTOCOL, "no cursor and list"),
    "a key that is no string": (b"*2\r\n$1\r\n0\r\n*2\r\n$1\r\na\r\n:1\r\n", PROTOCOL,
                                "a key that is no string"),
    "a nil key": (b"*2\r\n$1\r\n0\r\n*1\r\n$-1\r\n", PROTOCOL, "a key that is no string"),
    "a refusal": (b"-NOPERM this user has no permissions to run the 'scan' command\r\n", NOPERM,
                  "SCAN: NOPERM"),
    "an error": (b"-ERR invalid cursor\r\n", 2, "SCAN: ERR invalid cursor"),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("page", (1, 2, 3))
def test_a_reply_to_scan_that_is_none(mode, shape, page):
    reply, code, text = SHAPES[shape]
    good = [b"*2\r\n$1\r\n%d\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n" % n for n in range(1, page)]
    with peer.FakeRedis({"SCAN": [*good, reply], "PTTL": b":-1\r\n"}) as p:
        done = probe.run(p, "scan", mode, ",", "call", "PING")
    assert done.exit == code and text in done.err, done
    # what was handed out before was answered
    assert done.keys() == ["a", "b"] * (page - 1), done


@pytest.mark.parametrize("mode", MODES)
def test_the_largest_cursor(mode):
    first = b"*2\r\n$20\r\n18446744073709551615\r\n*0\r\n"
    last = b"*2\r\n$1\r\n0\r\n*0\r\n"
    cursors = []

    def scan(words):
        cursors.append(words[1])
        return first if words[1] == b"0" else last

    with peer.FakeRedis({"SCAN": scan}) as p:
        done = probe.run(p, "scan", mode)
    assert done.exit == 0 and done.fields()["complete"] == "yes", done
    assert cursors == [b"0", b"18446744073709551615"]


@pytest.mark.parametrize("mode", MODES)
def test_pages_grow_with_the_round_trip(mode):
    with RedisServer() as server, server.client() as r:
        populate(r, 5000)
        with Proxy(server) as proxy:
            proxy.delay(replies=0.005)
            with Monitor(server) as seen:
                done = probe.run(proxy, "scan", mode, "end=1", "keys=no")
    assert done.exit == 0, done
    counts = [int(a[a.index("COUNT") + 1]) for name, a, _ in seen.commands if name == "SCAN"]
    base = 100 if mode == "gentle" else 300
    assert min(6 * base, 1000) <= counts[0] <= 1000
