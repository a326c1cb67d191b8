"""clock-audit: what the hosts of the fleet leave for one another."""

import time

import pytest
from harness.clocks import Clocks

SECOND = 1000000  # the results are in microseconds
KEY = "coordkeep:clock"


@pytest.fixture(scope="module")
def clocks(tmp_path_factory):
    return Clocks(tmp_path_factory.mktemp("clocks"))


@pytest.fixture
def host(job, clocks):
    """host("host-a", "+4") -> the JSON run of clock-audit on a host whose clock is 4 s ahead."""
    def run(name, wall="+0", *args, kernel="synchronised", **settings):
        audit = job("clock-audit", {"clock-audit": {"host": name, "samples": 32, **settings}})
        return audit.json(*args, env=clocks.env(wall, kernel))
    return run


def hosts_of(run):
    return {h["host"]: h for h in run.json["clock"]["hosts"]}


def pair_of(run):
    return run.json["clock"]["worst_pair"]


def test_one_host_has_nobody_to_compare_with(host):
    done = host("host-a")
    assert done.exit == 0, done
    assert list(hosts_of(done)) == ["host-a"], done
    assert pair_of(done) is None, done


def test_the_two_that_differ_most_are_named(host):
    """Each of the three is under the limit; two of them together are not."""
    assert host("host-fast", "+4").exit == 0
    slow = host("host-slow", "-4.5")
    assert slow.exit == 1, slow
    done = host("host-right")
    assert done.exit == 1, done
    assert not done.findings("clock-offset"), done
    found, = done.findings("hosts-disagree")
    assert found["severity"] == "warning" and found["key"] == "host-fast", done
    assert "host-fast" in found["text"] and "host-slow" in found["text"], done
    assert found["text"].count("(measured ") == 2 and "host-slow (measured " in found["text"], done
    assert "8.5 s ahead" in found["text"] and "timedatectl" in found["text"], done
    pair = pair_of(done)
    assert (pair["ahead"], pair["behind"]) == ("host-fast", "host-slow"), done
    assert abs(pair["difference_us"] - 8500000) <= pair["error_us"], done
    assert pair["certain_us"] == pair["difference_us"] - pair["error_us"], done
    assert set(hosts_of(done)) == {"host-fast", "host-slow", "host-right"}, done


def test_a_difference_past_critical(host):
    limits = {"warn": "50s"}
    host("host-fast", "+40", **limits)
    host("host-slow", "-40", **limits)
    done = host("host-right", **limits)
    assert done.exit == 2, done
    assert done.finding_codes() == ["hosts-disagree"], done
    assert done.findings("hosts-disagree")[0]["severity"] == "critical", done


def test_a_mended_clock_replaces_its_report(host, r):
    host("host-a", "+40")
    host("host-b")
    assert host("host-a").exit == 0
    assert host("host-b").exit == 0
    assert r.hlen(KEY) == 2


def test_when_all_others_agree_it_is_the_server(host):
    for name in ("host-a", "host-b"):
        host(name, "+90")
    done = host("host-c", "+90.2")
    found, = done.findings("clock-offset")
    assert "it is the clock of the Redis server that is wrong" in found["text"], done
    odd = host("host-d", "+0")
    assert "hosts-disagree" in odd.finding_codes() and not odd.findings("clock-offset"), odd


def test_the_report_is_as_documented(host, r, now_ms):
    done = host("host-a", "+20", report_ttl="40s")
    offset, error, at, reference, since, mono = r.hget(KEY, "host-a").decode().split(" ")
    assert abs(int(offset) - 20 * SECOND) <= int(error) < 1000, done
    assert abs(now_ms() - int(at)) < 60000 and since == "0"
    assert abs(time.monotonic() * 1000 - int(mono)) < 60000
    assert r.info("server")["run_id"].startswith(reference) and len(reference) == 8
    assert 0 < r.pttl(KEY) <= 40000
    assert r.hlen(KEY) == 1
    # The longest report_ttl of any host counts.
    host("host-b", report_ttl="30m")
    host("host-a", report_ttl="40s")
    assert r.pttl(KEY) > 60000


def test_old_and_foreign_reports_do_not_count(host, r, now_ms):
    run_id = r.info("server")["run_id"][:8]
    other = "f" * 8 if run_id[0] != "f" else "0" * 8
    day = 86400000
    entries = {
        "fresh": f"1000 5 {now_ms() - 1000} {run_id}",
        "unnamed-server": f"2000 5 {now_ms() - 1000}",
        "old": f"90000000 5 {now_ms() - 1900000} {run_id}",
        "future": f"90000000 5 {now_ms() + 600000} {run_id}",
        "far-future": f"90000000 5 {now_ms() + 2000000} {run_id}",
        "elsewhere": f"90000000 5 {now_ms()} {other}",
        "gone": f"90000000 5 {now_ms() - day - 60000} {run_id}",
    }
    r.hset(KEY, mapping=entries)
    done = host("host-a")
    assert done.exit == 0, done
    assert set(hosts_of(done)) == {"host-a", "fresh", "unnamed-server"}, done
    assert (done.count("hosts-old"), done.count("hosts-elsewhere")) == (4, 1), done
    # Who has not come back for a day is forgotten; the others are left.
    assert set(r.hkeys(KEY)) == {b"host-a", *(n.encode() for n in entries
                                           if n not in ("gone", "far-future"))}


