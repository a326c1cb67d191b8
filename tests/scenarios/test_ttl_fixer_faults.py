"""Races, older servers, refusals: what was not done is never said to be done."""

import pytest

from harness import Monitor, differences, snapshot, wait_for

H = 3600


@pytest.fixture
def old_server(server, proxy):
    """A proxy that says it is Redis 6.2, which knows no EXPIRE NX."""
    raw = server.client()
    raw.set_response_callback("INFO", lambda text: text)

    def on_command(_, words):
        name = words[0].upper()
        if name == b"INFO":
            text = raw.execute_command("INFO")
            text = text.replace(b"redis_version:7.", b"redis_version:6.")
            return b"$%d\r\n%s\r\n" % (len(text), text)
        if name in (b"EXPIRE", b"PEXPIRE") and len(words) > 3:
            return b"-ERR wrong number of arguments for 'expire' command\r\n"
        return None

    proxy.on_command = on_command
    return proxy


def test_an_older_server(server, r, job, old_server):
    r.set("blocking:signal:a", "x")
    r.set("blocking:signal:long", "x", ex=100 * H)
    r.set("blocking:state:short", "x", ex=100)
    r.set("coordinator:work:s:a:w", "x", ex=100 * H)
    before = snapshot(r)
    fixer = job("ttl-fixer", {"ttl-fixer": {"max_ttl": "36h"}}, url=old_server.url)
    assert fixer.run("-n").exit == 0
    assert differences(before, snapshot(r)) == []
    done = fixer.json()
    assert done.exit == 0 and done.count("ttl-set") == 1 and done.count("ttl-cut") == 1, done
    assert 23 * H < r.ttl("blocking:signal:a") <= 24 * H
    assert 35 * H < r.ttl("blocking:signal:long") <= 36 * H
    assert r.ttl("blocking:state:short") <= 100 and r.ttl("coordinator:work:s:a:w") > 99 * H
    with Monitor(server) as seen:
        assert fixer.run("-q").exit == 0
    assert not seen.names() & {"PEXPIRE", "EXPIRE"}, seen.names()


def meddle(proxy, command, act):
    """Do ${act} once, just before the first ${command} of a key reaches the server."""
    done = []

    def on_command(_, words):
        if words[0].upper() == command and words[1].startswith(b"blocking:") and not done:
            done.append(words)
            act()
        return None

    proxy.on_command = on_command
    return done


RACES = {
    "gets a TTL": lambda r: r.set("blocking:signal:a", "new", ex=5000),
    "is deleted": lambda r: r.delete("blocking:signal:a"),
}


@pytest.mark.parametrize("race", RACES)
def test_a_key_that_changes_before_it_is_given_a_ttl(r, job, proxy, race):
    r.set("blocking:signal:a", "x")
    met = meddle(proxy, b"EXPIRE", lambda: RACES[race](r))
    done = job("ttl-fixer", {"log": {"level": "debug"}}, url=proxy.url).json()
    assert met and done.exit == 0, done
    assert done.count("ttl-set") == 0 and done.count("changed-meanwhile") == 1, done
    assert done.json["actions"] == [] and "changed-meanwhile" in done.stderr, done
    assert 0 <= r.ttl("blocking:signal:a") <= 5000 or race == "is deleted"


def test_a_key_that_expires_between_scan_and_look(r, job, proxy):
    r.set("blocking:signal:a", "x")
    met = meddle(proxy, b"PTTL", lambda: r.delete("blocking:signal:a"))
    done = job("ttl-fixer", url=proxy.url).json()
    assert met and done.exit == 0 and done.count("changed-meanwhile") == 1, done


@pytest.mark.parametrize("what", ["loses its TTL", "is shorter by now", "is deleted"])
def test_a_key_that_changes_before_it_is_cut(r, job, proxy, what):
    """A key that lost its TTL meanwhile is not given one by the cap."""
    r.set("blocking:signal:a", "x", ex=100 * H)
    act = {"loses its TTL": lambda: r.persist("blocking:signal:a"),
           "is shorter by now": lambda: r.expire("blocking:signal:a", 6000),
           "is deleted": lambda: r.delete("blocking:signal:a")}[what]
    met = meddle(proxy, b"PEXPIRE", act)
    done = job("ttl-fixer", {"ttl-fixer": {"max_ttl": "2h"}}, url=proxy.url).json()
    assert met and done.exit == 0, done
    assert done.count("ttl-cut") == 0 and done.count("changed-meanwhile") == 1, done
    left = r.ttl("blocking:signal:a")
    assert {"loses its TTL": left == -1, "is deleted": left == -2,
            "is shorter by now": 0 < left <= 6000}[what], left


def test_a_heartbeat_that_goes_before_it_is_read(r, job, proxy, heartbeat):
    heartbeat("a", ttl=None)
    met = meddle(proxy, b"GETRANGE", lambda: r.delete("blocking:heartbeat:a"))
    done = job("ttl-fixer", url=proxy.url).json()
    assert met and done.exit == 0 and done.count("changed-meanwhile") == 1, done


