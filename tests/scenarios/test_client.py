"""The client against a real server: greeting, refusals, retries, lost connections, scripts."""

import re
import threading
import time

import pytest
import redis

from harness import Proxy, RedisServer, peer, probe, wait_for

UNAVAILABLE, TEMPFAIL, PROTOCOL, NOPERM, CONFIG = 69, 75, 76, 77, 78
LIMIT = 60


def expect(done, code, *texts):
    assert done.exit == code, done
    for text in texts:
        assert text in done.err, done
    assert done.seconds < LIMIT, done


# Greeting

def test_says_what_the_server_is(server, r):
    r.set("a", 1)
    r.config_set("maxmemory", "64mb")
    r.config_set("maxmemory-policy", "volatile-ttl")
    done = probe.run(server, "server", ",", "call", "SET", "b", "2", ",", "refresh", ",",
                     "call", "CLIENT", "GETNAME")
    assert done.exit == 0, done
    info, said = r.info(), dict(w.split("=", 1) for w in done.lines[0].split())
    major, minor, patch = map(int, info["redis_version"].split("."))
    assert int(said["version"]) == major * 10000 + minor * 100 + patch
    assert said["run_id"] == info["run_id"]
    assert said["max"] == str(64 * 1024 * 1024) and said["policy"] == "volatile-ttl"
    assert said["dbsize"] == "1" and "dbsize=2" in done.lines[2]
    assert 0 < int(said["rtt"]) < 60000000
    assert done.lines[3] == "coordkeep-probe"


