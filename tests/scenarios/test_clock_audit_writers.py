"""clock-audit: what coordinators stamp, and what that proves of their clocks."""

import json

import pytest
from harness import wait_for
from harness.clocks import Clocks

MINUTE = 60000


@pytest.fixture(scope="module")
def clocks(tmp_path_factory):
    return Clocks(tmp_path_factory.mktemp("clocks"))


@pytest.fixture
def audit(job, clocks):
    return job("clock-audit", {"clock-audit": {"host": "host-a"}, "liveness": {"confirm": "1s"}},
               env=clocks.env())


def writers_of(run):
    return {w.get("id", w.get("key")): w for w in run.json["clock"]["writers"]}


def codes_of(run, who):
    return [f["code"] for f in run.findings() if f.get("key") == who]


def within(writer, truth):
    low, high = writer["low_ms"], writer["high_ms"]
    return (low is None or low <= truth) and (high is None or truth <= high)


def test_each_writer_that_cannot_be_right_is_named(audit, heartbeat, r, now_ms):
    heartbeat("coord-right")
    heartbeat("coord-fast", age_ms=-5 * MINUTE)
    heartbeat("coord-slow", age_ms=11 * MINUTE)
    r.set("blocking:heartbeat:coord-seconds",
          json.dumps({"coordinatorId": "coord-seconds", "timestamp": now_ms() // 1000}), ex=90)
    r.set("blocking:heartbeat:coord-garbage", "garbage", ex=90)
    r.set("blocking:heartbeat:coord-timeless", '{"metadata":{"timestamp":1}}', ex=90)
    r.set("blocking:heartbeat:coord-empty", "", ex=90)
    r.set("blocking:heartbeat:coord-huge", "x" * 70000, ex=90)
    r.lpush("blocking:heartbeat:coord-list", "x")
    done = audit.json()
    assert done.exit == 2, done
    named = writers_of(done)
    # One that is behind can also be an old heartbeat: it takes a second sight.
    assert set(named) == {"coord-fast", "coord-seconds", "coord-garbage", "coord-timeless",
                          "coord-empty", "coord-huge", "coord-list"}, done
    assert codes_of(done, "coord-fast") == ["writer-skewed"], done
    assert within(named["coord-fast"], 5 * MINUTE), done
    assert named["coord-fast"]["low_ms"] > 4 * MINUTE, done
    assert codes_of(done, "coord-seconds") == ["stamp-in-seconds"], done
    for who in ("garbage", "timeless", "empty", "huge", "list"):
        assert codes_of(done, f"coord-{who}") == ["unreadable-stamp"], done
    assert done.count("coordinators") == 9, done
    texts = {f["key"]: f["text"] for f in done.findings()}
    assert "ahead of Redis's, by its heartbeat" in texts["coord-fast"], done
    assert "is not JSON" in texts["coord-garbage"], done
    assert "has no readable time" in texts["coord-timeless"], done
    assert "is longer than 64 KB" in texts["coord-huge"], done
    assert "is not a string" in texts["coord-list"], done


def test_a_right_clock_is_never_named_whatever_its_age(audit, r, now_ms):
    """Heartbeats written up to their whole TTL ago, with every TTL that writers give; without
    a TTL; with a longer one; with one that was set since, by ttl-fixer or by a writer that renews
    only that; acks and signals of any age."""
    now = now_ms()
    for age in (0, 110, 300, 3500, 30 * 86400):
        for ttl in (90, 300, 3600):
            r.set(f"blocking:heartbeat:renewed-{ttl}-{age}",
                  json.dumps({"timestamp": now - age * 1000}), ex=ttl)
    for ttl in (90, 180, 300):
        for age in range(0, ttl - 60, 10):
            r.set(f"blocking:heartbeat:c-{ttl}-{age}",
                  json.dumps({"timestamp": now - age * 1000}), px=(ttl - age) * 1000)
    for age in (0, 60, 600, 86400, 30 * 86400):
        old = json.dumps({"lastHeartbeat": now - age * 1000})
        r.set(f"blocking:heartbeat:kept-{age}", old)
        r.set(f"blocking:heartbeat:long-{age}", old, ex=3600)
        r.set(f"blocking:signal:r-{age}", json.dumps(
            {"senderId": "s", "receiverId": f"r-{age}", "type": "wake",
             "timestamp": now - age * 1000}), ex=60)
        r.set(f"blocking:ack:c:s-{age}", json.dumps(
            {"coordinatorId": "c", "signalId": f"s-{age}", "timestamp": now - age * 1000}), ex=60)
    done = audit.json()
    assert done.exit == 0, done
    assert not writers_of(done), done
    assert done.count("signals") == done.count("acks") == 5, done
    # What passes between stamping and writing is a skew, if a small one.
    assert done.json["clock"]["largest_skew_ms"] < 5000, done


@pytest.mark.parametrize("ahead, code", [(4000, 0), (50000, 1), (150000, 2)])
def test_the_limits(audit, heartbeat, ahead, code):
    """What passes until it is read makes it less certain, never more."""
    heartbeat("coord-1", age_ms=-ahead)
    heartbeat("coord-2")
    done = audit.json(config={"clock-audit": {"warn": "6s"}})
    assert done.exit == code, done
    assert len(done.findings("writer-skewed")) == (code > 0), done
    gauge = audit.metrics()['coordkeep_clock_writers_skewed{job="clock-audit"}']
    assert gauge == (code > 0)


def test_signals_and_acks_ahead_name_their_writer(audit, r, now_ms):
    soon = now_ms() + 10 * MINUTE
    r.set("blocking:signal:receiver", json.dumps(
        {"senderId": "sender-1", "receiverId": "receiver", "type": "wake", "timestamp": soon}))
    r.set("blocking:signal:compact", json.dumps(
        {"s": "sender-2", "r": "compact", "t": "wake", "ts": soon}))
    r.set("blocking:ack:coord:with:colons:sig", json.dumps(
        {"coordinatorId": "coord:with:colons", "signalId": "sig", "timestamp": soon}))
    r.set("blocking:ack:victim:sig", json.dumps(
        {"coordinatorId": "somebody-else", "signalId": "sig", "timestamp": soon}))
    r.set("blocking:signal:nobody", json.dumps({"timestamp": soon}))
    r.set("blocking:signal:garbage", "{")
    done = audit.json()
    assert done.exit == 2, done
    named = writers_of(done)
    # Whom neither the value nor the key names for certain is named by the key.
    assert set(named) == {"sender-1", "sender-2", "coord:with:colons", "blocking:ack:victim:sig",
                          "blocking:signal:nobody", "blocking:signal:garbage"}, done
    for who in set(named) - {"blocking:signal:garbage"}:
        assert named[who]["high_ms"] is None and within(named[who], 10 * MINUTE), done
        assert named[who]["low_ms"] > 8 * MINUTE, done
    assert named["sender-1"]["by"] == "signal" and named["coord:with:colons"]["by"] == "ack"
    assert codes_of(done, "blocking:signal:garbage") == ["unreadable-stamp"], done
    texts = [f["text"] for f in done.findings("writer-skewed")]
    assert all("was at least" in t and "ahead of Redis's" in t for t in texts), done


def test_a_hand_sent_signal_in_seconds(audit, r, now_ms):
    """As the guide has it: its clock is right, its unit is not."""
    r.set("blocking:signal:coord-1", json.dumps(
        {"senderId": "manual-override", "receiverId": "coord-1", "type": "wake",
         "timestamp": now_ms() // 1000}), ex=86400)
    done = audit.json()
    assert done.exit == 1, done
    assert codes_of(done, "manual-override") == ["stamp-in-seconds"], done


def test_many_records_of_one_writer_are_one_finding(audit, r, heartbeat, now_ms):
    heartbeat("coord-1", age_ms=-5 * MINUTE)
    for i in range(20):
        r.set(f"blocking:signal:r{i}", json.dumps(
            {"senderId": "coord-1", "receiverId": f"r{i}", "type": "wake",
             "timestamp": now_ms() + 20 * MINUTE}))
    done = audit.json()
    found, = done.findings("writer-skewed")
    assert found["key"] == "coord-1", done
    # What its heartbeat shows is so now.
    writer, = done.json["clock"]["writers"]
    assert writer["by"] == "heartbeat" and writer["skewed"] == 21, done
    assert within(writer, 5 * MINUTE), done


def test_writers_of_odd_names(audit, r, heartbeat):
    for ident in ("a:b", "*", "[a]", "x" * 300, "with space"):
        heartbeat(ident, age_ms=-5 * MINUTE)
    r.set(b"blocking:heartbeat:\xff\n", b"garbage")
    done = audit.json()
    named = writers_of(done)
    assert {"a:b", "*", "[a]", "x" * 300, "with space"} <= set(named), done
    assert [f["key_b64"] for f in done.findings("unreadable-stamp")] == ["/wo="], done


def test_other_keys_are_none_of_its_business(audit, r, now_ms):
    ahead = json.dumps({"timestamp": now_ms() + 10 * MINUTE})
    for key in ("blocking:state:a", "blocking:heartbeats:a", "blocking:heartbeat:",
                "blocking:custom", "sblocking:heartbeat:a", "coordinator:activity:a", "other"):
        r.set(key, ahead)
    done = audit.json()
    assert (done.exit, done.count("coordinators")) == (0, 0), done


def test_what_ttl_fixer_gave_names_nobody(audit, job, heartbeat, r):
    """The expiry that it gives tells nothing of when the heartbeat was written."""
    config = {"ttl": {"heartbeat": "300s"}, "liveness": {"heartbeat_ttl_max": "300s"}}
    heartbeat("coord-1", age_ms=110_000, ttl=None)
    assert job("ttl-fixer", config).json().count("ttl-set") == 1
    assert 0 < r.ttl("blocking:heartbeat:coord-1") <= 300
    done = audit.json(config=config)
    assert done.exit == 0 and not writers_of(done), done


def test_an_empty_message_cannot_be_dated(audit, r):
    r.set("blocking:signal:a", "")
    r.set("blocking:ack:a:s", "")
    done = audit.json()
    assert done.exit == 1 and len(done.findings("unreadable-stamp")) == 2, done
    assert (done.count("signals"), done.count("acks")) == (1, 1), done


def test_who_names_nobody_is_no_coordinator(audit, r, now_ms):
    r.set("blocking:signal:nobody", json.dumps({"timestamp": now_ms() + 10 * MINUTE}))
    r.set("blocking:signal:seconds", json.dumps({"timestamp": now_ms() // 1000}))
    done = audit.json()
    assert [sorted(w) for w in done.json["clock"]["writers"] if "id" in w] == [], done
    assert set(writers_of(done)) == {"blocking:signal:nobody", "blocking:signal:seconds"}, done


def test_real_coordinators(audit, fleet, heartbeat):
    """Processes that beat, one with a clock that is five minutes ahead, one eleven behind, and
    heartbeats of two that crashed. One run of this job is enough: it looks on."""
    fleet.start("coord-right")
    fleet.start("coord-fast", offset_ms=5 * MINUTE)
    fleet.start("coord-slow", offset_ms=-11 * MINUTE)
    heartbeat("coord-dead", age_ms=11 * MINUTE)
    heartbeat("coord-long-dead", age_ms=600 * MINUTE, ttl=None)
    done = audit.json(config={"liveness": {"confirm": "3s"}})
    named = writers_of(done)
    assert done.exit == 2 and set(named) == {"coord-fast", "coord-slow"}, done
    assert within(named["coord-fast"], 5 * MINUTE), done
    assert within(named["coord-slow"], -11 * MINUTE), done
    # It was written between two looks, which are a second apart.
    assert named["coord-slow"]["high_ms"] - named["coord-slow"]["low_ms"] < 3000, done
    assert (done.count("heartbeats-old"), done.count("heartbeats-silent")) == (3, 2), done
    text = audit.run("-v")
    assert "2 old heartbeats were not written while watched" in text.stdout, text


def test_the_watch_ends_with_the_last_that_was_written(audit, fleet):
    fleet.start("coord-slow", offset_ms=-11 * MINUTE)
    done = audit.json(config={"liveness": {"confirm": "50s"}})
    assert list(writers_of(done)) == ["coord-slow"] and done.json["duration_ms"] < 30000, done


def on_look(proxy, ident, number, act):
    """Before the `number`th time that its heartbeat is read."""
    key, reads = f"blocking:heartbeat:{ident}".encode(), []

    def on_command(_, words):
        if words[0].upper() == b"GETRANGE" and key in words:
            reads.append(1)
            if len(reads) == number:
                act()

    proxy.on_command = on_command
    return reads


@pytest.mark.parametrize("look", [2, 3])
def test_who_comes_back_while_watched_is_not_behind(audit, heartbeat, proxy, look):
    """An old heartbeat, then a new one, by a clock that is right: before the first look of the
    watch, and before the second."""
    heartbeat("coord-1", age_ms=11 * MINUTE)
    reads = on_look(proxy, "coord-1", look, lambda: heartbeat("coord-1"))
    done = audit.json("--set", f"redis.url={proxy.url}")
    assert len(reads) > look - 1 and done.exit == 0 and not writers_of(done), done


@pytest.mark.parametrize("second, named", [(None, ["coord-1"]), (11 * MINUTE + 1, ["coord-1"]),
                                           (0, [])])
def test_the_last_that_is_seen_counts(audit, heartbeat, proxy, second, named):
    """A beat that was held up on its way, or before the clock was set, is made good by the next."""
    heartbeat("coord-1", age_ms=11 * MINUTE)
    key, reads = b"blocking:heartbeat:coord-1", []

    def on_command(_, words):
        if words[0].upper() == b"GETRANGE" and key in words:
            reads.append(1)
            if len(reads) == 3:
                heartbeat("coord-1", age_ms=11 * MINUTE)
            if len(reads) == 4 and second is not None:
                heartbeat("coord-1", age_ms=second)

    proxy.on_command = on_command
    done = audit.json("--set", f"redis.url={proxy.url}", config={"liveness": {"confirm": "3s"}})
    assert list(writers_of(done)) == named, done
    if named:
        assert within(writers_of(done)["coord-1"], -11 * MINUTE), done


@pytest.mark.parametrize("change", ["gone", "list", "empty", "garbage"])
def test_what_becomes_of_it_while_watched(audit, heartbeat, proxy, r, change):
    key = heartbeat("coord-1", age_ms=11 * MINUTE)

    def act():
        r.delete(key)
        if change == "list":
            r.lpush(key, "x")
        elif change != "gone":
            r.set(key, "" if change == "empty" else "garbage")

    on_look(proxy, "coord-1", 3, act)
    done = audit.json("--set", f"redis.url={proxy.url}")
    assert done.exit == 0 and not writers_of(done), done
    assert done.count("heartbeats-silent") == (change != "garbage"), done


def start_and_await_the_watch(audit, r, **config):
    run = audit.start("--format=json", config={"liveness": {"confirm": "50s"}, **config})
    wait_for(lambda: r.info("commandstats").get("cmdstat_getrange", {}).get("calls", 0) >= 2,
             what="the watch")
    return run


def test_stopped_while_watching(audit, heartbeat, r):
    heartbeat("coord-1", age_ms=11 * MINUTE)
    run = start_and_await_the_watch(audit, r)
    run.signal()
    done = run.wait()
    assert done.exit == 75 and "event=run-stopped" in done.stderr, done


def test_a_server_that_changes_while_watching(audit, heartbeat, server, r):
    heartbeat("coord-1", age_ms=11 * MINUTE)
    run = start_and_await_the_watch(audit, r, redis={"retries": 20})
    server.restart()
    done = run.wait().parse()
    assert not writers_of(done) and "the watch, which ends here" in done.stderr, done
    assert done.exit in (0, 1), done  # 1: where nothing keeps this machine's clock in step


def test_one_pass_for_a_hundred_thousand_heartbeats(audit, r, now_ms):
    n = 100000
    now = now_ms()
    pipe = r.pipeline(transaction=False)
    for i in range(n):
        stamp = now + (600000 if i == 777 else 0)
        pipe.set(f"blocking:heartbeat:coord-{i}", '{"timestamp":%d}' % stamp, ex=3000)
        if i % 10000 == 9999:
            pipe.execute()
    r.config_resetstat()
    done = audit.json("-q")
    calls = {k: v["calls"] for k, v in r.info("commandstats").items()}
    assert done.count("coordinators") == n, done.stderr
    assert list(writers_of(done)) == ["coord-777"], done.stderr
    # Each once (but for what SCAN gives twice); no page smaller than it has to be.
    assert n <= calls["cmdstat_getrange"] <= n * 1.1
    assert calls["cmdstat_scan"] <= n / 100 * 1.1
    assert calls.get("cmdstat_hgetall") == 1
    assert not [c for c in calls if c in ("cmdstat_keys", "cmdstat_get", "cmdstat_set")]