def test_a_lost_reply_is_asked_for_again(r, job, proxy):
    for i in range(10):
        r.set(f"blocking:signal:{i}", "x")
    fixer = job("ttl-fixer", url=proxy.url)
    cut = []

    def on_command(_, words):
        if words[0].upper() == b"EXPIRE" and not cut:
            cut.append(words)
            return "cut-after"
        return None

    proxy.on_command = on_command
    done = fixer.json()
    assert cut and done.exit == 0, done
    assert all(r.ttl(f"blocking:signal:{i}") > 0 for i in range(10))
    assert done.count("ttl-set") == 10 and done.count("changed-meanwhile") == 0, done


@pytest.mark.parametrize("rule, code", [("-expire", 77), ("-pttl", 77), ("-getrange", 77),
                                        ("-scan", 77)])
def test_a_permission_that_lacks(server, r, job, heartbeat, rule, code):
    heartbeat("a", ttl=None)
    for i in range(50):
        r.set(f"blocking:signal:{i}", "x")
    r.execute_command("ACL", "SETUSER", "limited", "reset", "on", ">pw", "~*", "&*", "+@all", rule)
    before = snapshot(r)
    url = server.url.replace("unix://", "unix://limited:pw@")
    done = job("ttl-fixer", url=url).run()
    assert done.exit == code, done
    assert "permission" in done.stderr, done
    if rule != "-getrange":
        assert differences(before, snapshot(r)) == []
    assert "Set a TTL on 50" not in done.stdout or rule == "-getrange", done


def test_one_key_that_fails_is_named_and_the_others_are_fixed(r, job, proxy):
    for i in range(10):
        r.set(f"blocking:signal:{i}", "x")

    def on_command(_, words):
        if words[0].upper() == b"EXPIRE" and words[1] == b"blocking:signal:3":
            return b"-ERR something is odd with this key\r\n"
        return None

    proxy.on_command = on_command
    done = job("ttl-fixer", url=proxy.url).json()
    assert done.exit == 2 and done.count("failed") == 1 and done.count("ttl-set") == 9, done
    assert "blocking:signal:3" in done.stderr and "something is odd" in done.stderr, done
    assert r.ttl("blocking:signal:3") == -1


@pytest.mark.parametrize("args, count", [((), "ttl-set"), (("--report",), None)])
def test_keys_that_this_user_may_not_touch(server, r, job, args, count):
    """They are named and the others are fixed."""
    for i in range(500):
        r.set(f"blocking:signal:{i}", "x")
    r.set("blocking:private:1", "x")
    r.set("blocking:private:2", "x")
    r.execute_command("ACL", "SETUSER", "limited", "reset", "on", ">pw", "~blocking:signal:*",
                      "~coordkeep:*", "&*", "+@all")
    url = server.url.replace("unix://", "unix://limited:pw@")
    done = job("ttl-fixer", url=url).json(*args)
    assert done.exit == 77 and done.count("failed") == 2, done
    assert "blocking:private:1" in done.stderr and "blocking:private:2" in done.stderr, done
    if count:
        assert done.count(count) == 500, done
        again = job("ttl-fixer", url=url).run()
        assert again.exit == 77 and "No key without a TTL" not in again.stdout, again
        assert "2 keys failed" in again.stdout and "next run" not in again.stdout, again


def test_a_key_with_a_nul(r, job):
    r.set(b"blocking:signal:a\x00b", "x")
    done = job("ttl-fixer").json()
    assert done.exit == 0 and "Key blocking:signal:a\\x00b missing TTL" in \
        done.json["actions"][0]["text"], done


def test_a_server_that_takes_no_writes(r, job, proxy):
    for i in range(200):
        r.set(f"blocking:signal:{i}", "x")
    proxy.reply_with("EXPIRE", b"-MISCONF Redis is configured to save RDB snapshots\r\n", times=10**6)
    done = job("ttl-fixer", url=proxy.url).json()
    assert done.exit == 69 and "MISCONF" in done.stderr, done
    assert done.count("ttl-set") == 0, done


def test_a_replica_is_refused(r, job):
    r.set("blocking:signal:a", "x")
    r.replicaof("127.0.0.1", "1")
    done = job("ttl-fixer").run()
    r.execute_command("REPLICAOF", "NO", "ONE")
    assert done.exit == 69 and r.ttl("blocking:signal:a") == -1, done


def test_another_run_holds_the_lease(r, job):
    r.set("blocking:signal:a", "x")
    fixer = job("ttl-fixer", {"scan": {"max_keys_per_second": 20}})
    for i in range(200):
        r.set(f"blocking:signal:{i}", "x")
    first = fixer.start()
    wait_for(lambda: r.keys("coordkeep:lease*"), what="the lease of the first run")
    second = fixer.run()
    first.signal()
    assert second.exit == 75, second
    assert first.wait().exit == 75
    assert r.keys("coordkeep:lease*") == []


def test_paused(r, job):
    r.set("blocking:signal:a", "x")
    fixer = job("ttl-fixer")
    assert fixer.run("--pause", "1h", "--reason", "maintenance").exit == 0
    done = fixer.run()
    assert done.exit == 75 and "maintenance" in done.stderr, done
    assert r.ttl("blocking:signal:a") == -1
    assert fixer.run("--report").exit == 0
    assert fixer.run("--force").exit == 0
    assert r.ttl("blocking:signal:a") > 0