def test_carries_the_servers_clock(server, r):
    before = r.time()
    done = probe.run(server, "now")
    after = r.time()
    low, high = (s * 1000 + us // 1000 for s, us in (before, after))
    assert low - 1 <= int(done.out) <= high + 1, done


def test_selects_a_database(server):
    with server.client(db=3) as third:
        third.set("k", "v")
    assert probe.run(server, "--db=3", "call", "GET", "k").out == "v\n"
    assert probe.run(server, "call", "GET", "k").out == "nil\n"
    expect(probe.run(server, "--db=99", "server"), CONFIG, "DB index is out of range")


def test_passwords():
    with RedisServer(password="correct-horse") as server:
        expect(probe.run(server, "server"), NOPERM, "NOAUTH", server.socket)
        done = probe.run(server, "server", password="battery-staple")
        expect(done, NOPERM, "WRONGPASS")
        assert "battery" not in done.err and "attempt" not in done.err, done
        assert probe.run(server, "call", "PING", password="correct-horse").exit == 0
        assert probe.run(server, "--user=default", "call", "PING",
                         password="correct-horse").exit == 0
        expect(probe.run(server, "--user=nobody", "server", password="correct-horse"), NOPERM,
               "WRONGPASS")


def test_a_password_that_the_server_does_not_ask_for(server):
    expect(probe.run(server, "server", password="s3cr3t"), NOPERM, "AUTH", "without any password")


def test_a_password_that_an_error_repeats_is_not_shown():
    said = b"-ERR unknown command 'AUTH', with args beginning with: 'hunter2' \r\n"
    with peer.FakeRedis({"AUTH": said}) as p:
        done = probe.run(p, "server", password="hunter2")
        expect(done, NOPERM, "AUTH", "not shown")
        assert "hunter2" not in done.err, done


@pytest.mark.parametrize("without, code, text", (
    ("info", NOPERM, "INFO"), ("time", NOPERM, "TIME"), ("select", NOPERM, "SELECT"),
    ("role", 0, ""), ("dbsize", 0, ""), ("client", 0, "")))
def test_a_user_who_may_not(server, r, without, code, text):
    r.execute_command("ACL", "SETUSER", "keeper", "on", ">pw", "~*", "+@all", f"-{without}")
    done = probe.run(server, "--user=keeper", "--db=1", "call", "PING", password="pw")
    expect(done, code, text)
    if code != 0:
        assert "NOPERM" in done.err and "attempt" not in done.err, done


def test_a_command_that_is_refused_is_an_error_reply(server, r):
    r.execute_command("ACL", "SETUSER", "keeper", "on", ">pw", "~a*", "+@all", "-script")
    done = probe.run(server, "--user=keeper", "call", "GET", "b", ",", "pipe", "3", "repeat",
                     "GET", "#", password="pw")
    assert done.exit == 0 and done.lines[0].startswith("error NOPERM"), done
    assert "ok=0 error=3 lost=0" in done.lines[1], done
    expect(probe.run(server, "--user=keeper", "load", "return 1", password="pw"), NOPERM,
           "SCRIPT LOAD of probe", "NOPERM")


def test_a_replica(r, server):
    with RedisServer(config={"replica-read-only": "no"}) as other:
        with other.client() as o:
            # of a master that is not there: a replica all the same
            o.execute_command("REPLICAOF", "127.0.0.1", "1")
        # whether it takes writes or not
        expect(probe.run(other, "server"), UNAVAILABLE, "read-only replica of 127.0.0.1:1",
               "attempt 3 of 3")
        assert probe.run(other, "--replica", "call", "PING").exit == 0


def test_a_replica_that_becomes_the_master(server, r):
    r.execute_command("REPLICAOF", "127.0.0.1", "1")
    p = probe.start(server, "--retries=1000", "--backoff-max=100", "call", "SET", "k", "v")
    p.await_text("read-only replica", "err", times=2)
    r.execute_command("REPLICAOF", "NO", "ONE")
    done = p.wait()
    assert (done.exit, done.out) == (0, "OK\n"), done


def test_a_master_that_becomes_a_replica(server, r):
    p = probe.start(server, "sync", ",", "pipe", "5", "once", "INCR", "n")
    p.await_sync()
    r.execute_command("REPLICAOF", "127.0.0.1", "1")
    p.go_on()
    done = p.wait()
    # READONLY: connects anew, and finds a replica
    expect(done, UNAVAILABLE, "READONLY", "read-only replica of 127.0.0.1:1")
    assert "ok=0 error=0 lost=5" in done.lines[-1], done
    r.execute_command("REPLICAOF", "NO", "ONE")
    assert r.get("n") is None


@pytest.mark.parametrize("replies, code, text", (
    ({"ROLE": b"*1\r\n" + peer.bulk(b"sentinel")}, PROTOCOL, "Sentinel"),
    ({"INFO": peer.bulk(b"redis_version:5.0.14\r\nrun_id:x\r\n")}, UNAVAILABLE, "5.0 is too old"),
    ({"INFO": peer.bulk(b"hello\r\n")}, PROTOCOL, "not a Redis"),
    ({"INFO": b":1\r\n"}, PROTOCOL, "not a Redis"),
    ({"ROLE": b"*0\r\n"}, PROTOCOL, "not a Redis"),
    ({"ROLE": b"-ERR unknown command\r\n"}, PROTOCOL, "ROLE"),
    ({"DBSIZE": b"+many\r\n"}, PROTOCOL, "DBSIZE"),
    ({"TIME": b"*2\r\n" + peer.bulk(b"-1") + peer.bulk(b"0")}, PROTOCOL, "TIME"),
    ({"TIME": b"*2\r\n" + peer.bulk(b"9" * 19) + peer.bulk(b"0")}, PROTOCOL, "TIME"),
    ({"INFO": b"-LOADING Redis is loading the dataset in memory\r\n"}, UNAVAILABLE, "LOADING"),
    ({"DBSIZE": b"-BUSY Redis is busy running a script.\r\n"}, UNAVAILABLE, "BUSY"),
    ({"INFO": b"-MASTERDOWN Link with MASTER is down\r\n"}, UNAVAILABLE, "MASTERDOWN"),
    ({"ROLE": b"-DENIED Redis is running in protected mode\r\n"}, NOPERM, "DENIED"),
    ({"PING": b"+PONG\r\n+PONG\r\n"}, PROTOCOL, "a command that was not sent"),
    ({"PING": b"%1\r\n+a\r\n+b\r\n"}, PROTOCOL, "not a Redis"),
))
def test_servers_that_are_none(replies, code, text):
    with peer.FakeRedis(replies) as p:
        done = probe.run(p, "--retries=2", "--timeout=5000", "call", "PING", ",", "call", "PING")
        expect(done, code, text, f"127.0.0.1:{p.port}")


# What is temporary

@pytest.mark.parametrize("said", (
    b"-LOADING Redis is loading the dataset in memory\r\n",
    b"-BUSY Redis is busy running a script.\r\n",
    b"-MASTERDOWN Link with MASTER is down\r\n",
    b"-ERR max number of clients reached\r\n"))
def test_a_greeting_is_tried_again(said):
    role = b"*3\r\n" + peer.bulk(b"master") + b":0\r\n*0\r\n"
    with peer.FakeRedis({"ROLE": [said, said, role]}) as p:
        done = probe.run(p, "call", "PING")
        assert (done.exit, done.out, p.connections) == (0, "PONG\n", 3), done
        assert said[1:-2].decode() in done.err and "attempt 3 of 3 in " in done.err, done


@pytest.mark.parametrize("said, connections", (
    (b"-LOADING Redis is loading the dataset in memory\r\n", 1),
    (b"-BUSY Redis is busy running a script.\r\n", 1),
    (b"-TRYAGAIN Multiple keys request during rehashing of slot\r\n", 1),
    (b"-CLUSTERDOWN The cluster is down\r\n", 1),
    (b"-MASTERDOWN Link with MASTER is down\r\n", 2),
    (b"-READONLY You can't write against a read only replica.\r\n", 2)))
@pytest.mark.parametrize("repeat", ("once", "repeat"))
def test_commands_that_were_not_executed_are_sent_again(server, r, said, connections, repeat):
    with Proxy(server) as proxy:
        proxy.reply_with("INCR", said, times=7)
        done = probe.run(proxy, "pipe", "50", repeat, "INCR", "n")
        assert done.exit == 0 and "ok=50 error=0 lost=0" in done.lines[0], done
        assert "7 commands again, attempt 2 of 3" in done.err, done
        assert said[1:-2].decode() in done.err, done
        assert r.get("n") == b"50" and proxy.connections == connections


def test_what_stays_temporary_is_handed_out_at_last(server):
    with Proxy(server) as proxy:
        proxy.reply_with("GET", b"-CLUSTERDOWN The cluster is down\r\n", times=1000)
        done = probe.run(proxy, "call", "GET", "a", ",", "call", "ECHO", "hi")
        assert done.exit == 0, done
        assert done.lines == ["error CLUSTERDOWN The cluster is down", "hi"], done
        assert proxy.seen.count("GET") == 3


def test_errors_that_only_look_temporary_are_not(server):
    with Proxy(server) as proxy:
        proxy.reply_with("RESTORE", b"-BUSYKEY Target key name already exists.\r\n", times=1000)
        done = probe.run(proxy, "call", "RESTORE", "a", "0", "x")
        assert done.lines == ["error BUSYKEY Target key name already exists."], done
        assert proxy.seen.count("RESTORE") == 1


def test_a_script_that_keeps_the_server_busy(server, r):
    r.config_set("busy-reply-threshold", 1)
    p = probe.start(server, "--retries=1000", "--backoff-max=50", "sync", ",", "pipe", "20", "once",
                    "INCR", "n")
    p.await_sync()
    hog = threading.Thread(target=lambda: pytest.raises(
        redis.ResponseError, server.client().eval, "while true do end", 0))
    hog.start()

    def is_busy():
        try:
            return not r.ping()
        except redis.ResponseError as e:
            return "BUSY" in str(e) or type(e).__name__ == "BusyLoadingError"

    wait_for(is_busy)
    p.go_on()
    p.await_text("BUSY", "err")
    r.script_kill()
    done = p.wait()
    hog.join()
    assert done.exit == 0 and "ok=20 error=0 lost=0" in done.lines[-1], done
    assert r.get("n") == b"20"


def test_sigterm_ends_the_retries(tmp_path):
    p = probe.start([f"--unix={tmp_path}/none"], "--retries=1000", "--backoff=100000",
                    "--backoff-max=100000", "server")
    p.await_text("attempt 2 of 1000", "err")
    p.signal()
    expect(p.wait(), TEMPFAIL, "asked to end", f"{tmp_path}/none")


def test_sigterm_ends_the_wait_for_a_greeting():
    with peer.Silent() as p:
        started = probe.start(p, "--timeout=100000", "server")
        wait_for(lambda: p.heard)
        # one that comes between the greeting and the wait is seen only after the wait
        wait_for(lambda: started.signal() or started.process.poll() is not None)
        expect(started.wait(), TEMPFAIL, "asked to end")


@pytest.mark.parametrize("waits_for", ("a reply", "a retry"))
def test_nothing_goes_beyond_the_runs_time(server, tmp_path, waits_for):
    where = server if waits_for == "a reply" else [f"--unix={tmp_path}/none"]
    server.hang()
    done = probe.run(where, "--deadline=500", "--timeout=100000", "--retries=1000",
                     "--backoff=300", "--backoff-max=300", "server")
    expect(done, TEMPFAIL, "the run's time is up")
    assert done.seconds < 30, done
    server.go_on()


def test_the_runs_time_ends_in_mid_pipeline():
    with peer.FakeRedis({"GET": lambda _: time.sleep(LIMIT) or b""}) as p:
        done = probe.run(p, "--deadline=5000", "--timeout=100000", "pipe", "3", "repeat", "GET",
                         "#")
        expect(done, TEMPFAIL, "the run's time is up", "timed out")
        assert "ok=0 error=0 lost=3 order=yes" in done.lines[-1], done


# Lost connections

class CutAt:
    """For Proxy.on_command: the connection ends before or after the n-th `name`."""

    def __init__(self, name, how, *numbers):
        self.name, self.how, self.numbers, self.seen = name.encode(), how, set(numbers), 0

    def __call__(self, _, words):
        if words[0].upper() == self.name:
            self.seen += 1
            if self.seen in self.numbers:
                return self.how
        return None


@pytest.mark.parametrize("how", ("cut-before", "cut-after"))
def test_what_may_be_repeated_is(server, r, how):
    with Proxy(server) as proxy:
        proxy.on_command = CutAt("SET", how, 1, 2, 30, 31, 70)
        done = probe.run(proxy, "--retries=4", "pipe", "100", "repeat", "SET", "#", "v")
        assert done.exit == 0 and "ok=100 error=0 lost=0 order=yes" in done.lines[0], done
        assert r.dbsize() == 100
        assert "the server closed the connection; attempt" in done.err, done


@pytest.mark.parametrize("how, executed", (("cut-before", 39), ("cut-after", 40)))
def test_what_may_not_be_repeated_is_unknown(server, r, how, executed):
    with Proxy(server) as proxy:
        proxy.on_command = CutAt("INCR", how, 40)
        done = probe.run(proxy, "pipe", "100", "once", "INCR", "n", ",", "call", "GET", "n")
        # all 100 were on their way: 39 answered, of 61 nobody can tell
        assert done.exit == 0 and "ok=39 error=0 lost=61 order=yes" in done.lines[0], done
        assert "the outcome of 61 commands is unknown" in done.err, done
        assert done.lines[1] == str(executed) and r.get("n") == str(executed).encode()


def test_one_call_whose_reply_is_lost(server, r):
    with Proxy(server) as proxy:
        proxy.on_command = CutAt("INCR", "cut-after", 1)
        expect(probe.run(proxy, "once", "INCR", "n"), UNAVAILABLE, "the outcome is unknown")
        assert r.get("n") == b"1"


def test_a_connection_that_always_breaks(server):
    with Proxy(server) as proxy:
        proxy.on_command = CutAt("GET", "cut-after", *range(1000))
        done = probe.run(proxy, "--retries=4", "call", "GET", "a")
        expect(done, UNAVAILABLE, "closed the connection", "attempt 4 of 4")
        assert proxy.seen.count("GET") == 4
        # and one that gets a step further each time comes to its end
        proxy.on_command = CutAt("GET", "cut-after", *range(0, 1000, 2))
        done = probe.run(proxy, "--retries=2", "pipe", "20", "repeat", "GET", "#")
        assert done.exit == 0 and "ok=20 error=0 lost=0 order=yes" in done.lines[0], done


def test_a_server_that_goes_for_good(server):
    p = probe.start(server, "sync", ",", "pipe", "10", "repeat", "GET", "#")
    p.await_sync()
    server.kill()
    p.go_on()
    done = p.wait()
    expect(done, UNAVAILABLE, "refused", "attempt 3 of 3")
    assert "ok=0 error=0 lost=10 order=yes" in done.lines[-1], done


def test_a_server_that_was_restarted_is_another_one(server):
    p = probe.start(server, "--retries=100", "call", "SET", "k", "v", ",", "sync", ",",
                    "pipe", "10", "repeat", "SET", "#", "v")
    p.await_sync()
    server.restart()
    p.go_on()
    done = p.wait()
    expect(done, TEMPFAIL, "another server answers than before")
    # nothing that was meant for the old one is done to the new one
    assert "ok=0 error=0 lost=10 order=yes" in done.lines[-1], done
    with server.client() as r:
        assert r.dbsize() == 0


def test_an_idle_connection_that_the_server_closed():
    # over TCP, where the first send to a closed connection succeeds
    with RedisServer(tcp=True) as server, server.client() as r:
        for command in ("once", "call"):
            r.delete("n")
            p = probe.start(["--host=127.0.0.1", f"--port={server.port}"], "sync", ",", command,
                            "INCR", "n")
            p.await_sync()
            mine = [c["id"] for c in r.client_list() if c["name"] == "coordkeep-probe"]
            for ident in mine:
                r.client_kill_filter(_id=ident)
            time.sleep(1.2)  # only then is it looked at
            p.go_on()
            done = p.wait()
            assert done.exit == 0 and done.lines[-1] == "1", done
            assert r.get("n") == b"1"


def test_replies_that_come_byte_by_byte(server):
    def dripping(_, words):
        proxy.drip = words[0] not in (b"INFO", b"COMMAND")

    with Proxy(server) as proxy:
        proxy.on_command = dripping
        done = probe.run(proxy, "pipe", "10", "repeat", "ECHO", "#", ",", "call", "TIME", ",",
                         "scan", "fast")
        assert done.exit == 0 and "ok=10 error=0 lost=0 order=yes" in done.lines[0], done


def test_retries_wait_longer_each_time(tmp_path):
    done = probe.run([f"--unix={tmp_path}/none"], "--retries=6", "--backoff=8",
                     "--backoff-max=64", "server")
    waits = [int(ms) for ms in re.findall(r" in (\d+) ms", done.err)]
    assert len(waits) == 5, done
    for wait, most in zip(waits, (8, 16, 32, 64, 64)):
        assert most / 2 <= wait <= most, done


# Scripts

BODY = "return redis.call('INCR', KEYS[1])"


def test_a_script_that_is_not_loaded(server, r):
    done = probe.run(server, "script", "30", BODY, "n")
    assert done.exit == 0 and "ok=30 error=0 lost=0" in done.lines[0], done
    assert r.get("n") == b"30"


def test_scripts_flushed_in_mid_pipeline(server, r):
    seen = []

    def flush_at_100(_, words):
        if words[0].upper() == b"EVALSHA":
            seen.append(words)
            if len(seen) == 100:
                r.script_flush()

    with Proxy(server) as proxy:
        proxy.on_command = flush_at_100
        done = probe.run(proxy, "load", BODY, ",", "script", "200", BODY, "n")
        assert done.exit == 0 and "ok=200 error=0 lost=0" in done.lines[1], done
        assert r.get("n") == b"200"
        assert (proxy.seen.count("EVALSHA"), proxy.seen.count("EVAL")) == (200, 101)


def test_a_script_that_fails(server):
    done = probe.run(server, "script", "3", "return redis.error_reply('MINE no')", "n", ",",
                     "load", "this is no Lua")
    assert done.exit == 2 and "ok=0 error=3 lost=0 order=yes MINE no" in done.lines[0], done
    assert "SCRIPT LOAD of probe: ERR Error compiling script" in done.err, done
