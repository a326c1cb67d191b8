"""The harness itself: what other scenarios rely on."""

import redis
import pytest

from harness import Certificates, Job, Monitor, RedisServer, differences, snapshot, wait_for


def test_server_is_private_and_ends(server, r):
    assert r.ping()
    assert r.config_get("port")["port"] == "0"
    assert r.config_get("save")["save"] == ""
    before = r.info("server")["run_id"]
    r.set("a", 1)
    server.restart()
    assert server.client().info("server")["run_id"] != before
    assert server.client().dbsize() == 0


def test_server_speaks_tcp_and_tls_when_asked(tmp_path):
    certs = Certificates(tmp_path)
    with RedisServer(tcp=True, tls=certs, password="p w") as s:
        assert redis.Redis(port=s.port, password="p w").ping()
        with pytest.raises(redis.AuthenticationError):
            redis.Redis(port=s.port).ping()
        assert redis.Redis(port=s.tls_port, password="p w", ssl=True, ssl_ca_certs=certs.ca).ping()


def test_snapshot_sees_every_kind_of_change(r):
    r.set(b"s\xff", "v")
    r.hset("h", mapping={"a": 1, "b": 2})
    r.set("t", "v", ex=100)
    r.rpush("l", 1, 2)
    r.set("coordkeep:roster", "ours")
    before = snapshot(r)
    assert set(before) == {b"s\xff", b"h", b"t", b"l"}
    assert differences(before, snapshot(r)) == []
    r.hset("h", "b", 3)
    r.expire("t", 200)
    r.delete("l")
    r.set("n", 1)
    said = differences(before, snapshot(r))
    assert len(said) == 4
    assert differences(before, before) == []


def test_monitor_sees_each_command_once(server, r):
    with Monitor(server) as seen:
        r.set("key with space", "v")
        r.eval("return redis.call('GET', KEYS[1])", 1, "k")
    assert seen.count("SET") == 1
    assert seen.touching("key with space") == [("SET", ["key with space", "v"])]
    assert "GET" in seen.names() and "GET" not in seen.names(scripts=False)


def test_proxy_cuts_counts_and_answers(server, proxy):
    def client():
        return redis.Redis(unix_socket_path=proxy.socket)

    client().set("a", 1)
    assert proxy.commands == 1 and proxy.seen == ["SET"]
    proxy.cut_after(2)
    with pytest.raises(redis.ConnectionError):
        client().set("b", 1)
    assert server.client().get("b") == b"1"
    proxy.cut_before(3)
    with pytest.raises(redis.ConnectionError):
        client().set("c", 1)
    assert server.client().get("c") is None
    proxy.reply_with("GET", b"-LOADING Redis is loading\r\n")
    with pytest.raises(redis.BusyLoadingError):
        client().get("a")
    assert client().get("a") == b"1"
    with client().pipeline(transaction=False) as p:
        for i in range(50):
            p.set(f"p{i}", i)
        p.mget("p0", "p49")
        assert p.execute()[-1] == [b"0", b"49"]


def test_config_of_a_job(tmp_path):
    j = Job("any", "unix:///nowhere", tmp_path / "host", {"liveness": {"confirm": "1s"}})
    text = j.write_config({"redis": {"retries": 1, "backoff": None}}).read_text()
    assert "url = unix:///nowhere" in text and "confirm = 1s" in text
    assert "retries = 1" in text and "backoff" not in text


def test_wait_for_says_what_it_waited_for():
    with pytest.raises(AssertionError, match="the moon"):
        wait_for(lambda: False, timeout=0.05, what="the moon")