def test_a_dry_run_forgets_nobody(host, r, now_ms):
    r.hset(KEY, "gone", f"0 5 {now_ms() - 90000000}")
    assert host("host-a", "+0", "-n").exit == 0
    assert r.hgetall(KEY).keys() == {b"gone"}
    assert r.pttl(KEY) == -1


@pytest.mark.parametrize("value", [b"", b"soon", b"1 2", b"1 2 3 4 5", b"\xff\x00", b"9" * 5000,
                                   b"31622400000001 5 1700000000000"])
def test_a_corrupt_report_is_named_and_left(host, r, now_ms, value):
    r.hset(KEY, mapping={"host-b": value, "host-c": f"2000000 5 {now_ms()}"})
    done = host("host-a")
    assert done.exit == 1, done
    found, = done.json["findings"]
    assert (found["code"], found["key"], found["severity"]) == \
        ("report-corrupt", "host-b", "warning"), done
    # The others count all the same.
    assert set(hosts_of(done)) == {"host-a", "host-c"}, done
    assert r.hget(KEY, "host-b") == value
    # That host's own next run mends it.
    assert host("host-b").exit == 0


def test_a_corrupt_report_of_a_host_that_is_not_utf8(host, r):
    r.hset(KEY, b"\xff\xfe", b"?")
    done = host("host-a")
    found, = done.findings("report-corrupt")
    assert found["key_b64"] == "//4=", done


def test_a_key_of_another_type(host, r):
    r.set(KEY, "something else")
    done = host("host-a")
    assert done.exit == 1, done
    assert done.finding_codes() == ["report-refused", "reports-unreadable"], done
    assert r.get(KEY) == b"something else"
    # Its own measurement is told all the same.
    assert list(hosts_of(done)) == ["host-a"], done


def test_a_hash_that_is_no_list_of_hosts(host, r):
    pipe = r.pipeline(transaction=False)
    for i in range(10001):
        pipe.hset(KEY, f"x{i}", "0 0 0")
    pipe.execute()
    done = host("host-a")
    assert done.finding_codes() == ["reports-unreadable"], done
    assert "10001 entries" in done.findings()[0]["text"], done


@pytest.mark.parametrize("allowed, codes", [
    (["%R~*"], ["report-refused"]),
    (["~blocking:*"], ["report-refused", "reports-unreadable"]),
])
def test_no_permission_for_the_report(job, clocks, r, server, heartbeat, allowed, codes):
    """A clear finding and exit code; everything else is audited all the same."""
    heartbeat("coord-fast", age_ms=-300000)
    r.execute_command("ACL", "SETUSER", "auditor", "on", ">secret", *allowed, "+@all")
    audit = job("clock-audit", {"clock-audit": {"host": "host-a"}})
    url = audit.config["redis"]["url"].replace("unix://", "unix://auditor:secret@")
    done = audit.json(env={**clocks.env(), "REDIS_URL": url})
    assert done.exit == 77, done
    assert done.finding_codes() == sorted([*codes, "writer-skewed"]), done
    refused, = done.findings("report-refused")
    assert refused["severity"] == "warning" and "NOPERM" in refused["text"], done
    assert not r.exists(KEY)


def test_a_full_server_refuses_the_report(host, r):
    r.config_set("maxmemory", 1)
    done = host("host-a")
    assert done.exit == 1, done
    refused, = done.findings("report-refused")
    assert "OOM" in refused["text"], done


def test_it_is_not_stopped_by_a_pause_and_takes_no_lease(host, r):
    r.set("coordkeep:pause", "an upgrade", ex=600)
    done = host("host-a")
    assert done.exit == 0, done
    assert set(r.keys("coordkeep:*")) == {b"coordkeep:pause", KEY.encode()}


def test_the_host_name_is_the_machines_without_one(job, clocks):
    import socket
    audit = job("clock-audit")
    done = audit.json(env=clocks.env())
    assert list(hosts_of(done)) == [socket.gethostname()], done


def test_the_gauges(host, job, clocks):
    host("host-fast", "+4")
    host("host-slow", "-4")
    audit = job("clock-audit", {"clock-audit": {"host": "host-a"}})
    assert audit.run(env=clocks.env()).exit == 1
    gauges = audit.metrics()
    assert gauges['coordkeep_clock_hosts{job="clock-audit"}'] == 3
    assert abs(gauges['coordkeep_clock_pair_difference_seconds{job="clock-audit"}'] - 8) < 0.01


def test_a_step_of_the_servers_clock_is_no_disagreement(host, r):
    """Both hosts are right; the server's clock went on by ten minutes between their reports."""
    host("host-a", "+0")
    host("host-b", "+0")
    for name in (b"host-a", b"host-b"):  # as they would be if it had stood ten minutes lower
        offset, error, at, reference, since, mono = r.hget(KEY, name).split(b" ")
        r.hset(KEY, name, b" ".join((str(int(offset) + 600 * SECOND).encode(), error,
                                     str(int(at) - 600000).encode(), reference, since, mono)))
    done = host("host-a", "+0")
    assert done.exit == 0 and done.count("hosts-before-step") == 1, done
    # Another one, which has no report of its own yet, is told.
    other = host("host-c", "+0")
    assert other.exit == 0 and other.count("hosts-before-step") == 1, other
    # What was measured since is compared again.
    assert "hosts-disagree" not in host("host-b", "+40").finding_codes()
    again = host("host-a", "+0")
    assert "hosts-disagree" in again.finding_codes(), again
    assert {"host-a", "host-b"} <= set(hosts_of(again)), again
